"""Notebook 11: one chat under each ASGI server, and what the servers do differently."""

import asyncio
import json
from contextlib import AsyncExitStack

import httpx
import websockets

from chatflow.basics.addresses import NO_TLS
from chatflow.clients.sockets import connect
from chatflow.running.labs import lab
from chatflow.running.servers import ASGI_SERVERS
from chatflow.tracing import lifelines

from .finished import say, until
from .who_waits import POURS, SENDS

NAMES = ("alice", "bob", "carol", "dave", "erin")


def title(server):
    """As its makers write it."""
    return lifelines.SERVERS[server][0]


async def five_people(chat, text):
    """One at each of five instances; the last one writes. Returns the flow, and what all heard."""
    async with AsyncExitStack() as stack:
        sockets = await one_at_each(chat, stack)
        said = await say(sockets[-1], text)
        heard = [await until(socket, "message") for socket in sockets[:-1]]
        return await chat.flow(text, reaches=NAMES), [*heard, said]


async def one_at_each(chat, stack):
    sockets = []
    for instance, name in zip(chat.instances, NAMES, strict=True):
        sockets.append(await stack.enter_async_context(connect(instance, "five", name)))
        await until(sockets[-1], "caught_up")
    return sockets


async def restarted(chat):
    """{server: the code that an open socket is closed with when its instance gets SIGTERM}."""
    async with AsyncExitStack() as stack:
        sockets = await one_at_each(chat, stack)
        codes = await asyncio.gather(*map(code_at_the_end, chat.instances, sockets))
    return dict(zip(ASGI_SERVERS, codes, strict=True))


async def code_at_the_end(instance, socket):
    stopping = asyncio.create_task(asyncio.to_thread(instance.stop))
    await socket.wait_closed()
    await stopping
    return int(socket.close_code)


async def ways():
    """{server: what it does with one small application, by the name of the question}."""
    return dict(zip(ASGI_SERVERS, await asyncio.gather(*map(way_of, ASGI_SERVERS)), strict=True))


async def way_of(server):
    async with lab("who_waits", server=server) as app:
        async with websockets.connect(app.ws_url) as socket:
            facts = json.loads([await socket.recv() for _ in range(SENDS + 1)][-1])
            compresses = "Sec-WebSocket-Extensions" in socket.response.headers
        told = await told_a_slow_reader(app)
        async with websockets.connect(app.ws_url) as socket:
            code = await code_at_the_end(app, socket)
    return {
        "a send waits": f"{facts['waited']} of {SENDS}",
        "for a slow reader": "no" if told == POURS else "yes",
        "denial response": "yes" if "websocket.http.response" in facts["offers"] else "no",
        "compression": "yes" if compresses else "no",
        "scheme": facts["scheme"] or "–",
        "at SIGTERM": str(code),
    }


async def told_a_slow_reader(app):
    """How many of its frames a server takes over for a client that reads nothing."""
    options = {"compression": None, "max_queue": 1}
    async with websockets.connect(app.ws_url, **options) as socket:
        await socket.send("more")
        async with httpx.AsyncClient(base_url=app.url, verify=NO_TLS, timeout=10) as http:
            told = int((await http.get("/told")).text)
        socket.transport.abort()
    return told
