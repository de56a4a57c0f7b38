"""`notebooks/claims.toml`: what the walkthrough claims, and which cells settle it."""

import json
import tomllib
from dataclasses import dataclass
from functools import cache

from .notebooks import FOLDER


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
    rows = [(name, text, name) for name, text in load()["claim"].items()]
    return table("| | claim | settled in |", rows)


def symptoms_table():
    """Each error that people search for, with the cell that shows and cures it."""
    rows = [(f"`{entry['error']}`", entry["means"], entry["tag"]) for entry in load()["symptom"]]
    return table("| what you see | what it means | reproduced and cured in |", rows)


def table(head, rows):
    """Rows of (cell, cell, tag) in Markdown, with links to all that carries the tag."""
    found = places()
    lines = [head, "| --- | --- | --- |"]
    for first, second, tag in rows:
        links = dict.fromkeys(place.link for place in found.get(tag, ()))
        lines.append(f"| {first} | {second} | {'<br>'.join(links)} |")
    return "\n".join(lines)
