"""Where the stations of the flow map stand, and the corners of the ways between them."""

from dataclasses import dataclass

from .places import WOKEN

HIGH, BESIDE = 92, 14  # of a station; how far from the middle a way runs that another one meets
DISC = 12  # the sign on a station's upper edge, which no arrow may cover
SKIPPING = ("server", "handler")  # a way off the walk


@dataclass(frozen=True)
class Board:
    """A grid of seats, {place: (row, column)}, and the space round them."""

    seats: dict
    margin: int
    wide: int
    gap: int
    row_gap: int
    top: float = 0

    @property
    def width(self):
        return 2 * self.margin + self.columns * self.wide + (self.columns - 1) * self.gap

    @property
    def columns(self):
        return 1 + max(column for _, column in self.seats.values())

    @property
    def height(self):
        rows = 1 + max(row for row, _ in self.seats.values())
        return rows * HIGH + (rows - 1) * self.row_gap

    def corner(self, name):
        row, column = self.seats[name]
        x = self.margin + column * (self.wide + self.gap)
        return x, self.top + row * (HIGH + self.row_gap)


class WideBoard(Board):
    """The walk wraps after the handler, the database hangs below that."""

    def over(self, taken):
        """Room for ways above the first row, and below the last."""
        return (36 if SKIPPING in taken else 20), (20 if WOKEN in taken else 0)

    def corners(self, way):
        """The corners of a way: straight on, over what it skips, or down between the rows."""
        (x1, y1), (x2, y2) = (self.corner(name) for name in way.ends)
        middle, right = self.wide / 2, x1 + self.wide
        if way.ends == WOKEN:
            low, x1, x2 = y1 + HIGH + 22, x1 + middle, x2 + middle
            return [(x1, y1 + HIGH), (x1, low), (x2, low), (x2, y2 + HIGH)]
        if way.ends == SKIPPING:
            return [(right - 32, y1), (right - 32, y1 - 26), (x2 + 32, y1 - 26), (x2 + 32, y2)]
        if y1 == y2:
            return self.straight(x1, x2, y1, way)
        below, end = y1 + HIGH, (x2 + middle, y2 - DISC)
        if x1 == x2:
            return [(x1 + middle, below), end]
        start, bend = x1 + (48 if x2 < x1 else self.wide - 48), below + (self.row_gap - DISC) / 2
        return [(start, below), (start, bend), (x2 + middle, bend), end]

    def straight(self, x1, x2, top, way):
        aside = BESIDE if way.beside else 0
        y = top + HIGH / 2 + (-aside if x1 < x2 else aside)
        return [(x1 + self.wide, y), (x2, y)] if x1 < x2 else [(x1, y), (x2 + self.wide, y)]


class NarrowBoard(WideBoard):
    """Two columns, for a phone: the walk goes down in pairs."""

    def over(self, taken):
        return 20, 0

    def corners(self, way):
        (row1, column1), (row2, column2) = (self.seats[name] for name in way.ends)
        (x1, y1), (x2, _) = (self.corner(name) for name in way.ends)
        if row1 == row2:
            return self.straight(x1, x2, y1, way)
        if abs(row1 - row2) == 1:
            return self.to_next_row(way, column1 == column2)
        return self.round_outside(way) if column1 == column2 else self.through_the_middle(way)

    def to_next_row(self, way, is_straight):
        (x1, y1), (x2, y2) = (self.corner(name) for name in way.ends)
        down, middle = y2 > y1, self.wide / 2
        start, end = (y1 + HIGH, y2 - DISC) if down else (y1, y2 + HIGH)
        if is_straight:
            aside = 2 * BESIDE * (1 if down else -1) if way.beside else 0
            return [(x1 + middle + aside, start), (x2 + middle + aside, end + aside / 2 * down)]
        leave = x1 + (32 if x2 < x1 else self.wide - 32)
        enter = x2 + (self.wide - 32 if x2 < x1 else 32)
        bend = (start + (y2 if down else end)) / 2
        return [(leave, start), (leave, bend), (enter, bend), (enter, y2 if down else end)]

    def round_outside(self, way):
        """In the margin, past the station between the two."""
        (x1, y1), (_, y2) = (self.corner(name) for name in way.ends)
        left = x1 < self.width / 2
        edge = x1 if left else x1 + self.wide
        out = edge + (-0.6 if left else 0.6) * self.margin
        return [(edge, y1 + HIGH - 24), (out, y1 + HIGH - 24), (out, y2 + 36), (edge, y2 + 36)]

    def through_the_middle(self, way):
        """In the gap between the columns, past the stations of a row."""
        (x1, y1), (x2, y2) = (self.corner(name) for name in way.ends)
        between, high, low = self.width / 2, y1 + HIGH + 12, y2 + 20
        leave, enter = (x1 + 18, x2 + self.wide) if x2 < x1 else (x1 + self.wide - 18, x2)
        return [(leave, y1 + HIGH), (leave, high), (between, high), (between, low), (enter, low)]


WIDE = WideBoard(
    seats={
        "client": (0, 0),
        "server": (0, 1),
        "routing": (0, 2),
        "handler": (0, 3),
        "layer": (1, 0),
        "consumers": (1, 1),
        "clients": (1, 2),
        "database": (1, 3),
    },
    margin=26,
    wide=162,
    gap=36,
    row_gap=64,
)
NARROW = NarrowBoard(
    seats={
        "client": (0, 0),
        "server": (0, 1),
        "routing": (1, 0),
        "handler": (1, 1),
        "layer": (2, 0),
        "database": (2, 1),
        "consumers": (3, 0),
        "clients": (3, 1),
    },
    margin=18,
    wide=140,
    gap=28,
    row_gap=44,
)
