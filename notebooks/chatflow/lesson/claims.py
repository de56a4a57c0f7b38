"""`notebooks/claims.toml`: what the walkthrough claims, and which cells settle it."""

import json
import tomllib
from dataclasses import dataclass
from functools import cache

from ..basics.catalog import ROOT

FOLDER = ROOT / "notebooks"


@dataclass(frozen=True)
class Place:
    """A cell of a notebook, and the heading that it stands under."""

    notebook: str
    heading: str
    cell: dict

    @property
    def source(self):
        return "".join(self.cell["source"])

    @property
    def link(self):
        anchor = self.heading.replace(" ", "-")
        return f"[{self.notebook[:2]} · {self.heading}]({self.notebook}.ipynb#{anchor})"


@cache
def load():
    return tomllib.loads((FOLDER / "claims.toml").read_text())


def places():
    """{tag: the cells that carry it}, over all notebooks, in their order."""
    found = {}
    for path in sorted(FOLDER.glob("[0-9]*.ipynb")):
        for place in places_in(path):
            for tag in place.cell["metadata"].get("tags", ()):
                found.setdefault(tag, []).append(place)
    return found


def places_in(path):
    heading = ""
    # As JSON: nbformat takes over a second to load.
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "markdown":
            headings = [line.rstrip() for line in cell["source"] if line.startswith("#")]
            heading = headings[-1].lstrip("# ") if headings else heading
        else:
            yield Place(path.stem, heading, cell)


def claims_table():
    """Each claim with the cells that settle it, as a Markdown table."""
    lines = ["| | claim | settled in |", "| --- | --- | --- |"]
    found = places()
    for name, text in load()["claim"].items():
        lines.append(f"| {name} | {text} | {links(found.get(name, ()))} |")
    return "\n".join(lines)


def symptoms_table():
    """Each error that people search for, with the cell that shows and cures it."""
    lines = ["| what you see | what it means | reproduced and cured in |", "| --- | --- | --- |"]
    found = places()
    for entry in load()["symptom"]:
        where = links(found.get(entry["tag"], ()))
        lines.append(f"| `{entry['error']}` | {entry['means']} | {where} |")
    return "\n".join(lines)


def links(found):
    return "<br>".join(dict.fromkeys(place.link for place in found))
