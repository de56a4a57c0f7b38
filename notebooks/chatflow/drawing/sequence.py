"""The sequence picture: one lifeline a station, time downwards, an arrow for every hop."""

from itertools import groupby

from ..tracing.flow import WORKER
from . import layout, svg
from .animation import travelling_dot
from .folding import CLIENTS, fingerprint, fold, hop_ids, station_titles, words
from .layout import BADGE, BOLD, CODE, HEAD, LABEL, MARGIN, PANEL_TOP, SMALL, TITLE, code_of
from .svg import COLOURS, element, shorten, text_width, write


def sequence(flow, *, times=False, animated=True, clients=CLIENTS, mark=None):
    """An SVG of the flow: hops as arrows between lifelines, in the order they are given.

    `times` prints the time since the section's first hop; with more than `clients` clients the
    picture is folded. `mark` is the number of a hop, from 0, to be ringed in red; the number after
    the last one rings that one, where the flow should have gone on.
    """
    marked = marked_hop(flow, mark)
    flow = fold(flow, clients)
    place = layout.lay_columns(flow.stations, gutter=66 if times else 0)
    heading = svg.title_lines(flow.title, flow.subtitle, place.right - MARGIN)
    top = heading[-1][0] + 14 + PANEL_TOP
    chips, rows, bottom = layout.lay_rows(flow, place, top + HEAD + 14, times)
    boxes, bottom = layout.lay_missed(flow, place, rows, bottom)
    legend, height = layout.lay_legend(flow, place, bottom + 26)
    name = f"flow-{fingerprint([*words(flow), str(times), *([str(mark)] if marked else [])])}"
    root = svg.card(name, place.right + MARGIN, height, flow.title, ". ".join(words(flow)))
    svg.write_title(root, MARGIN + 2, heading)
    draw_panels(root, flow, place, top - PANEL_TOP, bottom)
    for station in flow.stations:
        draw_station(root, station, place, top, bottom - 6)
    for text, y in chips:
        draw_chip(root, text, y, place)
    for row in rows:
        draw_hop(root, row, place)
        if marked in hop_ids(row.hop):
            draw_ring(root, row)
    for box in boxes:
        draw_missed(root, box, station_titles(flow))
    draw_legend(root, legend)
    if animated and rows:
        travelling_dot(root, [(COLOURS[row.hop.kind], row.points) for row in rows])
    return svg.text_of(root)


def marked_hop(flow, mark):
    """The id of the hop with this number, or of the last one if there are no more; None if none."""
    hops = flow.handshake + flow.hops
    return hops[min(mark, len(hops) - 1)].id if hops and mark is not None else None


def draw_panels(root, flow, place, top, bottom):
    for process, stations in groupby(flow.stations, key=lambda station: station.process):
        if process is not None:
            draw_panel(root, process, list(stations), place, top, bottom)


def draw_legend(root, items):
    for colour, kind, x, y in items:
        element(root, "rect", x=x, y=y - 9, width=20, height=8, rx=4, fill=colour)
        write(root, x + 27, y - 0.8, kind, SMALL, fill=svg.MUTED)


def draw_panel(root, process, stations, place, top, bottom):
    left, right = place.span([station.id for station in stations])
    reached = any(station.reached for station in stations)
    fill, edge = (svg.PANEL, svg.PANEL_EDGE) if reached else (svg.UNREACHED, svg.PALE_EDGE)
    size = {"x": left - 7, "y": top, "width": right - left + 14, "rx": 12}
    element(root, "rect", height=bottom - top, fill=fill, **size)
    # The frame ends below the heads: from there on labels stand where it would be.
    element(root, "rect", height=PANEL_TOP + HEAD + 7, fill="none", stroke=edge, **size)
    noun = "process" if stations[0].kind == "command" else "instance"
    title = process if process == WORKER else f"{noun} {process}"
    text = title + ("" if reached else " · never reached")
    middle = {"anchor": "middle", "fill": svg.MUTED if reached else svg.RED_INK}
    write(root, (left + right) / 2, top + 17, shorten(text, right - left + 6, BOLD), BOLD, **middle)


def draw_station(root, station, place, top, bottom):
    group = element(root, "g", class_="station", data_station=station.id)
    x = place.x[station.id]
    dashes = None if station.reached else "3 5"
    line = {"stroke": svg.LINE, "stroke_width": 1.5, "stroke_dasharray": dashes}
    element(group, "line", x1=x, x2=x, y1=top + HEAD, y2=bottom, **line)
    draw_head(group, station, x, top, place.wide[station.id])


def draw_head(group, station, x, top, wide):
    lit = station.reached
    edge = {"stroke": svg.HEAD_EDGE if lit else svg.PALE_EDGE}
    edge |= {"stroke_dasharray": None if lit else "3 3"}
    fill = svg.WHITE if lit else svg.UNREACHED
    element(group, "rect", x=x - wide / 2, y=top, width=wide, height=HEAD, rx=9, fill=fill, **edge)
    colour = svg.STATION_COLOURS[station.kind] if lit else svg.PALE_DISC
    svg.icon(group, x, top, station.kind, colour, 10)
    ink, pale = (svg.INK, svg.MUTED) if lit else (svg.FAINT, svg.FAINT)
    title = shorten(station.title, wide - 10, TITLE)
    about = shorten(station.subtitle, wide - 10, SMALL)
    write(group, x, top + 25, title, TITLE, anchor="middle", fill=ink)
    write(group, x, top + 40, about, SMALL, anchor="middle", fill=pale)


def draw_chip(root, text, y, place):
    line = {"stroke": svg.EDGE, "stroke_width": 1.2, "stroke_dasharray": "2 4"}
    element(root, "line", x1=MARGIN, x2=place.right, y1=y + 10, y2=y + 10, **line)
    shape = {"width": text_width(text, BOLD) + 22, "height": 22, "rx": 11}
    look = {"fill": svg.CHIP, "stroke": svg.CARD, "stroke_width": 2}
    element(root, "rect", **look, x=MARGIN, y=y - 1, **shape)
    write(root, MARGIN + 11, y + 14.3, text, BOLD, fill=svg.INK)


def draw_hop(root, row, place):
    ids = hop_ids(row.hop)
    group = element(root, "g", class_="hop", data_hop=ids[0], data_hops=",".join(ids))
    draw_label(group, row)
    draw_arrow(group, row)
    draw_badge(group, row)
    if row.time:
        write(group, place.left - 14, row.y + 4, row.time, CODE, anchor="end", fill=svg.MUTED)


def draw_arrow(group, row):
    colour = COLOURS[row.hop.kind]
    line = {"stroke": colour, "stroke_width": 2, "fill": "none", "stroke_linejoin": "round"}
    *start, (x, y) = row.points
    ahead = -row.side if row.is_loop else row.side
    stop = (x, y) if row.is_tick else (x + -7 * ahead, y)
    d = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in [*start, stop])
    element(group, "path", d=d, **line)
    if row.is_tick:
        element(group, "circle", cx=x, cy=y, r=3, fill=colour)
    elif layout.shows_cross(row.hop):
        svg.cross(group, x - 10 * ahead, y)
    else:
        tip = f"M{x - ahead:.1f} {y:.1f}l{-10 * ahead} -5v10z"
        element(group, "path", d=tip, fill=colour)


def draw_badge(group, row):
    width, fill = layout.badge_width(row.position), COLOURS[row.hop.kind]
    shape = {"width": width, "height": 2 * BADGE, "rx": BADGE}
    line = {"stroke": svg.CARD, "stroke_width": 2}
    element(group, "rect", x=row.x - width / 2, y=row.y - BADGE, fill=fill, **shape, **line)
    write(group, row.x, row.y + 4.3, str(row.position), BOLD, anchor="middle", fill=svg.WHITE)


def draw_ring(root, row):
    width, far = layout.badge_width(row.position), 4.5
    place = {"x": row.x - width / 2 - far, "y": row.y - BADGE - far, "rx": BADGE + far}
    size = {"width": width + 2 * far, "height": 2 * (BADGE + far)}
    line = {"fill": "none", "stroke": svg.RED, "stroke_width": 2.5}
    element(root, "rect", class_="ring", **place, **size, **line)


def draw_label(group, row):
    if code_of(row.hop):
        svg.pill(group, row.label_x, row.label_y - 13, code_of(row.hop), CODE, height=16)
    x = row.label_x + layout.code_width(row.hop)
    svg.write_over(group, x, row.label_y, row.label, LABEL, COLOURS[row.hop.kind])
    if row.note:
        svg.write_over(group, row.note_x, row.note_y, row.note, SMALL, svg.MUTED)


def draw_missed(root, box, titles):
    group = element(root, "g", class_="missed", data_client=box.missed.client)
    look = {"fill": svg.RED_PALE, "stroke": svg.RED_EDGE, "stroke_width": 1.2}
    size = {"width": box.width, "height": box.height, "rx": 10}
    element(group, "rect", **look, x=box.x, y=box.y, **size)
    svg.cross(group, box.x + 19, box.y + 19)
    title = f"never reached: {titles.get(box.missed.client, box.missed.client)}"
    title = shorten(title, box.width - 46, TITLE)
    write(group, box.x + 36, box.y + 23, title, TITLE, fill=svg.RED)
    for i, line in enumerate(box.reason):
        write(group, box.x + 36, box.y + 41 + 16 * i, line, SMALL, fill=svg.RED_INK)
