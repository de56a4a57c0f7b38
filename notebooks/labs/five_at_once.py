"""Clients of the lab `any_server`, which runs under each ASGI server at once."""

import asyncio
import contextlib
import json
import socket
import time
from contextlib import AsyncExitStack

import httpx
import psutil
import websockets

from chatflow.basics.addresses import NO_TLS
from chatflow.clients.browser import chromium, has_chromium
from chatflow.clients.traffic import counted
from chatflow.running.labs import lab
from chatflow.running.servers import ASGI_SERVERS

OPTIONS = {
    # Our launcher switches it off for the stages, which have no use for it.
    "uvicorn": ["--lifespan", "auto"],
    # Ten seconds without it.
    "daphne": ["--application-close-timeout", "1"],
}
DEADLINE = 30
PEOPLE = 10
POURED = 60
SAID = json.dumps({"type": "message", "author": "alice", "text": "What a lovely day it is. " * 20})
SAID_TIMES = 20
# gunicorn takes three seconds to cancel what goes on.
STREAM_SECONDS = 5


@contextlib.asynccontextmanager
async def everywhere():
    """The lab under each server, until the block ends; yields {server: Instance}."""
    async with AsyncExitStack() as stack:

        def start(server):
            options = OPTIONS.get(server, ())
            return stack.enter_async_context(lab("any_server", server=server, options=options))

        starts = await asyncio.gather(*map(start, ASGI_SERVERS), return_exceptions=True)
        for failed in (one for one in starts if isinstance(one, BaseException)):
            raise failed  # all others have started, and end with the stack
        yield dict(zip(ASGI_SERVERS, starts, strict=True))


async def of_each(apps, ask):
    """{server: what it has answered}, all asked at once."""
    async with asyncio.timeout(DEADLINE):
        return dict(zip(apps, await asyncio.gather(*map(ask, apps.values())), strict=True))


def client(app):
    return httpx.AsyncClient(base_url=app.url, verify=NO_TLS, timeout=DEADLINE)


async def seen_by(app, is_so, within):
    """What the application has noted, as soon as `is_so`, or after so many seconds."""
    give_up_at = time.monotonic() + within
    async with client(app) as http:
        while not is_so(seen := (await http.get("/seen/")).json()):
            if time.monotonic() > give_up_at:
                break
            await asyncio.sleep(0.05)
    return seen


# --- who leaves ---------------------------------------------------------------------------------


async def say_a_word_and_leave(app):
    """How many of ten, who each say a word and leave, are still members of the room."""
    for _ in range(PEOPLE):
        async with websockets.connect(f"{app.ws_url}/room/") as somebody:
            say_last(somebody, "bye")
    return (await seen_by(app, lambda seen: seen["members"] == 0, within=2))["members"]


def say_last(socket, text):
    """Say a word and leave, in one piece: a busy machine puts no time between the two."""
    socket.protocol.send_text(text.encode())
    socket.protocol.send_close(1000)
    socket.transport.write(b"".join(socket.protocol.data_to_send()))


async def leave_streams(app):
    """{stream: what ends it}: each says a word to a reader, who then leaves."""
    async with client(app) as http:
        for name in ("idle", "beat", "raw"):
            async with http.stream("GET", f"/stream/{name}/") as response:
                response.raise_for_status()
                await anext(response.aiter_lines())
    seen = await seen_by(app, lambda seen: not any(seen["live"].values()), STREAM_SECONDS)
    return {
        name: "runs on" if count else seen["ends"][name] for name, count in seen["live"].items()
    }


async def close_to_a_silent_client(app):
    """Whether the consumer's `close()` waits for a client that does not answer it."""
    async with websockets.connect(f"{app.ws_url}/closes/") as silent:
        silent.transport.pause_reading()
        await silent.send("close")
        seen = await seen_by(app, lambda seen: seen["close_waits"] is not None, DEADLINE)
        silent.transport.resume_reading()
    return "waits" if seen["close_waits"] else "returns"


# --- who is slow --------------------------------------------------------------------------------


def small_socket(app):
    """A connection for whose reader the kernel keeps little."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((app.host, app.port))
    connection.setblocking(False)
    return connection


def memory(app):
    process = psutil.Process(app.program.pid)
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])


async def stop_reading(app):
    """(how many of 60 messages Bob gets, who reads on later; how much of them the server kept)."""
    options = {"compression": None, "max_queue": 1}
    url = f"{app.ws_url}/room/"
    async with (
        websockets.connect(url, sock=small_socket(app), **options) as bob,
        websockets.connect(url, compression=None) as alice,
    ):
        bob.transport.pause_reading()
        before = memory(app)
        size = 0
        for number in range(POURED):
            await alice.send(f"long {number}")
            size += len(await alice.recv())
        grown = memory(app) - before
        bob.transport.resume_reading()
        heard = asyncio.create_task(until_the_end(bob))
        while not heard.done():
            await alice.send("the end")  # again, until there is room for it in his queue
            await asyncio.wait([heard], timeout=0.1)
        return heard.result(), grown / size


async def until_the_end(socket):
    heard = 0
    async for text in socket:
        if text == "the end":
            return heard
        heard += 1


# --- what goes over the wire --------------------------------------------------------------------


async def compression(app):
    """(what the handshake has agreed on, bytes with it / bytes without) of a chat's messages."""
    agreed, offered = await echoed(app, "deflate")
    _, without = await echoed(app, None)
    return agreed, offered / without


async def echoed(app, compression):
    """(the extensions that were agreed on, the bytes that came) of twenty messages."""
    async with counted(app) as (address, count):
        url = f"{address.ws_url}/raises/"
        async with websockets.connect(url, compression=compression) as socket:
            before = count.received
            for _ in range(SAID_TIMES):
                await socket.send(SAID)
                await socket.recv()
            agreed = socket.response.headers.get("Sec-WebSocket-Extensions", "none")
            return agreed, count.received - before


async def refusal(app):
    """The status and the text by which a handshake is refused."""
    try:
        async with websockets.connect(f"{app.ws_url}/denied/"):
            return 101, ""
    except websockets.InvalidStatus as refused:
        return refused.response.status_code, refused.response.body.decode()


async def refusals_in_a_browser(apps):
    """{server: all that a page's script is told of a refusal}; None where there is no browser."""
    if not has_chromium():
        return None
    urls = [f"{app.ws_url}/denied/" for app in apps.values()]
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(next(iter(apps.values())).url)
        told = await page.evaluate(
            """urls => Promise.all(urls.map(url => new Promise(resolve => {
              new WebSocket(url).onclose = event => resolve([event.code, event.reason]);
            })))""",
            urls,
        )
    return dict(zip(apps, map(tuple, told), strict=True))


# --- the server's own life ----------------------------------------------------------------------


async def began(app):
    """Whether a socket's scope has what the application has put there when its server began."""
    async with websockets.connect(f"{app.ws_url}/scope/") as socket:
        return json.loads(await socket.recv())["began"]


async def whole_life(app):
    """End a server; returns what it has told the application of its life."""
    await asyncio.to_thread(app.stop)
    lines = app.program.said().splitlines()
    return [line.split()[1] for line in lines if line.startswith("heard ")]
