"""The newest flows of a run that goes on: the live page is told of each that has changed."""

import secrets
import time

from ..drawing import flow_map, sequence
from ..tracing.flow import kind_of
from ..tracing.recent import Recent
from .entries import LIVE_NS, is_endless, is_open, is_ripe, make_entry
from .still import idle

KEPT = 50  # messages, and as many other things
DRAWN_AT_ONCE = 3  # in one look, so that it is a short one; the next comes soon


class Feed:
    """The newest flows of a run, each drawn again when there is news of it."""

    def __init__(self, run):
        self.run, self.recent = run, Recent(run.tracing.folder)
        self.about = {
            "run": secrets.token_hex(8),
            "title": run.stage.heading,
            "show": "everything" if run.stage.number == 1 else "messages",
            "chat": [{"name": f"on {one.name}", "url": f"{one.url}/"} for one in run.instances],
            "idle": idle(run),
        }
        self.entries, self.waiting, self.version = {}, set(), 0
        # From the hops' clock to the time of day.
        self.clock_offset = time.time_ns() - time.monotonic_ns()
        # What the launcher asked for, to see whether all is ready, is no business of the user.
        self.began = time.monotonic_ns()

    def look(self):
        """Draw what has changed since the last look."""
        now = time.monotonic_ns()
        news = self.recent.read()
        self.waiting |= news
        judged_before = now - LIVE_NS
        undecided = [entry for entry in self.entries.values() if not entry["decided"]]
        if news or any(entry["stored_at"] <= judged_before for entry in undecided):
            self.waiting |= {trace for trace, entry in self.entries.items() if is_open(entry, now)}
        if not self.waiting:
            return
        book = self.recent.book()
        self.waiting &= {trace for trace in book.traces if self.is_shown(book.traces[trace])}
        ripe = [trace for trace in book.traces if trace in self.waiting and is_ripe(book, trace)]
        # The newest first; what would be dropped again at once is not drawn at all.
        for trace in ripe[-DRAWN_AT_ONCE:]:
            self.update(book, trace, now)
        self.waiting -= {*ripe[-DRAWN_AT_ONCE:], *ripe[: -2 * KEPT]}
        self.drop_old()

    def is_shown(self, hops):
        """Whether somebody has caused this; or it has gone wrong, even if nobody has."""
        by_itself = kind_of(hops[0].source) == "hub" and not any(hop.lost for hop in hops)
        return hops[0].at > self.began and not by_itself

    def update(self, book, trace, now):
        known = self.entries.get(trace)
        flow, entry = make_entry(book, trace, self.run.scene(), now)
        if known and (
            is_endless(entry) or all(known[key] == value for key, value in entry.items())
        ):
            return
        self.version += 1
        started = book.traces[trace][0].at + self.clock_offset
        entry |= {"version": self.version, "at": started // 1_000_000}
        entry |= {"svg": sequence(flow, animated=False), "map": flow_map(flow)}
        self.entries[trace] = entry

    def drop_old(self):
        for chat in (True, False):
            group = [trace for trace, entry in self.entries.items() if entry["chat"] == chat]
            for trace in sorted(group, key=lambda trace: self.entries[trace]["at"])[:-KEPT]:
                del self.entries[trace]

    def since(self, version):
        """The entries that are newer than a version, in the order in which they changed."""
        news = [entry for entry in self.entries.values() if entry["version"] > version]
        return sorted(news, key=lambda entry: entry["version"])
