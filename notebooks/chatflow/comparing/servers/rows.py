"""The rows of the table: each has a key, a title, and a probe that finds a cell for a server."""

from collections.abc import Callable
from dataclasses import dataclass

ROWS = {}
# The parts of the table, in their order: the modules that the probes stand in.
GROUPS = {
    "handshakes": "A WebSocket begins: the application …",
    "scopes": "Its scope, and lifespan",
    "messages": "Messages",
    "closing": "It ends: the application …",
    "stopping": "It is stopped, with a limit of 1 s where there is one",
    "pings": "Pings",
    "http2": "HTTP/2",
}


@dataclass(frozen=True)
class Row:
    """`probe` is awaited with a server's Site of the kind `on`, and returns the cell.

    `alone`: it keeps the server busy, and so it comes after the others. `means` is what it means
    for you, where servers differ a lot.
    """

    key: str
    title: str
    probe: Callable
    on: str
    alone: bool
    means: str

    @property
    def group(self):
        return self.probe.__module__.rpartition(".")[2]


def row(title, *, on="plain", alone=False, means=""):
    """Make a probe, an async function, the probe of the row that has its name as key."""

    def add(probe):
        ROWS[probe.__name__] = Row(probe.__name__, title, probe, on, alone, means)
        return probe

    return add


def all_rows():
    """In the order of the table."""
    return sorted(ROWS.values(), key=lambda row: list(GROUPS).index(row.group))
