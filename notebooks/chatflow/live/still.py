"""A chat and its switches as a still picture: for notebooks that are read, not run."""

from dataclasses import dataclass
from xml.etree import ElementTree

from ..drawing import flow_map, svg
from ..drawing.svg import Font, element, text_width, wrap, write
from ..tracing.flow import Flow

WIDTH, MARGIN, LINE = 808, 26, 19
NAME, BUTTON, WORDS = Font(14, 600), Font(12.5, 600), Font(14)
BUTTONS_AT, WORDS_AT, ROW = 130, 300, 14  # from the left; and between two rows


@dataclass
class Row:
    """A part of the run, its switches, and what a user sees after the first of them."""

    name: str
    actions: list[str]
    lines: list[str]

    @property
    def height(self):
        return len(self.lines) * LINE + ROW


def idle(run):
    """The flow map of a run in which nothing has happened yet."""
    scene = run.scene()
    # Messages come by sockets, where there are any.
    has = tuple(kind for kind in scene.has if kind != "view" or "consumer" not in scene.has)
    return flow_map(Flow(scene.title, "Nothing has been written yet.", (), (), (), has=has))


def still(run, switches):
    """The map of a run, and below it a row for each part that can be switched."""
    above = ElementTree.fromstring(idle(run))
    for part in above.iter():
        part.tag = part.tag.rpartition("}")[2]  # what is written is in no namespace but SVG's
    top = float(above.get("viewBox").split()[3]) + MARGIN
    rows = [make_row(part, switches) for part in switches.told()]
    height = top + sum(row.height for row in rows) + MARGIN
    words = " ".join(f"{row.name}: {', '.join(row.actions)}. {' '.join(row.lines)}" for row in rows)
    root = svg.card("live", WIDTH, height, f"{run.stage.heading}, with its switches", words)
    # Without its words, which are ours, and the card that it lies on.
    element(root, "g").extend(part for part in above if part.tag not in ("title", "desc", "rect"))
    for row in rows:
        draw_row(root, row, top)
        top += row.height
    return svg.text_of(root)


def make_row(part, switches):
    first = part["known"][0]
    said = f"{first}: {switches.sentence(part['name'], first)}"
    return Row(part["name"], part["known"], wrap(said, WIDTH - WORDS_AT - MARGIN, WORDS, 4))


def draw_row(root, row, top):
    write(root, MARGIN, top + 14, row.name, NAME, fill=svg.INK)
    left = BUTTONS_AT
    for action in row.actions:
        width = text_width(action, BUTTON) + 18
        shape = {"x": left, "y": top - 3, "width": width, "height": 24, "rx": 8}
        element(root, "rect", fill=svg.WHITE, stroke=svg.LINE, **shape)
        write(root, left + width / 2, top + 13.5, action, BUTTON, anchor="middle", fill=svg.INK)
        left += width + 6
    for number, line in enumerate(row.lines):
        write(root, WORDS_AT, top + 14 + number * LINE, line, WORDS, fill=svg.MUTED)
