"""The recording of a run: where its processes write their hops, and how to read them."""

import asyncio
import time

from ..basics.catalog import LIVE_SECONDS
from ..basics.errors import LaunchError
from .book import Book
from .flow import kind_of
from .flows import make_flow
from .hops import Hop, NewLines
from .redis_commands import Command, as_hops

LOOK_SECONDS = 0.01


class Tracing:
    """The trace folder of one run."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        self.monitors = {}
        self._hops, self._new_hops = [], NewLines(folder, "*.jsonl")
        self._commands, self._new_commands = [], NewLines(folder, "*.commands")

    def monitor(self, server):
        """Read along what this Redis server is told, also after it has come back."""
        self.follow(server)
        server.on_restart.append(self.follow)

    def follow(self, server):
        # Only here: where nothing is told to Redis nobody waits until its client is loaded.
        from .monitor import Monitor

        self.monitors[server.name] = Monitor(server, self.folder)

    def commands(self):
        """All commands of MONITOR up to now, each server's in their order."""
        for monitor in self.monitors.values():
            monitor.catch_up()
        self._commands += [Command(**entry) for entry in self._new_commands.read()]
        return self._commands

    def hops(self):
        """All hops up to now, oldest first, with the Redis commands that they caused."""
        self._hops += [Hop(**entry) for entry in self._new_hops.read()]
        # The commands after the hops: whatever these made Redis do it has been told by then.
        found = as_hops(self.commands(), self._hops)
        return sorted([*self._hops, *found], key=lambda hop: hop.at)

    async def flow(self, find, scene, reaches=None, within=LIVE_SECONDS):
        """The flow of the trace that `find(book)` names, as soon as it is complete.

        Complete: whatever it began is over, and it has reached the clients named in `reaches`
        (None: everybody in the room). What takes longer than `within` seconds has not happened.
        Raises LaunchError if there is no such flow, or if one in `reaches` was not reached.
        """
        give_up_at = time.monotonic() + within
        while True:
            last_look = time.monotonic() > give_up_at
            book = Book(self.hops())
            if trace := find(book):
                seen = scene()
                flow = make_flow(book, trace, seen)
                if has_reached(flow, reaches) and (last_look or is_over(book, trace, seen.ended)):
                    return flow
                if last_look and reaches is None:
                    return flow
            if last_look:
                got = f"it reached {flow.reached()} only" if trace else "none was recorded"
                raise LaunchError(f"No such flow within {within} s: {got}.")
            await asyncio.sleep(LOOK_SECONDS)

    async def waits(self, client, room_name, within=30):
        """Return when a view holds the client's request, and would be woken by news of the room.

        In an empty room: elsewhere it may be about to answer with what is there already.
        Raises LaunchError if none does within that time, in seconds.
        """
        give_up_at = time.monotonic() + within
        while not Book(self.hops()).waits(client, room_name):
            if time.monotonic() > give_up_at:
                raise LaunchError(f"No request of {client} was held within {within} s.")
            await asyncio.sleep(LOOK_SECONDS)


def has_reached(flow, reaches):
    return not flow.missed if reaches is None else set(reaches) <= set(flow.reached())


def is_over(book, trace, ended=()):
    """Whether all that a trace began is over: handlers, layer calls, its response.

    `ended` names the processes that have ended, and so will hear of nothing.
    """
    hops = book.traces[trace]
    # What begins something whose end is recorded too.
    begun = [hop for hop in hops if not hop.lost and ("event" in hop.detail or hop.kind == "layer")]
    answered = any(kind_of(hop.target) == "client" for hop in hops)
    expects_answer = hops[0].kind == "http" or hops[0].detail.get("socket")
    fetched = [hop for hop in hops if hop.detail.get("fetching")]
    return (
        # What a client has just sent may still be on its way to its consumer.
        bool(begun or answered)
        and all(hop.id in book.over for hop in begun)
        and (answered or not expects_answer)
        # Each message that was put aside has been taken away again.
        and len(fetched) % 2 == 0
        and hubs_have_heard(book, hops, ended)
    )


def hubs_have_heard(book, hops, ended):
    """Whether what was sent to a group has come to all hubs in it, also to those that had it."""
    if any(hop.lost for hop in hops):
        return True
    sent = [hop for hop in hops if hop.label.startswith("group_send")]
    heard = {hop.target for hop in hops if kind_of(hop.source) == "layer"}
    heard |= {f"hub/{process}" for process in ended}
    return all(book.hubs_in(hop.detail["group"], hop.at) <= heard for hop in sent)
