"""Rows: SIGTERM, while clients are connected. Where a server has a limit for that, it is 1 s."""

import asyncio
import signal
from contextlib import AsyncExitStack

from .rows import row

CHANNELS = "/channels/"
# Six times what each has been told to wait.
PATIENCE = 6


async def stopped(site):
    """What SIGTERM brings, by row; four sockets are open when it comes."""
    async with AsyncExitStack() as open_sockets:
        enter = open_sockets.enter_async_context
        seen = await enter(site.open("accept;wait"))
        raw = await enter(site.open("accept;until_gone;rest 0.2"))
        idle = await enter(site.open("", CHANNELS))
        busy = await enter(site.open("", CHANNELS))
        busy.say("work")
        await site.note(busy, "begun")
        ending = asyncio.ensure_future(end(site))
        sockets = (seen, raw, idle, busy)
        codes = await asyncio.gather(*(wire.close_code(PATIENCE - 1) for wire in sockets))
        await ending  # after that it tells nothing more
    told = site.notes.told
    return {
        "client": codes[0],
        "app": application_was_told(told, raw.number),
        "consumer": "yes" if (idle.number, "disconnect") in told else "no",
        "busy": "yes" if (busy.number, "done") in told else "no",
    }


async def end(site):
    """SIGTERM, and wait for its end; SIGKILL, if it waits for its clients all the time."""
    site.instance.program.send(signal.SIGTERM)
    if not await asyncio.to_thread(site.instance.program.ends, PATIENCE):
        await asyncio.to_thread(site.instance.program.kill)


def application_was_told(told, number):
    """What it was told, if there was time to act on it: 0.2 s."""
    [word] = told.get((number, "ended")) or ["nothing"]
    return str(told[number, "gone"][0][1]) if word == "returned" else word


@row(
    "SIGTERM: the client sees",
    on="stops",
    means='Only Uvicorn tells the client why: 1012, "service restart". A page comes back '
    "after each code but its own. From Python 3.12 on Hypercorn waits for open sockets for as long "
    "as they like, whatever its `--graceful-timeout` says: something else has to kill it.",
)
async def sigterm_client(site):
    return (await site.once(stopped))["client"]


@row("SIGTERM: receive() says, and there are 0.2 s left", on="stops")
async def sigterm_app(site):
    return (await site.once(stopped))["app"]


@row(
    "SIGTERM: a consumer's disconnect() of 0.2 s is run",
    on="stops",
    means="Under four of the five `disconnect()` does not run to its end: what it undoes "
    "needs another end, such as a lease or `group_expiry`.",
)
async def sigterm_consumer(site):
    return (await site.once(stopped))["consumer"]


@row("SIGTERM: a handler's work of 0.5 s is done", on="stops")
async def sigterm_busy(site):
    return (await site.once(stopped))["busy"]
