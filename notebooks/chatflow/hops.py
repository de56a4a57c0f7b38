"""Hops: what the traced processes of a stage have recorded, one JSON line each."""

import json
from dataclasses import dataclass, field

# What a hop is part of; each has a colour of its own. "lost": refused, failed or never delivered.
KINDS = ("http", "websocket", "inside", "database", "layer", "redis", "lost")


@dataclass(frozen=True)
class Hop:
    """One step of a message's way, from one station to another.

    A station is written "kind/which": `client/A3` (who is at the other end of connection 3 of
    instance A), `server/A`, `routing/A`, `view/A3`, `consumer/A3`, `database/1`, `layer/A` (the
    in-memory layer of instance A), `layer/redis-1` (a shard), `command/say-77` (a program beside
    the servers). `at` is `time.monotonic_ns()`, one clock for all processes of a machine.
    """

    id: str
    at: int
    trace: str
    kind: str
    source: str
    target: str
    label: str
    cause: str | None = None
    detail: dict = field(default_factory=dict)

    @property
    def lost(self):
        return self.kind == "lost"


class Recording:
    """All hops that the processes of one run have written into a folder so far."""

    def __init__(self, folder):
        self.folder = folder
        self._hops, self._read = [], {}

    def hops(self):
        """Every hop up to now, oldest first."""
        news = [hop for path in sorted(self.folder.glob("*.jsonl")) for hop in self._news(path)]
        if news:
            self._hops = sorted(self._hops + news, key=lambda hop: hop.at)
        return self._hops

    def _news(self, path):
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            text = file.read()
        # A line may be half-written: leave it for the next time.
        whole = text[: text.rfind(b"\n") + 1]
        self._read[path] = self._read.get(path, 0) + len(whole)
        return [Hop(**json.loads(line)) for line in whole.splitlines()]
