"""The flow map: the seven stations of the walkthrough, lit by what the hops really touched."""

from dataclasses import replace
from itertools import pairwise

from . import svg
from .animation import travelling_dot
from .folding import CLIENTS, fingerprint, fold, words
from .places import HINTED, WALK, WOKEN, Way, find_places, find_ways, is_beside
from .seats import HIGH, NARROW, WIDE
from .svg import COLOURS, Font, element, shorten, text_width, write

LOOKS = {  # state: ground, edge, dashes, title, what stands below it
    "lit": (svg.WHITE, None, None, svg.INK, svg.MUTED),
    "once": (svg.WHITE, None, "5 4", svg.INK, svg.MUTED),
    "unreached": (svg.UNREACHED, svg.PALE_EDGE, None, svg.FAINT, svg.FAINT),
    "absent": ("none", svg.PALE_EDGE, "3 4", svg.FAINT, svg.FAINT),
    "lost": (svg.RED_PALE, svg.RED, None, svg.RED_INK, svg.RED_INK),
}
TITLE, ABOUT, CODE, COUNT = Font(15.5, 600), Font(12), Font(13, mono=True), Font(12, 600)


def flow_map(flow, *, narrow=False):
    """An SVG of the walkthrough's stations, each lit or grey as the flow's hops touched it.

    `narrow` puts them in two columns, for a phone.
    """
    board, places, ways = NARROW if narrow else WIDE, find_places(flow), find_ways(flow)
    room = board.width - 2 * board.margin
    heading = svg.title_lines(flow.title, flow.subtitle, room)
    over, under = board.over({way.ends for way in ways})
    board = replace(board, top=heading[-1][0] + 16 + over)
    name = f"map-{fingerprint([*words(flow), str(narrow)])}"
    height = board.top + board.height + under + 26
    root = svg.card(name, board.width, height, flow.title, ". ".join(words(fold(flow, CLIENTS))))
    svg.write_title(root, board.margin, heading)
    for way in untaken({way.ends for way in ways}) + ways:
        draw_way(root, way, board)
    for place in places.values():
        draw_place(root, place, board)
    if travelled := [(COLOURS[way.kind], board.corners(way)) for way in ways if not way.once]:
        travelling_dot(root, travelled)
    return svg.text_of(root)


def untaken(taken):
    """The steps of the walk that no hop took, drawn grey."""
    answered = taken & {("handler", "clients"), ("client", "layer"), WOKEN, HINTED}
    shown = taken | ({("handler", "layer")} if answered else set())
    steps = [step for step in pairwise(WALK[:-1]) if step not in shown]
    return [Way(step, "", beside=is_beside(step, taken)) for step in steps]


def draw_way(root, way, board):
    *start, (x, y) = board.corners(way)
    dx, dy = ((end > begin) - (end < begin) for begin, end in zip(start[-1], (x, y), strict=True))
    colour = COLOURS.get(way.kind, svg.PALE_EDGE)
    group = element(root, "g", class_="way", data_from=way.ends[0], data_to=way.ends[1])
    d = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in [*start, (x - 8 * dx, y - 8 * dy)])
    dashes = "5 4" if way.once else None if way.kind else "2 5"
    line = {"stroke": colour, "stroke_width": 2.2, "stroke_linejoin": "round", "fill": "none"}
    element(group, "path", d=d, stroke_dasharray=dashes, **line)
    tip = f"l{-11 * dx} {-5.5 * dx}v{11 * dx}z" if dx else f"l-5.5 {-11 * dy}h11z"
    element(group, "path", d=f"M{x:.1f} {y:.1f}{tip}", fill=colour)


def draw_place(root, place, board):
    (x, y), wide = board.corner(place.name), board.wide
    ground, edge, dashes, ink, pale = LOOKS[place.state]
    colour = edge or svg.STATION_COLOURS[place.kind]
    group = element(root, "g", class_="place", data_place=place.name, data_state=place.state)
    line = {"stroke": colour, "stroke_width": 1.6, "stroke_dasharray": dashes}
    element(group, "rect", x=x, y=y, width=wide, height=HIGH, rx=12, fill=ground, **line)
    grey = place.state in ("unreached", "absent")
    svg.icon(group, x + wide / 2, y, place.kind, svg.PALE_DISC if grey else colour, 12)
    title = shorten(place.title, wide - 16, TITLE)
    write(group, x + wide / 2, y + 40, title, TITLE, anchor="middle", fill=ink)
    for i, line in enumerate(svg.wrap(place.about, wide - 12, ABOUT, 2)):
        write(group, x + wide / 2, y + 62 + 15 * i, line, ABOUT, anchor="middle", fill=pale)
    draw_marks(group, place, x, y, wide)


def draw_marks(group, place, x, y, wide):
    """The code of a refusal, the sign of a loss, and how many were never reached."""
    if place.code:
        left = x + wide - text_width(place.code, CODE) - 20
        svg.pill(group, left, y - 10, place.code, CODE, height=20)
    elif place.state == "lost":
        svg.cross(group, x + wide - 20, y, 10)
    if place.missed:
        text = f"{place.missed} never reached"
        width = text_width(text, COUNT) + 20
        shape = {"x": x + (wide - width) / 2, "y": y + HIGH - 11, "width": width, "height": 22}
        element(group, "rect", rx=11, fill=svg.RED, **shape)
        write(group, x + wide / 2, y + HIGH + 4.3, text, COUNT, anchor="middle", fill=svg.WHITE)
