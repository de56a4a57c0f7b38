"""Who did what when, on one time axis: measured spans as bars."""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from xml.etree import ElementTree

from .picture import Shown
from .svg import (
    CARD,
    COLOURS,
    EDGE,
    INK,
    LINE,
    MUTED,
    RED,
    SANS,
    element,
    shorten,
    text_width,
    write,
)

SPAN_COLOURS = {
    "waiting": "#aab8cf",
    "working": COLOURS["layer"],
    "done": COLOURS["websocket"],
    "lost": RED,
}
SPAN_WORDS = {"waiting": "waits", "working": "works", "done": "answered", "lost": "in vain"}
WIDTH, LEFT, RIGHT = 900, 190, 40
ROW, BAR, SECTION = 30, 18, 34
TOP, BOTTOM = 66, 64


@dataclass(frozen=True)
class Span:
    """From `start` to `end`, in seconds since the common start of all rows."""

    start: float
    end: float
    label: str = ""
    kind: str = "waiting"


@dataclass(frozen=True)
class Row:
    """One line of the axis; rows of the same section stand together."""

    section: str
    name: str
    spans: list[Span]


class Timeline(Shown):
    """A time axis as a notebook shows it."""

    def __init__(self, title, rows):
        self.title, self.rows = title, list(rows)
        self.seconds = max(span.end for row in self.rows for span in row.spans)

    def x(self, second):
        return LEFT + (WIDTH - LEFT - RIGHT) * second / self.seconds

    @cached_property
    def svg(self):
        sections = [
            (name, list(rows)) for name, rows in groupby(self.rows, lambda row: row.section)
        ]
        height = TOP + len(sections) * SECTION + len(self.rows) * ROW + BOTTOM
        svg = self.card(height)
        self.draw_scale(svg, TOP + SECTION - 8, height - BOTTOM + 4)
        y = TOP
        for name, rows in sections:
            write(svg, 24, y + 22, name, 14, weight=600, fill=INK)
            y += SECTION
            for row in rows:
                self.draw_row(svg, row, y)
                y += ROW
        self.draw_legend(svg, height - 16)
        return ElementTree.tostring(svg, encoding="unicode")

    def card(self, height):
        svg = ElementTree.Element("svg", xmlns="http://www.w3.org/2000/svg", role="img")
        svg.attrib |= {"viewBox": f"0 0 {WIDTH} {height}", "width": "100%", "font-family": SANS}
        element(svg, "title").text = self.title
        element(svg, "desc").text = self.text
        element(svg, "rect", width=WIDTH, height=height, rx=14, fill=CARD, stroke=EDGE)
        write(svg, 24, 36, self.title, 19, weight=600, fill=INK)
        return svg

    def draw_row(self, svg, row, y):
        name = shorten(row.name, LEFT - 40, 13)
        write(svg, LEFT - 12, y + 18, name, 13, anchor="end", fill=MUTED)
        for span in row.spans:
            self.draw_span(svg, span, y + (ROW - BAR) / 2)

    def draw_span(self, svg, span, y):
        start, end = self.x(span.start), self.x(span.end)
        group = element(svg, "g", class_="span", data_kind=span.kind)
        width = max(end - start, 3)
        colour = SPAN_COLOURS[span.kind]
        element(
            group, "rect", x=start, y=y, width=width, height=BAR, rx=min(4, width / 2), fill=colour
        )
        room = text_width(span.label, 12, 600) + 12
        if room <= width:
            fill = INK if span.kind == "waiting" else "#ffffff"
            write(group, start + 7, y + 13.5, span.label, 12, weight=600, fill=fill)

    def draw_scale(self, svg, top, y):
        step = next((s for s in (0.1, 0.25, 0.5, 1, 2, 5, 10) if self.seconds / s <= 8), 60)
        for number in range(int(self.seconds / step) + 1):
            x = self.x(number * step)
            element(svg, "line", x1=x, y1=top, x2=x, y2=y, stroke=LINE, stroke_dasharray="2 4")
            write(svg, x, y + 18, f"{number * step:g} s", 12, anchor="middle", fill=MUTED)

    def draw_legend(self, svg, y):
        x, used = 24, {span.kind for row in self.rows for span in row.spans}
        for kind in [kind for kind in SPAN_COLOURS if kind in used]:
            element(svg, "rect", x=x, y=y - 9, width=18, height=8, rx=4, fill=SPAN_COLOURS[kind])
            write(svg, x + 25, y, SPAN_WORDS[kind], 12, fill=MUTED)
            x += 60 + text_width(SPAN_WORDS[kind], 12)

    @property
    def text(self):
        lines = [
            f"{row.section}, {row.name}: {span.label or SPAN_WORDS[span.kind]}, "
            f"{span.start:.2f} s to {span.end:.2f} s"
            for row in self.rows
            for span in row.spans
        ]
        return "\n".join([self.title, *lines])


def timeline(title, rows):
    """Draw rows of measured spans on one axis; display it as the last expression of a cell."""
    return Timeline(title, rows)
