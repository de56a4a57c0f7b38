"""The lanes of the race: how far one message has come in each stage, to a reader on each instance.

A lane's track is a drawing without a word in it, so that a page can write next to it as large as
it likes; `Lanes` is the whole picture, for a notebook.
"""

from dataclasses import dataclass
from itertools import pairwise
from xml.etree import ElementTree

from . import svg
from .picture import Shown
from .svg import COLOURS, Font, element, shorten, write

# Where a message may stop: on the way in, then on a branch for each instance; "back" is its writer.
TRUNK = ("client", "server", "handler", "database", "layer")
BRANCHES = (("receivers A", "bob"), ("receivers B", "carol"))
BACK = "back"
# What stands over the stops.
HEADS = ("Alice", "server", "view or\nconsumer", "database", "layer", "receivers")
HEADS += ("Bob at A\nCarol at B",)
READY, RUNNING, NOBODY, HALF, ALL, BROKEN = "ready", "running", "none", "half", "all", "broken"
INK = {NOBODY: svg.RED, BROKEN: svg.RED, HALF: COLOURS["layer"], ALL: COLOURS["websocket"]}

STEP, ASIDE, RADIUS, TRACK_HIGH, EDGE = 60, 14, 10, 60, 20
TRACK_WIDE = STEP * (len(HEADS) - 1) + 2 * EDGE
LEFT, TOP, MARGIN = 272, 118, 22
WIDTH = LEFT + TRACK_WIDE + MARGIN
TITLE, SAYS, HEAD = Font(13.5, 600), Font(13, 600), Font(12)


@dataclass(frozen=True)
class Lane:
    """A stage in the race. `has` are the stops that it has, `stops` those the message has come to.

    `end` is how it ended: nobody, half or all of those who wait were reached; `says` says it.
    `kinds` are the kinds of its handler and of its receivers.
    """

    name: str
    title: str
    has: frozenset
    kinds: dict
    stops: tuple = ()
    says: str = "waits for its turn"
    end: str = READY

    @property
    def words(self):
        return f"{self.name} {self.title}: {self.says}"


class Lanes(Shown):
    """All lanes in one picture."""

    def __init__(self, title, about, lanes):
        self.title, self.about, self.lanes = title, about, tuple(lanes)

    @property
    def text(self):
        return "\n".join([f"{self.title}. {self.about}", *(lane.words for lane in self.lanes)])

    @property
    def drawn(self):
        height = TOP + TRACK_HIGH * len(self.lanes) + MARGIN / 2
        root = svg.card("race", WIDTH, height, self.title, self.text)
        svg.write_title(root, MARGIN, svg.title_lines(self.title, self.about, WIDTH - 2 * MARGIN))
        write_heads(root)
        for number, lane in enumerate(self.lanes):
            draw_lane(root, lane, TOP + TRACK_HIGH * number)
        return svg.text_of(root)


def write_heads(root):
    for number, head in enumerate(HEADS):
        for line, text in enumerate(reversed(head.split("\n"))):
            x = LEFT + EDGE + STEP * number
            write(root, x, TOP - 8 - 14 * line, text, HEAD, anchor="middle", fill=svg.MUTED)


def draw_lane(root, lane, top):
    middle, room = top + TRACK_HIGH / 2, LEFT - MARGIN - 12
    element(root, "line", x1=MARGIN, x2=WIDTH - MARGIN, y1=top, y2=top, stroke=svg.EDGE)
    title = shorten(f"{lane.name} {lane.title}", room, TITLE)
    write(root, MARGIN, middle - 4, title, TITLE, fill=svg.INK)
    ink = INK.get(lane.end, svg.MUTED)
    write(root, MARGIN, middle + 15, shorten(lane.says, room, SAYS), SAYS, fill=ink)
    draw_track(element(root, "g", transform=f"translate({LEFT} {top})"), lane)


def track(lane):
    """A lane's track alone, as the text of an SVG; its words stand next to it on the page."""
    size = {"viewBox": f"0 0 {TRACK_WIDE} {TRACK_HIGH}", "aria-hidden": "true"}
    root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size})
    draw_track(root, lane)
    return svg.text_of(root)


# --- the track ------------------------------------------------------------------------------------


def draw_track(root, lane):
    group = element(root, "g", class_="lane", data_end=lane.end)
    for start, end in sorted(ways(lane), key=lambda way: way[1] in lane.stops):
        draw_way(group, place(start), place(end), taken=end in lane.stops)
    if BACK in lane.stops:
        draw_way_back(group)
    for stop in sorted(lane.has, key=order_of):
        draw_stop(group, lane, stop)


def ways(lane):
    """From each stop that the lane has to the next: along the trunk, then along both branches."""
    yield from pairwise(trunk_of(lane))
    for branch in BRANCHES:
        there = [stop for stop in branch if stop in lane.has]
        yield from pairwise([fork(lane, there[0]), *there])


def trunk_of(lane):
    return [stop for stop in TRUNK if stop in lane.has]


def fork(lane, stop):
    """Where the branch to this stop begins: a hub tells its own sockets before the layer."""
    before = lane.stops[: lane.stops.index(stop)] if stop in lane.stops else TRUNK
    return [each for each in trunk_of(lane) if each in before][-1]


def order_of(stop):
    return [*TRUNK, *BRANCHES[0], *BRANCHES[1]].index(stop)


def place(stop):
    """Where a stop stands on the track."""
    for branch, y in zip(BRANCHES, (-ASIDE, ASIDE), strict=True):
        if stop in branch:
            return EDGE + STEP * (len(TRUNK) + branch.index(stop)), TRACK_HIGH / 2 + y
    return EDGE + STEP * TRUNK.index(stop), TRACK_HIGH / 2


def draw_way(group, start, end, taken):
    (x1, y1), (x2, y2) = start, end
    bend = f"H{x1 + STEP * 0.3:.1f}L{x1 + STEP * 0.6:.1f} {y2}H{x2}"
    line = {"fill": "none", "stroke_linecap": "round", "d": f"M{x1} {y1}{bend}"}
    if taken:
        line |= {"stroke": COLOURS["websocket"], "stroke_width": 3.5, "class_": "way taken"}
    else:
        line |= {"stroke": svg.LINE, "stroke_width": 2, "class_": "way", "stroke_dasharray": "1 5"}
    element(group, "path", **line)


def draw_way_back(group):
    """What Alice's own socket got: an arrow from her consumer, below the trunk."""
    (x1, y), (x2, _) = place("handler"), place("client")
    colour, low = COLOURS["websocket"], y + RADIUS + 10
    line = {"fill": "none", "stroke": colour, "stroke_width": 2, "class_": "way taken"}
    d = f"M{x1} {y + RADIUS}Q{x1} {low} {x1 - 14} {low}H{x2 + 14}Q{x2} {low} {x2} {y + RADIUS + 6}"
    element(group, "path", d=d, **line)
    element(group, "path", d=f"M{x2} {y + RADIUS}l-5 8h10z", fill=colour, class_="tip")


def draw_stop(group, lane, stop):
    x, y = place(stop)
    kind = lane.kinds.get(stop.split()[0], "client" if stop in ("bob", "carol") else stop)
    missed = stop in ("bob", "carol") and lane.end in (NOBODY, HALF)
    small = RADIUS if stop in TRUNK else RADIUS - 1
    if stop in lane.stops:
        group = element(group, "g", class_="stop reached", data_stop=stop)
        svg.icon(group, x, y, kind, svg.STATION_COLOURS[kind], small)
    elif missed:
        group = element(group, "g", class_="stop missed", data_stop=stop)
        svg.cross(group, x, y, small)
    else:
        group = element(group, "g", class_="stop", data_stop=stop)
        ring = {"fill": svg.CARD, "stroke": svg.FAINT, "stroke_width": 1.5, "class_": "waiting"}
        element(group, "circle", cx=x, cy=y, r=4.5, **ring)
