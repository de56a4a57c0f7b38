"""What a stage can do, found out by trying: one probe per row of the matrix.

A probe drives a running stage of two instances as any foreign client would, in a room of its own,
and returns "yes", "no", or "–" where this stage has nothing that could be tried.
"""

import asyncio
import contextlib
import json
import secrets

import httpx
import websockets

from .catalog import capabilities
from .client import LIVE_SECONDS, Visitor, post, reading, websocket_reader

YES, NO, NOTHING_TO_TRY = "yes", "no", "–"

WSGI_THREADS = 4
IDLE_SECONDS = 12
BAD_FRAMES = [
    "not JSON",
    b"\x00\xff",
    "[]",
    "NaN",
    "[" * 100_000,
    "1" * 5_000,
    '{"type": "unheard of"}',
    '{"type": "post", "author": "eve", "text": "   "}',
    '{"type": "post", "author": "eve", "text": "half a surrogate: \\ud800"}',
    json.dumps({"type": "post", "author": "eve", "text": "x" * 2_001}),
    json.dumps({"type": "post", "author": "e" * 51, "text": "hello"}),
]


def verdict(it_can):
    return YES if it_can else NO


def new_room():
    return f"probe-{secrets.token_hex(6)}"


async def survives_reload(chat):
    room_name = new_room()
    await post(chat, room_name, "alice", "still here?")
    async with Visitor(chat) as bob:
        return verdict("still here?" in (await bob.open(room_name)).text)


async def accepts_websocket(chat):
    async with websocket_reader(chat, new_room()) as reader:
        return verdict(reader is not None)


async def live(chat):
    room_name = new_room()
    async with reading(chat, room_name) as reader:
        if reader is None:
            return NO
        return verdict(await hears(reader, chat, room_name, chat))


async def crosses_instances(chat):
    here, there = chat.instances[:2]
    room_name = new_room()
    async with reading(there, room_name) as reader:
        if reader is None:
            return NOTHING_TO_TRY
        # Three in a row: the first may still be found in the database, by a reader who was only
        # about to wait for it.
        for _ in range(3):
            if not await hears(reader, there, room_name, here):
                return NO
        return YES


async def hears(reader, at, room_name, writer):
    """Whether a reader connected to `at` gets what somebody posts at `writer`."""
    # A page from the reader's own server: by then it has the reader's request in hand.
    async with Visitor(at) as visitor:
        await visitor.open(room_name)
    if reader.socket:
        async with websocket_reader(writer, room_name) as alice:
            await alice.post("alice", "can you hear me?")
            message = await reader.next()
    else:
        await post(writer, room_name, "alice", "can you hear me?")
        message = await reader.next()
    return message is not None and message["text"] == "can you hear me?"


async def waiting_readers(chat):
    room_name = new_room()
    async with contextlib.AsyncExitStack() as stack:
        alice = await stack.enter_async_context(Visitor(chat))
        await alice.open(room_name)
        for _ in range(WSGI_THREADS + 1):
            # One by one; when the server answers nobody any more, that is an answer too.
            try:
                async with asyncio.timeout(LIVE_SECONDS):
                    reader = await stack.enter_async_context(reading(chat, room_name))
            except TimeoutError:
                break
            if reader is None:
                return NOTHING_TO_TRY
        try:
            response = await alice.post(room_name, "alice", "wake up", within=LIVE_SECONDS)
        except httpx.TimeoutException:
            return NO
        return verdict(response.status_code == 302)


async def full_duplex(chat):
    """Receive an answer in the middle of sending: half of a frame is out when it comes."""
    room_name = new_room()
    try:
        socket = await websockets.connect(f"{chat.ws_url}/ws/chat/{room_name}/")
    except websockets.InvalidStatus:
        return NO

    async def second_post_around_first_answer():
        yield '{"type": "post", "author": "alice", '
        answers.append(json.loads(await socket.recv()))
        yield '"text": "second"}'

    answers = []
    async with socket, asyncio.timeout(2 * LIVE_SECONDS):
        await socket.send('{"type": "post", "author": "alice", "text": "first"}')
        await socket.send(second_post_around_first_answer())
        answers.append(json.loads(await socket.recv()))
    return verdict([answer["text"] for answer in answers] == ["first", "second"])


async def rooms_isolated(chat):
    room_name, other_room = new_room(), new_room()
    async with reading(chat, room_name) as reader, Visitor(chat) as bob:
        await post(chat, other_room, "alice", "not for you")
        if reader and reader.socket:
            await reader.post("bob", "for us")
        else:
            await post(chat, room_name, "bob", "for us")
        # Had the other room's message come here, it would have come first.
        heard = (await reader.next())["text"] if reader else "for us"
        page = (await bob.open(room_name)).text
    return verdict(heard == "for us" and "for us" in page and "not for you" not in page)


async def another_process(chat):
    room_name = new_room()
    async with websocket_reader(chat, room_name) as reader:
        done = await asyncio.to_thread(chat.manage, "say", room_name, "from outside")
        if "Unknown command" in done.stderr:
            return NOTHING_TO_TRY
        message = await reader.next() if reader else None
    return verdict(message is not None and message["text"] == "from outside")


async def idle_sockets(chat):
    room_names = [new_room() for _ in range(3)]
    async with contextlib.AsyncExitStack() as stack:
        open_sockets = [websocket_reader(chat, room_name) for room_name in room_names]
        sockets = [await stack.enter_async_context(each) for each in open_sockets]
        if None in sockets:
            return NOTHING_TO_TRY
        await asyncio.sleep(IDLE_SECONDS)  # nothing is waited for here: idleness is the experiment
        try:
            for socket in sockets:
                await socket.post("alice", "awake?")
            answers = [await socket.next() for socket in sockets]
        except websockets.ConnectionClosed:
            return NO
    return verdict(None not in answers)


async def bad_frames(chat):
    room_name = new_room()
    try:
        socket = await websockets.connect(f"{chat.ws_url}/ws/chat/{room_name}/")
    except websockets.InvalidStatus:
        return NOTHING_TO_TRY
    async with socket:
        try:
            async with asyncio.timeout(10):
                for frame in BAD_FRAMES:
                    await socket.send(frame)
                    if json.loads(await socket.recv())["type"] != "error":
                        return NO
                await socket.send('{"type": "post", "author": "eve", "text": "good"}')
                return verdict(json.loads(await socket.recv())["type"] == "message")
        except (websockets.ConnectionClosed, TimeoutError):
            return NO


PROBES = {key: globals()[key] for key in capabilities()}
ONE_BY_ONE = [key for key in PROBES if key not in ("idle_sockets", "waiting_readers")]


async def measure(chat):
    """Try all capabilities of a running stage: {key: "yes", "no" or "–"}, in the matrix's order."""
    found = await try_all(chat)
    for verdict in found.values():
        if isinstance(verdict, Exception):
            raise verdict
    return found


async def try_all(chat):
    """Like `measure`, but a probe that breaks leaves its exception in place of a verdict."""
    found = dict.fromkeys(PROBES)
    async with asyncio.TaskGroup() as tasks:
        # It takes longest, and does not mind what happens meanwhile.
        idle = tasks.create_task(try_one(chat, "idle_sockets"))
        # Waiting readers last: where the answer is no, the server is busy for a while afterwards.
        for key in [*ONE_BY_ONE, "waiting_readers"]:
            found[key] = await try_one(chat, key)
    return found | {"idle_sockets": idle.result()}


async def try_one(chat, key):
    try:
        return await PROBES[key](chat)
    except Exception as error:  # handed on: whoever asked decides what it means
        return error
