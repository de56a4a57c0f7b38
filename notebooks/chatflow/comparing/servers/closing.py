"""Rows: how a connection ends, seen from both sides."""

from .rows import row
from .wire import QUIET


async def closed_by_application(site):
    async with site.open("accept;close 4123 bye;until_gone") as wire:
        seen = await wire.close_event()
        _, code, _ = await site.notes.of_or(wire.number, "gone", (None, "waits", None), QUIET)
        return *seen, code


@row("closes with 4123: the client sees")
async def code_out(site):
    return str((await site.once(closed_by_application))[0])


@row("the reason that the application gives")
async def reason_out(site):
    return "as given" if (await site.once(closed_by_application))[1] == "bye" else "none"


@row(
    "closes with 4123: its own receive() says",
    means="Do not tell by the code in `disconnect(code)` whether it was you who closed.",
)
async def own_close(site):
    return str((await site.once(closed_by_application))[2])


@row("closes without a code: the client sees")
async def no_code_out(site):
    async with site.open("accept;close;wait") as wire:
        return await wire.close_code()


@row(
    "raises after accept: the client sees",
    means="For a page each code but your own means: try again. There is none that says "
    '"error" under all five.',
)
async def raises_late(site):
    async with site.open("accept;fail") as wire:
        return await wire.close_code(QUIET)


@row(
    "returns after accept: the client sees",
    means="Under Daphne the client keeps an open connection that nobody serves.",
)
async def returns_late(site):
    async with site.open("accept") as wire:
        return await wire.close_code(QUIET)


async def gone(site, leave):
    """(code, reason) that the application is told when its client leaves so."""
    async with site.open("accept;until_gone") as wire:
        leave(wire)
        _, code, reason = await site.note(wire, "gone")
        return str(code), reason


async def closed_by_client(site):
    return await gone(site, lambda wire: wire.close(4123, "bye"))


@row(
    "the client closes with 4123: receive() says",
    means="Do not decide anything by the client's code if you may run under Hypercorn: "
    "there each client seems to have vanished.",
)
async def code_in(site):
    return (await site.once(closed_by_client))[0]


@row("the reason that the client gives")
async def reason_in(site):
    return "as given" if (await site.once(closed_by_client))[1] == "bye" else "none"


@row(
    "the client closes without a code: receive() says",
    means="`disconnect(code)` may be given `None`.",
)
async def no_code_in(site):
    return (await gone(site, lambda wire: wire.close()))[0]


@row("the client's TCP is reset: receive() says")
async def reset_in(site):
    return (await gone(site, lambda wire: wire.reset()))[0]


@row("the client's TCP just ends: receive() says")
async def fin_in(site):
    return (await gone(site, lambda wire: wire.hang_up()))[0]


@row("HTTP: raises before its answer")
async def http_raises(site):
    async with site.ask("fail") as wire:
        return str(wire.status)


@row("HTTP: the client leaves a stream: receive() says")
async def http_leaves(site):
    async with site.connected() as wire:
        wire.writer.write(
            f"GET {site.path(wire, 'receive;stream;until_gone', '/')} HTTP/1.1\r\n"
            "Host: 127.0.0.1\r\n\r\n".encode()
        )
        await wire.reader.readuntil(b"begun")
        wire.hang_up()
        kind, _, _ = await site.notes.of_or(wire.number, "gone", ("waits", None, None), QUIET)
        return kind
