"""The flow map: the seven stations of the walkthrough, lit by what the hops really touched."""

from itertools import pairwise

from . import svg
from .animation import travelling_dot
from .folding import CLIENTS, fingerprint, fold, words
from .places import HINTED, WALK, WOKEN, Way, find_places, find_ways, is_beside
from .svg import COLOURS, Font, element, shorten, text_width, write

# (row, column): the walk wraps after the handler, the database hangs below that.
SEATS = {
    "client": (0, 0),
    "server": (0, 1),
    "routing": (0, 2),
    "handler": (0, 3),
    "layer": (1, 0),
    "consumers": (1, 1),
    "clients": (1, 2),
    "database": (1, 3),
}
MARGIN, WIDE, HIGH, GAP, ROW_GAP = 26, 162, 92, 36, 64
BESIDE = 14  # how far from the middle a way runs that has another one next to it
GREY = "#cdd4df"
SKIPPING = ("server", "handler")  # a way off the walk
LOOKS = {  # state: ground, edge, dashes, title, what stands below it
    "lit": (svg.WHITE, None, None, svg.INK, svg.MUTED),
    "once": (svg.WHITE, None, "5 4", svg.INK, svg.MUTED),
    "unreached": ("#f3f4f7", "#cfd4dc", None, svg.FAINT, svg.FAINT),
    "absent": ("none", "#d5dae2", "3 4", svg.FAINT, svg.FAINT),
    "lost": (svg.RED_PALE, svg.RED, None, svg.RED_INK, svg.RED_INK),
}
TITLE, ABOUT, CODE, COUNT = Font(15.5, 600), Font(13), Font(13, mono=True), Font(12, 600)


def flow_map(flow):
    """An SVG of the walkthrough's stations, each lit or grey as the flow's hops touched it."""
    places, ways = find_places(flow), find_ways(flow)
    width = 2 * MARGIN + 4 * WIDE + 3 * GAP
    about = svg.wrap(flow.subtitle, width - 2 * MARGIN, svg.ABOUT, 3)
    taken = {way.ends for way in ways}
    top = 56 + 19 * len(about) + (36 if SKIPPING in taken else 20)
    name = f"map-{fingerprint(words(flow))}"
    height = top + 2 * HIGH + ROW_GAP + MARGIN + (20 if WOKEN in taken else 0)
    root = svg.card(name, width, height, flow.title, ". ".join(words(fold(flow, CLIENTS))))
    svg.write_title(root, MARGIN, flow.title, about, width - 2 * MARGIN)
    for way in untaken(taken) + ways:
        draw_way(root, way, top)
    for place in places.values():
        draw_place(root, place, top)
    if travelled := [(COLOURS[way.kind], corners(way, top)) for way in ways if not way.once]:
        travelling_dot(root, travelled)
    return svg.text_of(root)


def untaken(taken):
    """The steps of the walk that no hop took, drawn grey."""
    answered = taken & {("handler", "clients"), ("client", "layer"), WOKEN, HINTED}
    shown = taken | ({("handler", "layer")} if answered else set())
    steps = [step for step in pairwise(WALK[:-1]) if step not in shown]
    return [Way(step, "", beside=is_beside(step, taken)) for step in steps]


def corner(name, top):
    row, column = SEATS[name]
    return MARGIN + column * (WIDE + GAP), top + row * (HIGH + ROW_GAP)


def corners(way, top):
    """The corners of a way: straight on, over what it skips, or down between the rows."""
    (x1, y1), (x2, y2) = (corner(name, top) for name in way.ends)
    middle, right = WIDE / 2, x1 + WIDE
    if way.ends == WOKEN:
        low, x1, x2 = y1 + HIGH + 22, x1 + middle, x2 + middle
        return [(x1, y1 + HIGH), (x1, low), (x2, low), (x2, y2 + HIGH)]
    if way.ends == SKIPPING:
        return [(right - 32, y1), (right - 32, y1 - 26), (x2 + 32, y1 - 26), (x2 + 32, y2)]
    if y1 == y2:
        aside = BESIDE if way.beside else 0
        y = y1 + HIGH / 2 + (-aside if x1 < x2 else aside)
        return [(right, y), (x2, y)] if x1 < x2 else [(x1, y), (x2 + WIDE, y)]
    below, end = y1 + HIGH, (x2 + middle, y2 - 12)
    if x1 == x2:
        return [(x1 + middle, below), end]
    start, bend = x1 + (48 if x2 < x1 else WIDE - 48), below + (ROW_GAP - 12) / 2
    return [(start, below), (start, bend), (x2 + middle, bend), end]


def draw_way(root, way, top):
    *start, (x, y) = corners(way, top)
    dx, dy = ((end > begin) - (end < begin) for begin, end in zip(start[-1], (x, y), strict=True))
    colour = COLOURS.get(way.kind, GREY)
    group = element(root, "g", class_="way", data_from=way.ends[0], data_to=way.ends[1])
    d = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in [*start, (x - 8 * dx, y - 8 * dy)])
    dashes = "5 4" if way.once else None if way.kind else "2 5"
    line = {"stroke": colour, "stroke_width": 2.2, "stroke_linejoin": "round", "fill": "none"}
    element(group, "path", d=d, stroke_dasharray=dashes, **line)
    tip = f"l{-11 * dx} {-5.5 * dx}v{11 * dx}z" if dx else f"l-5.5 {-11 * dy}h11z"
    element(group, "path", d=f"M{x:.1f} {y:.1f}{tip}", fill=colour)


def draw_place(root, place, top):
    x, y = corner(place.name, top)
    ground, edge, dashes, ink, pale = LOOKS[place.state]
    colour = edge or svg.STATION_COLOURS[place.kind]
    group = element(root, "g", class_="place", data_place=place.name, data_state=place.state)
    line = {"stroke": colour, "stroke_width": 1.6, "stroke_dasharray": dashes}
    element(group, "rect", x=x, y=y, width=WIDE, height=HIGH, rx=12, fill=ground, **line)
    grey = place.state in ("unreached", "absent")
    svg.icon(group, x + WIDE / 2, y, place.kind, "#b4bac5" if grey else colour, 12)
    title, about = shorten(place.title, WIDE - 16, TITLE), shorten(place.about, WIDE - 12, ABOUT)
    write(group, x + WIDE / 2, y + 40, title, TITLE, anchor="middle", fill=ink)
    write(group, x + WIDE / 2, y + 62, about, ABOUT, anchor="middle", fill=pale)
    draw_marks(group, place, x, y)


def draw_marks(group, place, x, y):
    """The code of a refusal, the sign of a loss, and how many were never reached."""
    if place.code:
        left = x + WIDE - text_width(place.code, CODE) - 20
        svg.pill(group, left, y - 10, place.code, CODE, height=20)
    elif place.state == "lost":
        svg.cross(group, x + WIDE - 20, y, 10)
    if place.missed:
        text = f"{place.missed} never reached"
        width = text_width(text, COUNT) + 20
        shape = {"x": x + (WIDE - width) / 2, "y": y + HIGH - 11, "width": width, "height": 22}
        element(group, "rect", rx=11, fill=svg.RED, **shape)
        write(group, x + WIDE / 2, y + HIGH + 4.3, text, COUNT, anchor="middle", fill=svg.WHITE)
