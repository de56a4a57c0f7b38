"""`compare.sh report`: `notebooks/compared.md`, from the tables that are kept; the README's lines.

A table is made by a module of its name; its `in_words(facts)` says below it what it shows, and
its `in_a_line(facts)` what is most surprising in it.
"""

import re
from importlib import import_module

from ..basics.catalog import ROOT
from ..basics.pages import README, with_parts
from . import guessing, tables

COMPARED = ROOT / "notebooks" / "compared.md"
# By name: how the README links it, and the heading on the page that it links.
TABLES = {
    "servers": ("Servers compared", "servers"),
    "layers": ("Channel layers compared", "channel-layers"),
    "versions": ("Versions compared", "versions"),
}
NOT_YET = "Not measured yet: `./scripts/compare.sh {} --keep`."
LINES = re.compile(r"(?:^- \[[^]]*\]\(notebooks/compared\.md#.*\n)+", re.MULTILINE)


def write():
    """Write the page, and the README's lines, again."""
    for path, text in pages().items():
        path.write_text(text)


def pages():
    """{page: its text, with what comes from the kept tables}."""
    parts = {name: part(name) for name in TABLES}
    readme = LINES.sub(lambda _: lines(), README.read_text(), count=1)
    return {COMPARED: with_parts(COMPARED, parts), README: readme}


def part(name):
    """A table, and below it what it says, in Markdown."""
    if not tables.is_kept(name):
        return NOT_YET.format(name)
    facts = tables.found(name)
    said = [says(name, "in_words")(facts)]
    if (guessing.GUESSES / f"{name}.toml").is_file():
        said.append(guessing.in_words(name))
    parts = [
        tables.as_markdown(tables.narrowed(facts)),
        tables.other_pythons(facts),
        " ".join(said),
    ]
    return "\n\n".join(filter(None, [*parts, tables.measured(facts)]))


def lines():
    """The README's links to the tables, each with what surprises most."""
    return "".join(line(name) for name in TABLES if tables.is_kept(name))


def line(name):
    title, heading = TABLES[name]
    surprise = says(name, "in_a_line")(tables.found(name))
    return f"- [{title}](notebooks/compared.md#{heading}). {surprise}\n"


def says(name, which):
    return getattr(import_module(f"..{name}", __name__), which)
