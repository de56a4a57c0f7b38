"""Where the time of a delivery goes: a profile of a server's event loop, by whose code it is."""

import asyncio
import pstats
import signal
from collections import Counter
from pathlib import PurePath

from ..basics.catalog import find_stage
from .measuring import WARM_SECONDS

CHAT, CHAT_FOLDER = "the chat", str(find_stage("final").folder)
# Whose code all other is, by a package or module in its path; the first that fits.
OWNERS = {
    "the protocol server": ("daphne", "twisted", "autobahn", "zope", "uvicorn", "websockets"),
    "Channels and asgiref": ("channels", "asgiref"),
    "Redis client and layer": ("redis", "channels_redis", "msgpack"),
    "Django": ("django",),
    "asyncio": ("asyncio", "selectors.py", "concurrent"),
}
KERNEL, REST = "the kernel", "the rest of Python"
# Built-in functions that are system calls; and those in which it waits for work.
CALLS = ("'send' of '_socket", "'recv' of '_socket", "of 'select.epoll'", "of 'select.kqueue'")
WAITING = ("'poll' of 'select.epoll'", "'control' of 'select.kqueue'")
PATIENCE = 10


def settings(path):
    """With these chat_final can be profiled, and writes what it saw to this path."""
    return {"DJANGO_SETTINGS_MODULE": "profiled_settings", "CHAT_PROFILE": str(path)}


async def profile(system, path, clients, seconds):
    """{whose code: its share of the event loop's time}, the most first, without its waiting.

    Of times a profiler cannot tell: it makes each call longer, and short ones most of all.
    """
    [program] = system.servers
    async with system.crowd() as crowd:
        await crowd.connect(["profile"] * clients)
        await crowd.take_turns(WARM_SECONDS)
        program.send(signal.SIGUSR1)
        await crowd.take_turns(seconds)
        program.send(signal.SIGUSR2)
        async with asyncio.timeout(PATIENCE):
            while not path.exists():  # noqa: ASYNC110, nothing tells when it is written
                await asyncio.sleep(0.01)
    times = by_owner(pstats.Stats(str(path)))
    total = sum(times.values())
    return {name: own / total for name, own in times.most_common()}


def by_owner(stats):
    """{whose code: seconds in it}, without what it calls."""
    times = Counter()
    for (path, _, name), (_, _, own, _, callers) in stats.stats.items():
        if path == "~" and any(call in name for call in WAITING):
            continue
        elif path == "~" and any(call in name for call in CALLS):
            times[KERNEL] += own
        elif path == "~":
            # What is built in belongs to whoever has called it.
            for (caller, _, _), (_, _, there, _) in callers.items():
                times[owner(caller)] += there
        else:
            times[owner(path)] += own
    return times


def owner(path):
    if path.startswith(CHAT_FOLDER):
        return CHAT
    # What is installed, from there on: a folder above it may have any name.
    parts = PurePath(path.rpartition("site-packages")[2]).parts
    fitting = (name for name, packages in OWNERS.items() if not set(packages).isdisjoint(parts))
    return next(fitting, REST)
