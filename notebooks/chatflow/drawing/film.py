"""A moving picture of two people on two instances, and of what happens there, scene by scene.

At rest it shows its end: so it is complete where SVG does not move, and where a reader has asked
for stillness.
"""

from dataclasses import dataclass
from itertools import accumulate

from . import svg
from .animation import lead_dot, steps
from .folding import fingerprint
from .svg import COLOURS, Font, element, text_width, write

NAME, TEXT, SMALL = Font(13, 600), Font(13), Font(12)
CAPTION, FIGURES = Font(15, 600), Font(14)
BEFORE, TRAVEL, AFTER, LAST = 0.6, 0.45, 1.4, 2.4  # seconds: of a scene, of one way, of the end
ROW = 30  # from one message on a page to the next


@dataclass(frozen=True)
class Scene:
    """What happens, in a sentence; `ways` are the (kind, from, to) that the dot goes.

    After it the pages show the texts in `seen`, {name: [text, …]}. `away` are the parts and people
    that are gone meanwhile; `figures` is what has been counted, in words.
    """

    caption: str
    ways: tuple
    seen: dict
    figures: str
    away: tuple = ()


@dataclass(frozen=True)
class Ground:
    """How large the picture is, where pages and parts stand (x, y, width, height), and words."""

    width: int
    height: int
    places: dict
    words: tuple  # x, y, width

    def middle(self, name):
        x, y, width, height = self.places[name]
        return x + width / 2, y + height / 2


WIDE = Ground(
    860,
    336,
    {
        "alice": (22, 58, 176, 148),
        "bob": (662, 58, 176, 148),
        "A": (236, 70, 98, 62),
        "layer": (381, 70, 98, 62),
        "B": (526, 70, 98, 62),
        "database": (381, 182, 98, 62),
    },
    (22, 278, 816),
)
NARROW = Ground(
    344,
    536,
    {
        "alice": (12, 76, 154, 140),
        "bob": (178, 76, 154, 140),
        "A": (12, 254, 96, 62),
        "layer": (124, 254, 96, 62),
        "B": (236, 254, 96, 62),
        "database": (124, 358, 96, 62),
    },
    (12, 454, 320),
)
PARTS = {  # kind, title, what stands below that
    "A": ("server", "instance A", "Alice’s"),
    "B": ("server", "instance B", "Bob’s"),
    "layer": ("layer", "Redis", "the layer"),
    "database": ("database", "database", "the truth"),
}


def film(title, scenes, ground=WIDE):
    """An SVG in which the scenes are played one after another, over and over."""
    clock = Clock(scenes)
    told = [*(scene.caption for scene in scenes), scenes[-1].figures]
    name = f"film-{fingerprint([title, *told, str(ground.width)])}"
    root = svg.card(name, ground.width, ground.height, title, " ".join(told))
    svg.write_title(root, ground.words[0], svg.title_lines(title, "", ground.words[2]))
    for ends in dict.fromkeys(tuple(sorted(way[1:])) for each in scenes for way in each.ways):
        draw_wire(root, *ends, ground)
    lead_dot(root, travels(scenes, ground, clock), clock.total)  # into the boxes, drawn below
    for name in PARTS:
        draw_part(root, name, ground, away(name, scenes, clock))
    for name in scenes[-1].seen:
        draw_page(root, name, ground, away(name, scenes, clock), arrivals(name, scenes, clock))
    x, y, room = ground.words
    for index, scene in enumerate(scenes):
        caption = appear(root, clock.of_scene(index))
        for row, line in enumerate(svg.wrap(scene.caption, room, CAPTION, 2)):
            write(caption, x, y + 20 * row, line, CAPTION, fill=svg.INK)
        figures = appear(root, clock.after_ways(index))
        write(figures, x, ground.height - 20, scene.figures, FIGURES, fill=svg.MUTED)
    return svg.text_of(root)


class Clock:
    """When each scene begins, in seconds, and how long the whole is."""

    def __init__(self, scenes):
        self.counts = [len(scene.ways) for scene in scenes]
        lasts = [BEFORE + len(scene.ways) * TRAVEL + AFTER for scene in scenes]
        lasts[-1] += LAST
        *self.begins, self.total = accumulate(lasts, initial=0)

    def of_scene(self, index):
        return Span(self.begins[index], [*self.begins, self.total][index + 1], self.total)

    def after_ways(self, index):
        """From when the ways of a scene have been gone, until those of the next have."""
        ends = [self.of_way(at, count) for at, count in enumerate(self.counts)]
        return Span(ends[index], [*ends, self.total][index + 1], self.total)

    def of_way(self, index, way):
        """When the dot of a scene starts on one of its ways."""
        return self.begins[index] + BEFORE + way * TRAVEL


@dataclass(frozen=True)
class Span:
    """From when to when something is to be seen, in seconds of `total`."""

    start: float
    end: float
    total: float

    @property
    def stays(self):
        return self.end >= self.total

    def steps(self):
        """{values, keyTimes} of its opacity."""
        found = [("0", 0.0)] * (self.start > 0) + [("1", self.start)]
        found += [("0", self.end)] * (not self.stays)
        return steps([value for value, _ in found], [at / self.total for _, at in found])


def appear(parent, span):
    """A group that is there in this span of time; at rest, if it is there in the end."""
    looks = {"class_": "stays" if span.stays else "goes", "opacity": "1" if span.stays else "0"}
    group = element(parent, "g", **looks)
    kind = {"attributeName": "opacity", "calcMode": "discrete", "repeatCount": "indefinite"}
    element(group, "animate", **kind, **span.steps(), dur=f"{span.total:.2f}s")
    return group


def away(name, scenes, clock):
    """The spans of time in which somebody, or something, is gone."""
    gone = [index for index, scene in enumerate(scenes) if name in scene.away]
    if not gone:
        return []
    first, last = clock.of_scene(gone[0]), clock.of_scene(gone[-1])
    return [Span(first.start, last.end, clock.total)]


def arrivals(name, scenes, clock):
    """(text, span) of each message on somebody's page: from when the dot has come there."""
    shown = 0
    for index, scene in enumerate(scenes):
        comes = [place for place, way in enumerate(scene.ways, 1) if way[2] == name]
        for text in scene.seen[name][shown:]:
            way = comes.pop(0) if len(comes) > 1 else comes[0]
            yield text, Span(clock.of_way(index, way), clock.total, clock.total)
        shown = len(scene.seen[name])


def travels(scenes, ground, clock):
    """(start, seconds, colour, points) of each way of the dot."""
    for index, scene in enumerate(scenes):
        for place, (kind, *ends) in enumerate(scene.ways):
            points = [ground.middle(name) for name in ends]
            yield clock.of_way(index, place), TRAVEL, COLOURS[kind], points


def draw_wire(root, one, other, ground):
    (x1, y1), (x2, y2) = ground.middle(one), ground.middle(other)
    line = {"stroke": svg.LINE, "stroke_width": 2}
    element(root, "line", x1=x1, y1=y1, x2=x2, y2=y2, **line)


def draw_box(root, place, edge, **more):
    x, y, width, height = place
    shape = {"x": x, "y": y, "width": width, "height": height, "rx": 12}
    element(root, "rect", **shape, fill=svg.WHITE, stroke=edge, stroke_width=1.6, **more)


def draw_part(root, name, ground, gone):
    kind, title, about = PARTS[name]
    x, y, width, height = ground.places[name]
    group = element(root, "g", class_="part", data_part=name)
    colour = svg.STATION_COLOURS[kind]
    draw_box(group, ground.places[name], colour)
    svg.icon(group, x + width / 2, y, kind, colour, 11)
    write(group, x + width / 2, y + 30, title, NAME, anchor="middle", fill=svg.INK)
    write(group, x + width / 2, y + 48, about, SMALL, anchor="middle", fill=svg.MUTED)
    for span in gone:
        over = appear(group, span)
        red = {"fill": svg.RED_PALE, "stroke": svg.RED, "stroke_width": 1.6}
        element(over, "rect", x=x, y=y, width=width, height=height, rx=12, **red)
        svg.cross(over, x + width / 2, y, 11)
        write(over, x + width / 2, y + 30, title, NAME, anchor="middle", fill=svg.RED_INK)
        write(over, x + width / 2, y + 48, "killed", SMALL, anchor="middle", fill=svg.RED_INK)


def draw_page(root, name, ground, gone, shown):
    x, y, width, _ = ground.places[name]
    group = element(root, "g", class_="page", data_page=name)
    draw_box(group, ground.places[name], svg.HEAD_EDGE)
    write(group, x + 14, y + 26, f"{name.capitalize()}’s page", NAME, fill=svg.INK)
    for span in gone:
        over = appear(group, span)
        svg.pill(over, x + width - text_width("offline", SMALL) - 22, y + 13, "offline", SMALL, 18)
    for row, (text, span) in enumerate(shown):
        bubble, top = appear(group, span), y + 42 + row * ROW
        size = {"width": text_width(text, TEXT) + 20, "height": 24, "rx": 10}
        element(bubble, "rect", x=x + 12, y=top, **size, fill=svg.CHIP)
        write(bubble, x + 22, top + 16.5, text, TEXT, fill=svg.INK)
