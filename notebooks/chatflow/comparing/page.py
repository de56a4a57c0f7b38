"""`compare.sh report`: `notebooks/compared.md`, from the tables that are kept."""

from importlib import import_module

from ..basics.catalog import ROOT
from ..basics.pages import with_parts
from . import guessing, tables

COMPARED = ROOT / "notebooks" / "compared.md"
TABLES = ("servers", "layers", "versions")
NOT_YET = "Not measured yet: `./scripts/compare.sh {} --keep`."


def write():
    COMPARED.write_text(text())


def text():
    return with_parts(COMPARED, {name: part(name) for name in TABLES})


def part(name):
    """A table, and below it what it says (the module's `in_words`), in Markdown."""
    if not tables.is_kept(name):
        return NOT_YET.format(name)
    facts = tables.found(name)
    said = [getattr(import_module(f"..{name}", __name__), "in_words", lambda facts: "")(facts)]
    if (guessing.GUESSES / f"{name}.toml").is_file():
        said.append(guessing.in_words(name))
    return "\n\n".join([tables.as_markdown(facts), *filter(None, said), tables.measured(facts)])
