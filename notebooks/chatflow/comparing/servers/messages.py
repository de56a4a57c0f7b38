"""Rows: messages, their size, and who waits for whom."""

import asyncio
import re

from websockets.frames import Opcode

from .notes import SOON
from .rows import row
from .serving import Site
from .wire import QUIET, end_by

KIB, MIB = 2**10, 2**20
SIZES = {"64 KiB": 64 * KIB, "1 MiB": MIB, "16 MiB": 16 * MIB, "64 MiB": 64 * MIB}
# gunicorn takes the mask off in Python: seconds for 16 MiB, and more on a busy machine.
LONG = 60


async def arrived(site, *frames):
    """The event that comes of these frames: {"type": …, "keys": …, "size": …}, or None."""
    async with site.open("accept;receive;wait") as wire:
        for opcode, data, fin in frames:
            wire.send(opcode, data, fin)
        return await site.notes.of_or(wire.number, "event", None, QUIET)


async def text_event(site):
    return await arrived(site, (Opcode.TEXT, b"hello", True))


@row("an empty message comes in")
async def empty_in(site):
    event = await arrived(site, (Opcode.TEXT, b"", True))
    return "arrives" if event and event["type"] == "websocket.receive" else "lost"


@row(
    "an empty message goes out",
    means="An empty text is no heartbeat under Daphne.",
)
async def empty_out(site):
    async with site.open("accept;send 0;send 1;wait") as wire:
        return {b"": "arrives", b"x": "lost"}.get(await wire.message(), "cut")


@row("a message in two frames")
async def fragments(site):
    event = await arrived(site, (Opcode.TEXT, b"hel", False), (Opcode.CONT, b"lo", True))
    size = event["size"] if event else 0
    return "one message" if size == 5 else f"{size} letters"


@row("text that is no UTF-8: the client sees")
async def bad_utf8(site):
    async with site.open("accept;until_gone") as wire:
        wire.send(Opcode.TEXT, b"\xff\xfe")
        return await wire.close_code(QUIET)


@row(
    "keys of websocket.receive, for a text",
    means='Ask for `event.get("text")`, not for `"text" in event`.',
)
async def receive_keys(site):
    return ", ".join((await site.once(text_event))["keys"])


async def sent_in(site, size):
    """Send one message of this size; "arrives", or the code that it is answered with."""
    async with site.open("accept;receive;wait") as wire:
        closing = asyncio.ensure_future(wire.close_code(LONG))
        wire.send(Opcode.BINARY, bytes(size))
        # If it was too large, the application is told that its client has gone.
        if (await site.note(wire, "event", within=LONG))["type"] == "websocket.receive":
            closing.cancel()
            return "arrives"
        return await closing


async def limit(site):
    """(the largest of SIZES that arrives, what a client sees if it is exceeded)."""
    for name, size in SIZES.items():
        if (answer := await sent_in(site, size + 1)) != "arrives":
            below = await sent_in(site, size)
            return name if below == "arrives" else f"less than {name}", answer
    return f"over {name}", "no limit"


@row("the largest message that comes in", alone=True)
async def largest(site):
    return (await site.once(limit))[0]


@row(
    "a larger one comes in: the client sees",
    alone=True,
    means="A page is told 1009 by three of the five. Under Daphne it looks as if the "
    "network had failed.",
)
async def too_large(site):
    return (await site.once(limit))[1]


@row(
    "limit of 64 KiB by a flag, and 100 KB go out",
    on="told",
    means="Daphne's limit holds for what is sent, too: `send()` raises, and ends the consumer. "
    "Without a flag it is 1 MiB: somebody who asks for a longer page of history loses the socket.",
)
async def limit_out(site):
    if not re.search("--(ws-max-size|websocket-max-message-size)", await site.once(Site.help)):
        return "no flag"
    async with site.open("accept;send 100000;wait") as wire:
        try:
            async with asyncio.timeout(QUIET):
                frame = await wire.next(Opcode.TEXT, Opcode.CLOSE)
        except TimeoutError:
            return "lost"
        is_text = frame and frame.opcode == Opcode.TEXT
        return "arrives" if is_text else str(end_by(frame)[0])


@row(
    "send() waits for a client that reads nothing",
    means="Under Daphne the messages for a slow reader pile up in memory. Under the others "
    "the consumer that sends to it stands still.",
)
async def send_waits(site):
    async with site.open("accept;flood") as wire:
        wire.writer.transport.pause_reading()
        return "no" if await site.note(wire, "flooded", within=2 * SOON) == "all" else "yes"


@row(
    "a client waits for an application that reads nothing",
    means="Under Daphne a client that floods a slow handler fills the memory: count its messages.",
)
async def reading_stops(site):
    async with site.open("accept;rest 30") as wire:
        try:
            for _ in range(512):
                wire.send(Opcode.BINARY, bytes(64 * KIB))
                async with asyncio.timeout(QUIET):
                    await wire.writer.drain()
        except TimeoutError:
            return "yes"
        return "no"


@row(
    "send() after the client has gone",
    means="Where it raises, a Channels consumer that sends to a client that has gone ends "
    "without `disconnect()`, and stays in its groups.",
)
async def send_after(site):
    async with site.open("accept;until_gone;try_sending") as wire:
        wire.close(1000)
        return await site.note(wire, "sent")


@row("receive() after websocket.disconnect")
async def receive_after(site):
    async with site.open("accept;until_gone;try_receiving") as wire:
        wire.close(1000)
        got = await site.note(wire, "received")
        return got.removeprefix("websocket.")
