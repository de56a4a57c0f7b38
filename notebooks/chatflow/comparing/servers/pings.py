"""Rows: pings, from the server and from the client."""

import asyncio
import re
import time

from websockets.frames import Opcode

from .notes import SOON
from .rows import row
from .serving import Site
from .wire import QUIET

# Two servers ping after 20 s if they are not told otherwise, one of them a second late.
PATIENCE = 23


async def pinged(site, within):
    """The seconds until the first ping comes on a quiet connection, or None."""
    loop = asyncio.get_running_loop()
    async with site.open("accept;wait") as wire:
        before = loop.time()
        try:
            async with asyncio.timeout(within):
                if not await wire.next(Opcode.PING):
                    raise ConnectionError("it has ended before a ping came")
        except TimeoutError:
            return None
        return loop.time() - before


@row(
    "pings a quiet client",
    on="tls",
    means="Where nobody pings, a phone that has lost its network counts as present until "
    "TCP gives up: let the page ping.",
)
async def ping_default(site):
    seconds = await pinged(site, PATIENCE)
    return f"every {round(seconds, -1):.0f} s" if seconds else "no"


@row("pings each second, if a flag says so", on="told")
async def ping_flag(site):
    if not re.search(r"--\S*ping", await site.once(Site.help)):
        return "no flag"
    return "yes" if await pinged(site, within=2 * QUIET) else "no"


@row(
    "those pings are not answered: the client sees",
    on="told",
    means="Hypercorn pings, and never looks whether somebody answers.",
)
async def ping_unanswered(site):
    async with site.open("accept;wait") as wire:
        wire.answers_pings = False
        code = await wire.close_code(within=3 * QUIET)
        return code if wire.pings else "no pings"


@row(
    "answers a client's ping in a blocked event loop",
    alone=True,
    means="While `time.sleep()` or a slow query stands in an async handler, no client of the "
    "process gets a message. Under Granian, which answers from a thread of its own, pings say "
    "that all is well.",
)
async def pong_blocked(site):
    async with site.open("accept;wait") as wire, site.open("accept;block 2;wait") as other:
        await site.note(other, "blocks")
        wire.send(Opcode.PING, b"?")
        async with asyncio.timeout(SOON):
            if not await wire.next(Opcode.PONG):
                raise ConnectionError("it has ended before a pong came")
        answered = time.monotonic()  # one clock for all processes of a machine
        return "yes" if answered < await site.note(other, "woke") else "no"
