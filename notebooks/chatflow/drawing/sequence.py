"""The sequence picture: one lifeline a station, time downwards, an arrow for every hop."""

from itertools import groupby

from ..tracing.flow import WORKER
from .animation import travelling_dot
from .folding import CLIENTS, fingerprint, fold, hop_ids, station_titles, words
from .layout import (
    BADGE,
    HEAD,
    LABEL,
    MARGIN,
    PANEL_TOP,
    SMALL,
    TITLE,
    badge_width,
    code_of,
    code_width,
    lay_columns,
    lay_legend,
    lay_missed,
    lay_rows,
)
from .svg import (
    CARD,
    COLOURS,
    EDGE,
    FAINT,
    INK,
    LINE,
    MUTED,
    NAMES,
    PANEL,
    PANEL_EDGE,
    RED,
    RED_EDGE,
    RED_INK,
    RED_PALE,
    STATION_COLOURS,
    UNREACHED,
    card,
    cross,
    element,
    icon,
    pill,
    shorten,
    text_of,
    text_width,
    wrap,
    write,
    write_over,
    write_title,
)


def sequence(flow, *, times=False, animated=True, clients=CLIENTS):
    """An SVG of the flow: hops as arrows between lifelines, in the order they are given.

    `times` prints the time since the section's first hop; with more than `clients` clients the
    picture is folded.
    """
    flow = fold(flow, clients)
    place = lay_columns(flow.stations, gutter=66 if times else 0)
    about = wrap(flow.subtitle, place.right - MARGIN, 14, 3)
    top = 56 + 19 * len(about) + PANEL_TOP
    chips, rows, bottom = lay_rows(flow, place, top + HEAD + 14, times)
    boxes, bottom = lay_missed(flow, place, rows, bottom)
    legend, height = lay_legend(flow, place, bottom + 26)
    name = f"flow-{fingerprint([*words(flow), str(times)])}"
    svg = card(name, place.right + MARGIN, height, flow.title, ". ".join(words(flow)))
    write_title(svg, MARGIN + 2, flow.title, about, place.right - MARGIN)
    draw_panels(svg, flow, place, top - PANEL_TOP, bottom)
    draw_stations(svg, flow, place, top, bottom - 6)
    for text, y in chips:
        draw_chip(svg, text, y, place)
    for row in rows:
        draw_hop(svg, row, place)
    for box in boxes:
        draw_missed(svg, box, station_titles(flow))
    draw_legend(svg, legend)
    if animated and rows:
        travelling_dot(svg, [(COLOURS[row.hop.kind], row.points) for row in rows])
    return text_of(svg)


def draw_panels(svg, flow, place, top, bottom):
    for process, group in groupby(flow.stations, key=lambda station: station.process):
        if process is not None:
            draw_panel(svg, process, list(group), place, top, bottom)


def draw_panel(svg, process, stations, place, top, bottom):
    left, right = place.span([station.id for station in stations])
    reached = any(station.reached for station in stations)
    fill, edge = (PANEL, PANEL_EDGE) if reached else (UNREACHED, "#dfe2e8")
    size = {"width": right - left + 14, "height": bottom - top}
    element(svg, "rect", x=left - 7, y=top, rx=12, fill=fill, stroke=edge, **size)
    noun = "process" if stations[0].kind == "command" else "instance"
    title = process if process == WORKER else f"{noun} {process}"
    text = title + ("" if reached else " · never reached")
    text = shorten(text, right - left + 6, SMALL, 600)
    middle = {"weight": 600, "anchor": "middle", "fill": MUTED if reached else RED_INK}
    write(svg, (left + right) / 2, top + 17, text, SMALL, **middle)


def draw_stations(svg, flow, place, top, bottom):
    for station in flow.stations:
        group = element(svg, "g", class_="station", data_station=station.id)
        x = place.x[station.id]
        dashes = None if station.reached else "3 5"
        line = {"stroke": LINE, "stroke_width": 1.5, "stroke_dasharray": dashes}
        element(group, "line", x1=x, x2=x, y1=top + HEAD, y2=bottom, **line)
        draw_head(group, station, x, top, place.wide[station.id])


def draw_head(group, station, x, top, wide):
    lit = station.reached
    edge = {"stroke": "#aab5c6" if lit else "#cfd4dc", "stroke_dasharray": None if lit else "3 3"}
    fill = "#ffffff" if lit else "#f6f7f9"
    element(group, "rect", x=x - wide / 2, y=top, width=wide, height=HEAD, rx=9, fill=fill, **edge)
    icon(group, x, top, station.kind, STATION_COLOURS[station.kind] if lit else "#b4bac5", 10)
    title = shorten(station.title, wide - 10, TITLE, 600)
    about = shorten(station.subtitle, wide - 10, SMALL)
    middle = {"anchor": "middle", "fill": INK if lit else FAINT}
    write(group, x, top + 25, title, TITLE, weight=600, **middle)
    write(group, x, top + 40, about, SMALL, **middle | {"fill": MUTED if lit else FAINT})


def draw_chip(svg, text, y, place):
    width = text_width(text, SMALL, 600) + 22
    line = {"stroke": EDGE, "stroke_width": 1.2, "stroke_dasharray": "2 4"}
    element(svg, "line", x1=MARGIN, x2=place.right, y1=y + 10, y2=y + 10, **line)
    shape = {"x": MARGIN, "y": y - 1, "width": width, "height": 22, "rx": 11}
    element(svg, "rect", fill="#e3e8f1", stroke=CARD, stroke_width=2, **shape)
    write(svg, MARGIN + 11, y + 14.3, text, SMALL, weight=600, fill="#3b475c")


def draw_hop(svg, row, place):
    ids = hop_ids(row.hop)
    group = element(svg, "g", class_="hop", data_hop=ids[0], data_hops=",".join(ids))
    draw_arrow(group, row)
    draw_badge(group, row)
    draw_label(group, row)
    if row.time:
        end = {"anchor": "end", "mono": True, "fill": MUTED}
        write(group, place.left - 14, row.y + 4, row.time, SMALL, **end)


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
    elif row.hop.lost and not code_of(row.hop):
        cross(group, x - 10 * ahead, y)
    else:
        tip = f"M{x - ahead:.1f} {y:.1f}l{-10 * ahead} -5v10z"
        element(group, "path", d=tip, fill=colour)


def draw_badge(group, row):
    text = str(row.position)
    width = badge_width(row.position)
    shape = {"width": width, "height": 2 * BADGE, "rx": BADGE, "stroke": CARD, "stroke_width": 2}
    fill = COLOURS[row.hop.kind]
    element(group, "rect", x=row.x - width / 2, y=row.y - BADGE, fill=fill, **shape)
    middle = {"anchor": "middle", "fill": "#ffffff", "weight": 600}
    write(group, row.x, row.y + 4.3, text, SMALL, **middle)


def draw_label(group, row):
    if code_of(row.hop):
        pill(group, row.label_x, row.label_y - 13, code_of(row.hop), SMALL, RED, height=16)
    x = row.label_x + code_width(row.hop)
    write_over(group, x, row.label_y, row.label, LABEL, mono=True, fill=COLOURS[row.hop.kind])
    if row.note:
        write_over(group, row.note_x, row.note_y, row.note, SMALL, fill=MUTED)


def draw_missed(svg, box, titles):
    group = element(svg, "g", class_="missed", data_client=box.missed.client)
    shape = {"x": box.x, "y": box.y, "width": box.width, "height": box.height, "rx": 10}
    element(group, "rect", fill=RED_PALE, stroke=RED_EDGE, stroke_width=1.2, **shape)
    cross(group, box.x + 19, box.y + 19)
    title = f"never reached: {titles.get(box.missed.client, box.missed.client)}"
    title = shorten(title, box.width - 46, TITLE, 600)
    write(group, box.x + 36, box.y + 23, title, TITLE, weight=600, fill=RED)
    for i, line in enumerate(box.reason):
        write(group, box.x + 36, box.y + 41 + 16 * i, line, SMALL, fill=RED_INK)


def draw_legend(svg, items):
    for kind, x, y in items:
        element(svg, "rect", x=x, y=y - 9, width=20, height=8, rx=4, fill=COLOURS[kind])
        write(svg, x + 27, y - 0.8, NAMES[kind], SMALL, fill=MUTED)
