"""What people, and their networks, do to the finished chat in notebook 10."""

import ast
import asyncio
import contextlib
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass

import websockets

from chatflow.basics.catalog import ROOT
from chatflow.clients.sockets import connect
from chatflow.clients.traffic import network
from chatflow.lesson.sources import code_lines
from chatflow.tracing.flow import Flow

from .ten_seconds import frame, stored

ROOM, WAIT_SECONDS = "lobby", 60
AT_A, AT_B = ("alice", "ann", "art"), ("bob", "ben", "bea")
MISSED = [f"while you were away, {number}" for number in range(1, 6)]


async def until(socket, kind):
    """The next event of this type; what comes before it is passed over."""
    async with asyncio.timeout(WAIT_SECONDS):
        while (event := json.loads(await socket.recv()))["type"] != kind:
            pass
    return event


async def say(socket, text):
    """Post, and return the stored message."""
    await socket.send(frame(text))
    while (message := await until(socket, "message"))["text"] != text:
        pass
    return message


async def six_readers(chat, text):
    """Three people at each of two instances; Alice writes. Returns the flow of her message."""
    async with AsyncExitStack() as stack:
        sockets = []
        for instance, names in zip(chat.instances, (AT_A, AT_B), strict=True):
            for name in names:
                opening = connect(instance, "six", name)
                sockets.append(await stack.enter_async_context(opening))
                await until(sockets[-1], "caught_up")
        await say(sockets[0], text)
        return await chat.flow(text, reaches=[*AT_A, *AT_B])


def woken(flow):
    """The stations that the layer handed a message to."""
    return {hop.target for hop in flow.without("redis").hops if hop.source.startswith("layer/")}


@dataclass
class Away:
    """What Bob has heard in the end, what is stored, and the flow of the last that he missed."""

    heard: list[str]
    stored: list[str]
    flow: Flow


async def come_back(chat):
    """Bob loses his network, and then B is killed; Alice writes in A, and all come back."""
    a, b = chat.instances
    async with network(b) as phone, connect(a, ROOM, "alice") as alice:
        async with connect(phone, ROOM, "bob") as bob:
            await until(bob, "caught_up")
            await say(alice, "can you hear me?")
            last = await until(bob, "message")
            phone.cut()
        await chat.request_flow("bob", "close", within=WAIT_SECONDS)  # B has noticed
        await asyncio.to_thread(b.kill)
        for text in MISSED:
            await say(alice, text)
        await asyncio.to_thread(b.start)
        phone.mend()
        async with connect(phone, ROOM, "bob", after=last["seq"]) as bob:
            heard = [last["text"], *await texts_before_caught_up(bob)]
    kept = [message["text"] for message in stored(chat, ROOM)]
    return Away(heard, kept, await chat.flow(MISSED[-1]))


async def texts_before_caught_up(socket):
    texts = []
    async with asyncio.timeout(WAIT_SECONDS):
        while (event := json.loads(await socket.recv()))["type"] != "caught_up":
            texts.append(event["text"])
    return texts


async def flood(socket, posts=50):
    """Send so many posts at once. Returns the answers' types or codes, until the socket closed."""
    with contextlib.suppress(websockets.ConnectionClosed):
        for number in range(posts):
            await socket.send(frame(f"buy now! {number}"))
    answers = []
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                event = json.loads(await socket.recv())
                if event["type"] in ("message", "error"):
                    answers.append(event.get("code", event["type"]))
    return answers


@contextlib.asynccontextmanager
async def two_people(chat, room_name):
    """Alice at A and Bob at B, each of whom sees the other; yields their sockets."""
    a, b = chat.instances
    async with connect(a, room_name, "alice") as alice, connect(b, room_name, "bob") as bob:
        for socket in (alice, bob):
            # By then their instances have told the layer what there is to tell.
            while (await until(socket, "presence"))["count"] < 2:
                pass
        yield alice, bob


def modules():
    """Each module of the app: its name, its lines of code, and the first line of its docstring."""
    folder = ROOT / "chat_final" / "chat"
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text()
        is_app = path.name != "tests.py" and "migrations" not in path.parts
        if is_app and (lines := code_lines(text)):
            about = ast.get_docstring(ast.parse(text)) or ""
            yield path.name, lines, about.partition("\n")[0]
