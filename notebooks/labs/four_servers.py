"""Notebook 11: one chat under four servers."""

import json
from contextlib import AsyncExitStack

import websockets

from chatflow.client import connect
from chatflow.labs import lab
from chatflow.servers import SERVERS

from .finished import say, until
from .who_waits import SENDS

ASGI_SERVERS = [name for name in SERVERS if name != "gunicorn"]
NAMES = ("alice", "bob", "carol", "dave")


async def four_people(chat, text):
    """One at each of four instances; the last one writes. Returns the flow, and what all heard."""
    async with AsyncExitStack() as stack:
        sockets = []
        for instance, name in zip(chat.instances, NAMES, strict=True):
            sockets.append(await stack.enter_async_context(connect(instance, "four", name)))
            await until(sockets[-1], "caught_up")
        said = await say(sockets[-1], text)
        heard = [await until(socket, "message") for socket in sockets[:-1]]
        return await chat.flow(text, reaches=NAMES), [*heard, said]


async def sends_that_wait():
    """{server: how many of ten sends to a client that keeps up have to wait}."""
    waited = {}
    for server in ASGI_SERVERS:
        async with lab("who_waits", server=server) as app, websockets.connect(app.ws_url) as socket:
            frames = [json.loads(await socket.recv()) for _ in range(SENDS + 1)]
        waited[server] = frames[-1]["waited"]
    return waited
