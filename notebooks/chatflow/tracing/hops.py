"""Hops: what the traced processes of a stage have recorded, one JSON line each."""

import json
from dataclasses import dataclass, field

from .opened import opened


@dataclass(frozen=True)
class Hop:
    """One step of a message's way, from one station to another.

    A station is written "kind/which": `client/A3` (who is at the other end of connection 3 of
    instance A), `server/A`, `routing/A`, `view/A3`, `consumer/A3`, `database/1`, `layer/A` (the
    in-memory layer of instance A), `layer/redis-1` (a shard), `layer/all-Nats` (another layer, by
    its class), `hub/A` (chat_final's, in instance A), `command/say` (a program next to the
    servers). `at` is `time.monotonic_ns()`, one clock for all processes of a machine. `kind` is
    what the hop is part of: http, websocket, inside (one process), database, layer, redis, or lost
    (refused, failed). Two kinds are no hops: "done" (what its `cause` began is over) and "looked"
    (the database has been searched for messages).
    `passed` is what went there, by what it is ("ASGI event", "SQL"), and the stage's "line".
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
    passed: dict = field(default_factory=dict, repr=False)

    @property
    def is_note(self):
        return self.kind in ("done", "looked")

    @property
    def lost(self):
        return self.kind == "lost"

    def show(self):
        """What went from one station to the other here, when, and by which line of the stage."""
        return opened(self)


class NewLines:
    """What has been added to the files of a folder since the last look, one object a line."""

    def __init__(self, folder, pattern):
        self.folder, self.pattern, self.read_so_far = folder, pattern, {}

    def read(self):
        return [
            json.loads(line)
            for path in sorted(self.folder.glob(self.pattern))
            for line in self.whole_lines(path)
        ]

    def whole_lines(self, path):
        with path.open("rb") as file:
            file.seek(self.read_so_far.get(path, 0))
            # A line may be half-written: leave it for the next time.
            text, end, _ = file.read().rpartition(b"\n")
        self.read_so_far[path] = self.read_so_far.get(path, 0) + len(text + end)
        return text.splitlines()
