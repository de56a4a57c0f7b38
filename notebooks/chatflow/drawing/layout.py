"""Where everything of a sequence picture stands: pure arithmetic, nothing is drawn here."""

from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from .svg import KINDS, Font, shorten, text_width, wrap

MARGIN, GAP, BADGE = 20, 7, 10
LABEL, TITLE = Font(13, mono=True), Font(13, 600)
SMALL, BOLD, CODE = Font(12), Font(12, 600), Font(12, mono=True)
HEAD, PANEL_TOP = 48, 34
NARROWEST, LONGEST_LABEL = 760, 460
CROSS = 12  # half of the sign of a loss, and a little
SPACE = 4  # between a hop's number and its label
LOOP, TICK = (26, 16), (24, 0)  # how far out and down a hop goes that ends where it starts


@dataclass(frozen=True)
class Columns:
    """Where each station stands, and how wide its head and the picture are."""

    x: dict
    wide: dict
    left: float
    right: float
    blocks: tuple = ()  # ids of neighbours that are in one process, or in none

    def span(self, ids):
        """From where to where the heads of these stations reach."""
        halves = [(self.x[name], self.wide[name] / 2) for name in ids]
        return min(x - half for x, half in halves), max(x + half for x, half in halves)

    def room_of(self, hop, width):
        """From where to where a text of a hop may reach: in what its ends are part of, if it can.

        A label that ended in another process would seem to be about that. Those of hops that
        lead nowhere else stand beside them, where there is room.
        """
        ends = {hop.source, hop.target}
        if len(ends) == 1:
            return self.left, self.right
        left, right = self.span([name for ids in self.blocks if ends & {*ids} for name in ids])
        return (left, right) if width <= right - left else (self.left, self.right)


def lay_columns(stations, gutter):
    """Columns as wide as their heads; a picture of few stations spreads them out."""
    wide = {station.id: head_width(station) for station in stations}
    pairs = pairwise(stations)
    breaks = {after.id for before, after in pairs if before.process != after.process}
    left = MARGIN + gutter + 8
    needed = left + sum(wide.values()) + GAP * (len(wide) + 2 * len(breaks)) + MARGIN
    spread = max(0, NARROWEST - needed) / max(1, len(wide))
    x, edge = {}, left
    for station in stations:
        edge += 2 * GAP if station.id in breaks else 0
        x[station.id] = edge + (wide[station.id] + spread) / 2
        edge += wide[station.id] + spread + GAP
    wide = {name: width + min(spread, 36) for name, width in wide.items()}
    runs = groupby(stations, key=lambda station: station.process)
    blocks = tuple(tuple(station.id for station in run) for _, run in runs)
    return Columns(x, wide, left, max(NARROWEST - MARGIN, edge - GAP + 8), blocks)


def head_width(station):
    texts = text_width(station.title, TITLE), text_width(station.subtitle, SMALL)
    return min(max(*texts, 64) + 14, 148)


@dataclass(frozen=True)
class Row:
    """A hop's place: its arrow runs at height y from x to end, or out to a side and back."""

    hop: object
    position: int
    x: float
    end: float
    y: float
    bottom: float
    side: int  # 1: towards the right
    label: str
    label_x: float
    label_y: float
    note: str
    note_x: float
    note_y: float
    time: str | None

    @property
    def is_loop(self):
        return self.hop.source == self.hop.target

    @property
    def is_tick(self):
        return self.is_loop and bool(self.hop.detail.get("inside"))

    @property
    def points(self):
        """The corners that the arrow passes."""
        if not self.is_loop:
            return [(self.x, self.y), (self.end, self.y)]
        out, down = TICK if self.is_tick else LOOP
        corners = [(0, 0), (out * self.side, 0), (out * self.side, down), (0, down)]
        return [(self.x + dx, self.y + dy) for dx, dy in corners[: 2 if self.is_tick else 4]]


def lay_rows(flow, place, y, times):
    """Section chips and rows from y downwards, and where they end."""
    sections = flow.sections()
    chips, rows = [], []
    for text, hops in sections:
        if len(sections) > 1:
            chips.append((text, y))
            y += 30
        for hop in hops:
            since = clock(hop.at - hops[0].at) if times else None
            rows.append(lay_row(hop, len(rows) + 1, y, place, since))
            y = rows[-1].bottom
        y += 8
    return chips, rows, y


def clock(nanoseconds):
    """A time span, short enough for the margin."""
    if nanoseconds < 1e6:
        return f"{nanoseconds / 1e3:.0f} µs"
    return f"{nanoseconds / 1e6:.{2 if nanoseconds < 1e7 else 1 if nanoseconds < 1e8 else 0}f} ms"


def lay_row(hop, position, y, place, since):
    x, end = place.x[hop.source], place.x[hop.target]
    side, label, width = choose_side(hop, x, end, place)
    start = badge_width(position) / 2 + SPACE
    lead = start if x != end else LOOP[0] + 8
    label_x = beside(x, side, lead, width, place.room_of(hop, width))
    # A label that comes over its own number, or over the sign of a loss, stands above that.
    signs = [(x, start), (end - 10 * side, CROSS)] if shows_cross(hop) else [(x, start)]
    raised = 8 if x != end and overlaps(label_x, width, signs) else 0
    y += 11 if x == end else 24 + raised
    label_y = y + (4.5 if hop.detail.get("inside") else 13) if x == end else y - 9 - raised
    note = shorten(hop_note(hop), note_room(x, end, side, lead, place), SMALL)
    note_width = text_width(note, SMALL)
    note_x = beside(x, side, lead, note_width, place.room_of(hop, note_width))
    lowered = 6 if x != end and overlaps(note_x, note_width, signs) else 0
    note_y = label_y + 15 if x == end else y + 16 + lowered
    depth = 24 if x == end and not hop.detail.get("inside") else 14
    bottom = y + depth + (15 + lowered if note else 0)
    spot = (label, label_x, label_y, note, note_x, note_y)
    return Row(hop, position, x, end, y, bottom, side, *spot, since)


def note_room(x, end, side, lead, place):
    if x != end:
        return max(abs(x - end) - lead, LONGEST_LABEL)
    return place.right - x - lead if side > 0 else x - lead - place.left


def badge_width(position):
    return max(2 * BADGE, text_width(str(position), BOLD) + 8)


def choose_side(hop, x, end, place):
    """To which side a hop goes, its label, and how wide that is with the code."""
    ahead = 1 if end >= x else -1
    room = min(place.right - place.left, max(abs(x - end) - 2 * BADGE, LONGEST_LABEL))
    if x == end:
        rooms = {1: place.right - x - LOOP[0] - 8, -1: x - place.left - LOOP[0] - 8}
        wanted = code_width(hop) + text_width(hop_label(hop), LABEL)
        wanted = max(wanted, text_width(hop_note(hop), SMALL))
        ahead = 1 if rooms[1] >= min(wanted, rooms[-1]) else -1
        room = min(room, rooms[ahead])
    label = shorten(hop_label(hop), room - code_width(hop), LABEL)
    return ahead, label, code_width(hop) + text_width(label, LABEL)


def hop_label(hop):
    # "404 Not Found" without the number that stands before it in a badge of its own.
    label = hop.label.removeprefix(code_of(hop)).strip()
    # What an error says stands below, where there is room for it.
    label = label.partition(": ")[0] if is_error(hop) else label
    return label + (f" ×{hop.detail['times']}" if "times" in hop.detail else "")


def hop_note(hop):
    said = hop.label.partition(": ")[2] if is_error(hop) else ""
    return hop.detail.get("note", said)


def is_error(hop):
    return hop.lost and not code_of(hop) and ": " in hop.label


def code_of(hop):
    """The status or close code of a lost hop, as text."""
    code = hop.detail.get("code") if hop.lost else None
    return "" if code is None else str(code)


def shows_cross(hop):
    return hop.lost and not code_of(hop)


def code_width(hop):
    return text_width(code_of(hop), CODE) + 16 if code_of(hop) else 0


def beside(x, side, lead, width, room):
    """Where a text starts that stands at the tail's side, kept within its room."""
    start = x + lead if side > 0 else x - lead - width
    return max(room[0], min(start, room[1] - width))


def overlaps(start, width, signs):
    """Whether a text reaches over one of these signs: (middle, half of its width)."""
    return any(start < x + half - 1 and start + width > x - half + 1 for x, half in signs)


def extent(row):
    """From where to where a row reaches sideways, with its label and note."""
    label = text_width(row.label, LABEL) + code_width(row.hop)
    edges = [x for x, _ in row.points] + [row.label_x, row.label_x + label]
    edges += [row.note_x, row.note_x + text_width(row.note, SMALL)] if row.note else []
    return min(edges) - BADGE - SPACE, max(edges) + BADGE + SPACE


@dataclass(frozen=True)
class Box:
    """The place of a client that was never reached."""

    missed: object
    x: float
    y: float
    width: float
    height: float
    reason: list


def lay_missed(flow, place, rows, bottom):
    """A box for each client never reached: at the last hops if these leave room, else below."""
    boxes = [lay_box(miss, flow, place) for miss in flow.missed]
    height = max((box.y + box.height + 8 for box in stacked(boxes, 0)), default=0)
    start = bottom - 8 - height
    if any(in_the_way(row, boxes, start) for row in rows):
        start, bottom = bottom, bottom + height + 8
    return list(stacked(boxes, start)), bottom


def lay_box(miss, flow, place):
    silent = {s.id for s in flow.stations if s.process == miss.process and not s.reached}
    own = silent | ({miss.client} & place.x.keys())
    left, right = place.span(own) if own else (place.left, place.right)
    right = max(right, min(left + 270, place.right))
    left = min(left, right - 270)
    reason = wrap(miss.reason, right - left - 46, SMALL, 4)
    return Box(miss, left, 0, right - left, 32 + 16 * len(reason), reason)


def in_the_way(row, boxes, start):
    left, right = extent(row)
    beside = all(right < box.x or box.x + box.width < left for box in boxes)
    return row.bottom > start and not beside


def stacked(boxes, y):
    """The boxes downwards from y; such as leave each other room stand side by side."""
    row = []
    for box in boxes:
        if any(box.x < other.x + other.width and other.x < box.x + box.width for other in row):
            y, row = y + max(other.height for other in row) + 8, []
        row.append(box)
        yield replace(box, y=y)


def lay_legend(flow, place, y):
    """(colour, name, x, y) of each kind that occurs, wrapped at the edge, and the card's height."""
    seen = {hop.kind for hop in flow.handshake + flow.hops} | ({"lost"} if flow.missed else set())
    items, x = [], MARGIN + 2
    for colour, name in [looks for kind, looks in KINDS.items() if kind in seen]:
        width = 28 + text_width(name, SMALL)
        if x + width > place.right:
            x, y = MARGIN + 2, y + 20
        items.append((colour, name, x, y))
        x += width + 18
    return items, y + 18
