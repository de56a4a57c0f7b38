"""Rows: how a WebSocket begins, or does not."""

import asyncio
import time

from .rows import row

OFFER = ("Sec-WebSocket-Protocol", "a, b")


def answer(wire):
    """What a client is answered, as a word."""
    if not wire.status:
        return "TCP cut"
    body = " and its body" if wire.body == b"no entry" else ""
    return f"{wire.status}{body}"


async def answered(site, do):
    """What a client is answered within 7 s; "waits" if that is nothing."""
    before = time.monotonic()
    try:
        async with asyncio.timeout(7), site.knock(do) as wire:
            word, seconds = answer(wire), time.monotonic() - before
    except TimeoutError:
        return "waits"
    in_fives = round(seconds / 5) * 5  # a busy machine may add some
    return f"cut after {in_fives} s" if word == "TCP cut" and in_fives else word


@row("refuses: websocket.close before accept")
async def refused(site):
    return await answered(site, "refuse")


@row(
    "refuses with 401 and a body, if that is offered",
    means="Look into the scope's `extensions` before you send one; where it is not offered,"
    " refuse by `websocket.close`.",
)
async def denial(site):
    async with site.knock("tell;refuse") as wire:
        scope = await site.note(wire, "scope")
    if "websocket.http.response" not in scope["extensions"]:
        return "not offered"
    return await answered(site, "deny")


@row("refuses so without asking whether it is offered")
async def denial_unasked(site):
    return await answered(site, "deny")


@row("raises before accept")
async def raises_early(site):
    return await answered(site, "fail")


@row(
    "returns before accept",
    means="Under Daphne the client waits for five seconds, and is told nothing.",
)
async def returns_early(site):
    return await answered(site, "receive")


@row(
    "does not accept for 7 s",
    means="A slow `connect()`, as with a login that is checked elsewhere, ends after five "
    "seconds under Daphne: `--websocket_connect_timeout` gives it more.",
)
async def slow_accept(site):
    return await answered(site, "rest 8")


@row(
    "headers of accept reach the client",
    means="A cookie that is set by `accept()` is lost without a word under two of the five.",
)
async def accept_headers(site):
    async with site.open("accept;wait") as wire:
        return "yes" if wire.headers["x-probed"] == "yes" else "no"


@row("a, b are offered as sub-protocols: the scope has")
async def subprotocols(site):
    async with site.open("tell;accept;wait", headers=[OFFER]) as wire:
        return ", ".join((await site.note(wire, "scope"))["subprotocols"]) or "none"


@row("chooses b: the client is told")
async def subprotocol_chosen(site):
    async with site.open("accept b;wait", headers=[OFFER]) as wire:
        return wire.headers["sec-websocket-protocol"] or "none"


@row(
    "chooses c, which nobody has offered",
    means='Choose from `scope["subprotocols"]` only: where the server sends another one, it'
    " is the browser that ends the connection.",
)
async def subprotocol_foreign(site):
    try:
        async with asyncio.timeout(6), site.knock("accept c;wait", headers=[OFFER]) as wire:
            if wire.status == 101:
                return "sent" if wire.headers["sec-websocket-protocol"] == "c" else "left out"
            return answer(wire)
    except TimeoutError:
        return "waits"


@row(
    "permessage-deflate is offered: it is used",
    means="It saves bytes, and costs CPU for each reader of a message. Uvicorn leaves it "
    "off with `--ws-per-message-deflate false`.",
)
async def deflate(site):
    offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
    async with site.open("accept;wait", headers=[offer]) as wire:
        return "yes" if "permessage-deflate" in wire.headers.get(offer[0], "") else "no"
