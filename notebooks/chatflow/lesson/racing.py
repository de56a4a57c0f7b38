"""The race in a notebook: its lanes, and next to them the matrix, in one output that goes on."""

import base64
from html import escape

from IPython.display import display

from ..basics.catalog import ROOT, capabilities, find_stage
from .sources import listing

# What stands in a cell and how it looks, in a light theme as in a dark one.
CELLS = {
    "yes": ("✓", "background:#0b7a58;color:#fff"),
    "no": ("✗", "background:rgba(204,31,54,.14)"),
    "?": ("?", "background:#b65308;color:#fff"),
}
CELL = "text-align:center;padding:2px 0;min-width:25px;border:1px solid rgba(128,138,155,.35);"
ROW = "text-align:left;font-weight:400;max-width:248px;padding:2px 10px 2px 0;white-space:normal"
BLOCK = "display:inline-block;vertical-align:top;max-width:100%;margin:0 14px 10px 0;"


class Shown:
    """How a race stands; when it is over its lanes are a picture that every viewer can show."""

    def __init__(self, race):
        self.race = race

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.html(), "text/plain": repr(self)}

    def __repr__(self):
        race = self.race
        return "\n\n".join([race.picture().text, race.survey.table(), *race.lane_reasons()])

    def html(self):
        race = self.race
        lanes = f'<div style="{BLOCK}width:645px">{picture_of(race)}</div>'
        table = f'<div style="{BLOCK}overflow-x:auto">{table_of(race.survey.columns)}</div>'
        below = [*filter(None, [race.survey.progress]), *race.reasons()]
        return lanes + table + "".join(f"<p>{escape(line)}</p>" for line in below)


def show_lane():
    """The code of what happens in each lane."""
    return listing(ROOT / "notebooks" / "chatflow" / "probing" / "race.py", "tell")


async def watch(race):
    """Run the race, and show it while it goes on; what stays is the picture of its end."""
    output, last = display(Shown(race), display_id=True), None

    def show(race):
        nonlocal last
        now = race.lanes(), race.survey.columns, race.survey.progress, race.is_over
        if now != last:
            output.update(Shown(race))
            last = now

    await race.run(show)


def picture_of(race):
    picture = race.picture()
    # As an image it follows the theme of JupyterLab.
    vector = address("svg+xml", picture.svg.encode())
    if not race.is_over:
        return f'<img alt="{escape(picture.text)}" src="{vector}">'
    # Not every viewer shows an SVG inside HTML.
    source = f'<source type="image/svg+xml" srcset="{vector}">'
    pixels = address("png", picture.png)
    return f'<picture>{source}<img alt="{escape(picture.text)}" src="{pixels}"></picture>'


def address(kind, data):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def table_of(columns):
    heads = "".join(f'<th scope="col" style="{CELL}">{find_stage(n).short}</th>' for n in columns)
    rows = [
        f'<tr><th scope="row" style="{ROW}">{escape(sentence)}</th>'
        f"{''.join(cell(column[key]) for column in columns.values())}</tr>"
        for key, sentence in capabilities().items()
    ]
    head = f'<tr><th style="{ROW}">what a stage can do</th>{heads}</tr>'
    body = f"<thead>{head}</thead><tbody>{''.join(rows)}</tbody>"
    return f'<table style="border-collapse:collapse;font-size:12px">{body}</table>'


def cell(found):
    sign, look = CELLS.get(found, (found, ""))
    return f'<td style="{CELL}{look}" title="{found}" aria-label="{found}">{sign}</td>'
