"""The newest of what a run has recorded, read bit by bit: for a page that looks all the time."""

import itertools
import time
from dataclasses import replace

from .book import Book
from .hops import Hop, NewLines
from .redis_commands import Command, as_hops

TRACES = 200  # that are kept: what lies further back nobody looks at any more
SPARE = 50  # more than that before the next clearing
# A command of Redis is given to a layer call, or to none, when both have surely been read.
SETTLED_NS = 1_000_000_000
# It may be the end of what a command before it began.
RELATED_NS = 2_000_000_000


class Recent:
    """The hops of a run's last traces, and how each connection began that is still open."""

    def __init__(self, folder):
        self.hop_lines = NewLines(folder, "*.jsonl")
        self.command_lines = NewLines(folder, "*.commands")
        self.hops, self.commands, self.redis = [], [], {}
        self.numbers = itertools.count()
        self.looked_at, self.most = 0, TRACES + SPARE

    def read(self):
        """Read what is new; returns the traces that have news."""
        now = time.monotonic_ns()
        hops = [Hop(**entry) for entry in self.hop_lines.read()]
        commands = [(next(self.numbers), Command(**entry)) for entry in self.command_lines.read()]
        changed = set()
        if hops or commands:
            self.hops = sorted(self.hops + hops, key=lambda hop: hop.at)
            self.forget()
            changed = {hop.trace for hop in hops} | self.assign(commands)
        self.looked_at = now
        return changed

    def book(self):
        return Book(sorted([*self.hops, *self.redis.values()], key=lambda hop: hop.at))

    def forget(self):
        """Drop the traces before the last ones, but not how open connections began."""
        if len({hop.trace for hop in self.hops}) <= self.most:
            return
        book = Book(self.hops)
        recent = set(list(book.traces)[-TRACES:])
        since = min(book.traces[trace][0].at for trace in recent)
        kept = recent | set(openings(book))
        self.hops = [hop for hop in self.hops if hop.trace in kept and is_needed(hop, since)]
        self.redis = {number: hop for number, hop in self.redis.items() if hop.trace in kept}
        self.most = len(kept) + SPARE

    def assign(self, news):
        """Find whose the newest Redis commands are; returns the traces where that has changed."""
        settled = self.looked_at - SETTLED_NS
        related = max(settled - RELATED_NS, self.hops[0].at if self.hops else 0)
        self.commands = [
            (number, command)
            for number, command in self.commands + news
            if command.at > related or command.words.startswith("CLIENT SETNAME")
        ]
        # The names of queues come from the calls that joined a group, however long ago they ended.
        calls = [
            hop
            for hop in self.hops
            if hop.at > related or hop.kind == "done" or "channel" in hop.detail
        ]
        found = [self.numbered(hop) for hop in as_hops([each for _, each in self.commands], calls)]
        fresh = {number: hop for number, hop in found if hop.at > settled}
        before = {number: hop for number, hop in self.redis.items() if hop.at > settled}
        older = {number: hop for number, hop in self.redis.items() if hop.at <= settled}
        self.redis = older | fresh
        return {trace for _, trace, _ in owners(before) ^ owners(fresh)}

    def numbered(self, hop):
        """The hop of a command under a number that it keeps."""
        number, _ = self.commands[int(hop.id.rpartition("-")[2])]
        return number, replace(hop, id=f"redis-{number}")


def owners(hops):
    return {(number, hop.trace, hop.cause) for number, hop in hops.items()}


def openings(book):
    """The traces that tell how each open connection began, and who is at its other end."""
    for traces in book.connections.values():
        if traces[0] not in book.ended_traces:
            yield traces[0]
            for trace in traces:
                if any(hop.detail.get("author") for hop in book.traces[trace]):
                    yield trace


def is_needed(hop, since):
    """Whether a hop is recent, or tells how its connection began: a stream goes on for ever."""
    return hop.at >= since or not (hop.detail.get("messages") or hop.kind == "looked")
