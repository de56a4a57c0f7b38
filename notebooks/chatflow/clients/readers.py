"""Readers who wait for news in a room, in each of the three ways that a stage may offer."""

import asyncio
import contextlib
import json

import httpx
import websockets

from ..basics.addresses import NO_TLS
from ..basics.catalog import LIVE_SECONDS
from .sockets import connect, frame, until_in_room
from .visitor import Visitor, user_agent


class Reader:
    """Somebody who waits for news in a room. `how` says by which of the ways a stage may offer."""

    def __init__(self, how, socket=None):
        self.how, self.socket = how, socket
        self.inbox = asyncio.Queue()

    async def next(self, within=LIVE_SECONDS):
        """The next message; None if none came in time. Raises what has ended the connection."""
        try:
            async with asyncio.timeout(within):
                news = await self.inbox.get()
        except TimeoutError:
            return None
        if isinstance(news, Exception):
            raise news
        return news

    async def next_text(self):
        """The text of the next message; None if none came in time."""
        message = await self.next()
        return message and message["text"]

    async def post(self, author, text):
        """Post over the same connection; only a WebSocket can."""
        await self.socket.send(frame("post", author=author, text=text))


@contextlib.asynccontextmanager
async def reading(instance, room_name, name=None, after=None):
    """Wait for news in whatever way the stage offers: yields a Reader, or None if there is none.

    By WebSocket a reader gets what is posted from now on, in the other ways the whole room; or
    what came after a message that it has already, where the stage can tell it.
    """
    async with contextlib.AsyncExitStack() as stack:
        for open_reader in WAYS.values():
            reader = await stack.enter_async_context(open_reader(instance, room_name, name, after))
            if reader:
                break
        if reader and reader.how != "WebSocket":
            await until_it_waits(instance, room_name, name, after)
        yield reader


async def until_it_waits(instance, room_name, name, after):
    """Return when the server has the reader's request in hand, and nothing to answer it with."""
    if instance.tracing and name and not after:
        await instance.tracing.waits(name, room_name)
        return
    # Nothing says so where nothing is traced, but the answer to a later request.
    async with Visitor(instance, name) as visitor:
        await visitor.load("/")


@contextlib.asynccontextmanager
async def websocket_reader(instance, room_name, name=None, after=None, session=None):
    """A Reader by WebSocket, or None if the handshake is refused; `session` as for `connect`."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            seq = after and after.get("seq")
            opening = connect(instance, room_name, name, after=seq, session=session)
            socket = await stack.enter_async_context(opening)
        except websockets.InvalidStatus:
            yield None
            return
        reader = Reader("WebSocket", socket)
        if seq is None and getattr(instance, "greets", False):
            await until_in_room(socket)
        async with feeding(reader, read_socket(socket)):
            yield reader


async def read_socket(socket):
    async for text in socket:
        event = json.loads(text)
        # A stage that is being written, or is broken on purpose, may send anything.
        if isinstance(event, dict) and event.get("type") == "message":
            yield event


@contextlib.asynccontextmanager
async def stream_reader(instance, room_name, name=None, after=None):
    """A Reader by server-sent events, or None if the stage has no such address."""
    url = f"{instance.url}/chat/{room_name}/stream/"
    timeout = httpx.Timeout(30, read=None)
    async with (
        httpx.AsyncClient(timeout=timeout, headers=user_agent(name), verify=NO_TLS) as http,
        http.stream("GET", url, params={"after": after["id"] if after else 0}) as response,
    ):
        if response.status_code == 404:
            yield None
            return
        response.raise_for_status()
        reader = Reader("event stream")
        async with feeding(reader, read_events(response)):
            yield reader


async def read_events(response):
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


@contextlib.asynccontextmanager
async def polling_reader(instance, room_name, name=None, after=None):
    """A Reader by long polling, or None if the stage has no such address."""
    options = {"headers": user_agent(name), "timeout": 60, "verify": NO_TLS}
    async with httpx.AsyncClient(base_url=instance.url, **options) as http:
        path = f"/chat/{room_name}/messages/"
        # Asked for nonsense, so that the answer comes at once: 404 only if nothing is there.
        if (await http.get(path, params={"after": "nonsense"})).status_code == 404:
            yield None
            return
        reader = Reader("long polling")
        asked = asyncio.Event()
        after = after["id"] if after else 0
        async with feeding(reader, poll(http, path, asked, after)):
            await asked.wait()
            yield reader


async def poll(http, path, asked, after):
    async def trace(step, details):
        if step == "http11.send_request_body.complete":
            asked.set()

    while True:
        response = await http.get(path, params={"after": after}, extensions={"trace": trace})
        response.raise_for_status()
        for message in response.json()["messages"]:
            after = message["id"]
            yield message


# What `how` of a Reader says, and how to get another one of that kind.
WAYS = {
    "WebSocket": websocket_reader,
    "event stream": stream_reader,
    "long polling": polling_reader,
}


@contextlib.asynccontextmanager
async def feeding(reader, messages):
    """Put what arrives into the reader's inbox, for the length of the block."""

    async def feed():
        try:
            async for message in messages:
                reader.inbox.put_nowait(message)
            raise ConnectionError(f"The server has ended the {reader.how}.")
        except Exception as error:  # handed on: the reader's next() raises it
            reader.inbox.put_nowait(error)

    task = asyncio.create_task(feed())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
