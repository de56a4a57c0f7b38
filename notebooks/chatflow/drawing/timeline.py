"""Who did what when, on one time axis: measured spans as bars."""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from . import svg
from .folding import fingerprint
from .picture import Shown
from .svg import COLOURS, Font, element, text_width, write

# What kinds of span there are: each with its colour and its word.
KINDS = {
    "waiting": (svg.WAITING, "waits"),
    "working": (COLOURS["layer"], "works"),
    "done": (COLOURS["websocket"], "answered"),
    "lost": (svg.RED, "in vain"),
    "alarm": (svg.RED, "says that something is wrong"),
}
SECTION_NAME, NAME, LABEL, SMALL = Font(14, 600), Font(13), Font(12, 600), Font(12)
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
    def drawn(self):
        sections = [
            (name, list(rows)) for name, rows in groupby(self.rows, lambda row: row.section)
        ]
        height = TOP + len(sections) * SECTION + len(self.rows) * ROW + BOTTOM
        root = self.card(height)
        self.draw_scale(root, TOP + SECTION - 8, height - BOTTOM + 4)
        y = TOP
        for name, rows in sections:
            write(root, 24, y + 22, name, SECTION_NAME, fill=svg.INK)
            y += SECTION
            for row in rows:
                self.draw_row(root, row, y)
                y += ROW
        self.draw_legend(root, height - 16)
        return svg.text_of(root)

    def card(self, height):
        name = f"timeline-{fingerprint([self.text])}"
        root = svg.card(name, WIDTH, height, self.title, self.text)
        write(root, 24, 36, self.title, svg.HEADING, fill=svg.INK)
        return root

    def draw_row(self, root, row, y):
        name = svg.shorten(row.name, LEFT - 40, NAME)
        write(root, LEFT - 12, y + 18, name, NAME, anchor="end", fill=svg.MUTED)
        for span in row.spans:
            self.draw_span(root, span, y + (ROW - BAR) / 2)

    def draw_span(self, root, span, y):
        start, colour = self.x(span.start), KINDS[span.kind][0]
        width = max(self.x(span.end) - start, 3)
        group = element(root, "g", class_="span", data_kind=span.kind)
        shape = {"width": width, "height": BAR, "rx": min(4, width / 2)}
        element(group, "rect", x=start, y=y, **shape, fill=colour)
        if text_width(span.label, LABEL) + 12 <= width:
            fill = svg.INK if span.kind == "waiting" else svg.WHITE
            write(group, start + 7, y + 13.5, span.label, LABEL, fill=fill)

    def draw_scale(self, root, top, y):
        step = next((s for s in (0.1, 0.25, 0.5, 1, 2, 5, 10) if self.seconds / s <= 8), 60)
        line = {"stroke": svg.LINE, "stroke_dasharray": "2 4"}
        for number in range(int(self.seconds / step) + 1):
            x = self.x(number * step)
            element(root, "line", x1=x, y1=top, x2=x, y2=y, **line)
            write(root, x, y + 18, f"{number * step:g} s", SMALL, anchor="middle", fill=svg.MUTED)

    def draw_legend(self, root, y):
        x, used = 24, {span.kind for row in self.rows for span in row.spans}
        for colour, word in [looks for kind, looks in KINDS.items() if kind in used]:
            element(root, "rect", x=x, y=y - 9, width=18, height=8, rx=4, fill=colour)
            write(root, x + 25, y, word, SMALL, fill=svg.MUTED)
            x += 60 + text_width(word, SMALL)

    @property
    def text(self):
        lines = [
            f"{row.section}, {row.name}: {span.label or KINDS[span.kind][1]}, "
            f"{span.start:.2f} s to {span.end:.2f} s"
            for row in self.rows
            for span in row.spans
        ]
        return "\n".join([self.title, *lines])


def timeline(title, rows):
    """Draw rows of measured spans on one axis; display it as the last expression of a cell."""
    return Timeline(title, rows)
