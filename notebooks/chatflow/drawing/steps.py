"""The hops of a flow as a list, so narrow that two of them fit beside each other on a page."""

from . import svg
from .folding import CLIENTS, fingerprint, fold, hop_ids, hop_words, station_titles
from .sequence import marked_hop
from .svg import COLOURS, Font, element, shorten, text_width, write

WIDTH, MARGIN, ROW, DISC, GAP = 344, 18, 38, 11, 12
ENDS, LABEL, NUMBER = Font(13, 600), Font(12), Font(12, 600)


def steps(flow, *, title, about, mark=None):
    """An SVG of the flow's hops, one below the other: from where to where, and what is done.

    `mark` is the number of a hop, from 0, to be ringed in red, as in `sequence`.
    """
    marked, flow = marked_hop(flow, mark), fold(flow, CLIENTS)
    titles, hops = station_titles(flow), (*flow.handshake, *flow.hops)
    heading = svg.title_lines(title, about, WIDTH - 2 * MARGIN)
    top = heading[-1][0] + 18
    told = [hop_words(number, hop, titles) for number, hop in enumerate(hops, 1)]
    name = f"steps-{fingerprint([title, about, *told, str(marked)])}"
    root = svg.card(name, WIDTH, top + ROW * len(hops) + MARGIN, title, ". ".join([about, *told]))
    svg.write_title(root, MARGIN, heading)
    draw_rail(root, top, len(hops))
    for number, hop in enumerate(hops):
        ends = [titles.get(end, end) for end in (hop.source, hop.target)]
        draw_step(root, top + ROW * number, number, hop, ends, marked in hop_ids(hop))
    return svg.text_of(root)


def draw_rail(root, top, count):
    """From each number to the next: under none of them."""
    x = MARGIN + DISC
    for number in range(count - 1):
        middle = top + ROW * (number + 0.5)
        ends = {"x1": x, "x2": x, "y1": middle + DISC + 2, "y2": middle + ROW - DISC - 2}
        element(root, "line", **ends, stroke=svg.LINE, stroke_width=1.5)


def draw_step(root, top, number, hop, ends, is_marked):
    group = element(root, "g", class_="step", data_hop=hop.id)
    if is_marked:
        size = {"x": MARGIN - 9, "y": top + 1, "width": WIDTH - 2 * MARGIN + 18, "height": ROW - 2}
        ring = {"fill": svg.RED_PALE, "stroke": svg.RED, "stroke_width": 2}
        element(group, "rect", class_="ring", rx=10, **size, **ring)
    ink, pale = (svg.RED_INK, svg.RED_INK) if is_marked else (svg.INK, svg.MUTED)
    colour = svg.RED if is_marked else COLOURS[hop.kind]
    x, y, text = MARGIN + DISC, top + ROW / 2, str(number + 1)
    disc = {"x": x - DISC, "y": y - DISC, "width": 2 * DISC, "height": 2 * DISC, "rx": DISC}
    element(group, "rect", **disc, fill=colour)
    write(group, x, y + 4.3, text, NUMBER, anchor="middle", fill=svg.WHITE)
    left = x + DISC + GAP
    room = WIDTH - MARGIN - left
    write(group, left, y - 3, between(ends, room), ENDS, fill=ink)
    write(group, left, y + 12, shorten(hop.label, room, LABEL), LABEL, fill=pale)


def between(ends, room):
    """ "alice → Daphne A", with both names shortened alike, if they must be."""
    arrow = " → "
    each = (room - text_width(arrow, ENDS)) / 2
    if text_width(arrow.join(ends), ENDS) > room:
        ends = [shorten(end, each, ENDS) for end in ends]
    return arrow.join(ends)
