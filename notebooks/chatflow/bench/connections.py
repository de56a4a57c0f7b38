"""Thousands of connections on one instance, all of them idle: memory, and CPU."""

import asyncio

from .measuring import idle_connections, watched
from .systems import tutorial_and_final

COUNT, SECONDS = 5000, 20
SYSTEMS = tutorial_and_final(COUNT)


async def measure(count=COUNT, seconds=SECONDS, keys=tuple(SYSTEMS)):
    """Returns the facts to keep: KB per connection, and ms of CPU a second per 1,000 of them."""
    names, figures = {}, {}
    for key in keys:
        async with SYSTEMS[key]() as system:
            names[key] = system.name
            print(f"{system.name} ...", flush=True)
            figures[key] = await hold(system, count, seconds)
    return {"count": count, "names": names, "figures": figures}


async def hold(system, count, seconds):
    async with idle_connections(system, count) as memory_kb:
        # Nothing is waited for: what they cost over a time is what is looked for.
        _, used = await watched(system, asyncio.sleep(seconds))
    return {"memory_kb": memory_kb, "cpu_ms": used * 1e6 / seconds / count}


def table(facts):
    head = [f"{facts['count']:,} idle connections", "KB each", "ms of CPU per second for 1,000"]
    return head, [
        [facts["names"][key], f"{figures['memory_kb']:.1f}", f"{figures['cpu_ms']:.1f}"]
        for key, figures in facts["figures"].items()
    ]


def in_words(facts):
    return (
        "Every two seconds chat_final checks whether its sockets may stay and what they may have "
        "missed, and every ten seconds it sends each of them a `head`."
    )
