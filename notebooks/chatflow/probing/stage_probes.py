"""The probes of what the stages add, one for each row of the matrix, named after its key.

A probe drives a running stage of two instances as any foreign client would, in a room of its own,
and returns "yes", "no", or "–" where this stage has nothing that could be tried. What chat_final
adds is probed in `final_probes`.
"""

import asyncio
import contextlib
import secrets
import uuid

import httpx
import websockets

from ..basics.catalog import LIVE_SECONDS
from ..clients.readers import WAYS, reading, websocket_reader
from ..clients.sockets import connect, frame, next_event
from ..clients.visitor import Visitor, post
from . import people
from .people import ANSWER_SECONDS, NO, NOTHING_TO_TRY, YES, error_means, new_room, verdict

WSGI_THREADS = 4
IDLE_SECONDS = 12
LOGOUT_SECONDS = 5
# A server that only has much to do answers sooner; the readers of stage 02 wait for longer.
SILENCE_SECONDS = 6
# Another site; another port, a subdomain and another scheme of a site like ours; a sandbox.
FOREIGN_ORIGINS = [
    "http://evil.example",
    "http://127.0.0.1:1",
    "http://chat.localhost",
    "https://127.0.0.1",
    "null",
]
BAD_FRAMES = [
    "not JSON",
    b"\x00\xff",
    "[]",
    "NaN",
    "[" * 50_000,  # chat_final takes 64 KiB at most
    "1" * 5_000,
    '{"type": "unheard of"}',
    '{"type": "post", "author": "eve", "text": "   "}',
    '{"type": "post", "author": "eve", "text": "half a surrogate: \\ud800"}',
    frame("post", author="eve", text="x" * 2_001),
]


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
        return verdict(await hears(reader, room_name, chat))


async def crosses_instances(chat):
    here, there = chat.instances[:2]
    room_name = new_room()
    async with reading(there, room_name) as reader:
        if reader is None:
            return NOTHING_TO_TRY
        # Three in a row: the first may still be found in the database, by a reader who was only
        # about to wait for it.
        for _ in range(3):
            if not await hears(reader, room_name, here):
                return NO
        return YES


async def hears(reader, room_name, writer):
    """Whether a reader gets what somebody posts at `writer`."""
    with_socket = websocket_reader(writer, room_name, "alice")
    async with with_socket if reader.socket else contextlib.nullcontext() as alice:
        await write(writer, alice, room_name, "can you hear me?")
        return await reader.next_text() == "can you hear me?"


async def waiting_readers(chat):
    # In stage 02 readers that have left hold the other instance's threads for a while.
    there, room_name = chat.instances[1], new_room()
    async with contextlib.AsyncExitStack() as stack:
        alice = await stack.enter_async_context(Visitor(there, "alice"))
        await alice.open(room_name)
        first = await stack.enter_async_context(reading(there, room_name))
        if first is None:
            return NOTHING_TO_TRY
        for _ in range(WSGI_THREADS):
            # One by one. A reader's request is a new one too, and blocked if nobody answers it.
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await stack.enter_async_context(WAYS[first.how](there, room_name))
            except TimeoutError:
                return NO
        try:
            response = await alice.post(room_name, "alice", "wake up", within=LIVE_SECONDS)
        except httpx.TimeoutException:
            return NO
        return verdict(response.status_code == 302)


@error_means(NO, TimeoutError, websockets.InvalidStatus)
async def full_duplex(chat):
    """Receive an answer in the middle of sending: half of a frame is out when it comes."""
    room_name = new_room()
    answers = []

    async def second_post_around_first_answer():
        yield '{"type": "post", "author": "alice", '
        answers.append(await next_event(socket))
        yield '"text": "second"}'

    async with connect(chat, room_name, "alice") as socket, asyncio.timeout(2 * LIVE_SECONDS):
        await socket.send(frame("post", author="alice", text="first"))
        await socket.send(second_post_around_first_answer())
        answers.append(await next_event(socket))
    return verdict([answer["text"] for answer in answers] == ["first", "second"])


async def rooms_isolated(chat):
    room_name, other_room = new_room(), new_room()
    async with reading(chat, room_name) as reader, Visitor(chat) as bob:
        await post(chat, other_room, "alice", "not for you")
        await write(chat, reader, room_name, "for us")
        # Had the other room's message come here, it would have come first.
        heard = await reader.next_text() if reader else "for us"
        page = (await bob.open(room_name)).text
    return verdict(heard == "for us" and "for us" in page and "not for you" not in page)


async def write(chat, reader, room_name, text):
    """Write as the one who reads, by the same socket if that is how they read."""
    if reader and reader.socket:
        await reader.post("alice", text)
    else:
        await post(chat, room_name, "alice", text)


async def another_process(chat):
    room_name = new_room()
    async with websocket_reader(chat, room_name) as reader:
        done = await asyncio.to_thread(chat.manage, "say", room_name, "from outside")
        if "Unknown command" in done.stderr:
            return NOTHING_TO_TRY
        return verdict(reader and await reader.next_text() == "from outside")


async def idle_sockets(chat):
    room_names = [new_room() for _ in range(3)]
    async with contextlib.AsyncExitStack() as stack:
        open_sockets = [websocket_reader(chat, room_name) for room_name in room_names]
        sockets = [await stack.enter_async_context(each) for each in open_sockets]
        if None in sockets:
            return NOTHING_TO_TRY
        await asyncio.sleep(IDLE_SECONDS)  # nothing is waited for here: idleness is the experiment
        try:
            return verdict(all(await asyncio.gather(*map(is_awake, sockets))))
        except websockets.ConnectionClosed:
            return NO


async def is_awake(socket):
    """Whether an answer comes. Asked three times: a layer may lose one, as other sockets close."""
    for _ in range(3):
        await socket.post("alice", "awake?")
        if await socket.next(within=SILENCE_SECONDS):
            return True
    return False


@error_means(NOTHING_TO_TRY, websockets.InvalidStatus)
@error_means(NO, websockets.ConnectionClosed, TimeoutError)
async def bad_frames(chat):
    async with connect(chat, new_room(), "eve") as socket:
        for nonsense in BAD_FRAMES:
            async with asyncio.timeout(ANSWER_SECONDS):
                await socket.send(nonsense)
                if (await next_event(socket))["type"] != "error":
                    return NO
            if not await still_posts(socket):
                return NO
    return YES


async def still_posts(socket, times=3):
    """Whether a post is answered, once of so many times: a layer may lose one."""
    for _ in range(times):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await socket.send(frame("post", author="eve", text="good"))
                return (await next_event(socket))["type"] == "message"
    return False


async def unasked(chat):
    """Write a command, and see whether somebody else writes an answer."""
    room_name = new_room()
    async with reading(chat, room_name, "alice") as reader:
        if reader is None:
            return NO
        await write(chat, reader, room_name, "/roll 2d6")
        heard = [await reader.next(), await reader.next()]
    return verdict(None not in heard and heard[1]["author"] != "alice")


async def unforgeable(chat):
    """Write as mallory under the name of alice, by the form and by a frame."""
    room_name = new_room()
    async with Visitor(chat, "mallory") as mallory, reading(chat, room_name, "mallory") as reader:
        await mallory.open(room_name)
        await mallory.post(room_name, "alice", "by form")
        if reader and reader.socket:
            await reader.post("alice", "by frame")
            # Whichever comes first: under a form's name or under a frame's.
            while (message := await reader.next()) and message["text"] != "by frame":
                pass
            if message is None or message["author"] != "mallory":
                return NO
        page = (await mallory.open(room_name)).text
    return verdict("<b>mallory</b>" in page and "<b>alice</b>" not in page)


async def foreign_site(chat):
    """Do what a page of another site, or of another port, makes the browser of a user do."""
    async with websocket_reader(chat, new_room(), "alice") as reader:
        if reader is None:
            return NOTHING_TO_TRY
    for origin in FOREIGN_ORIGINS:
        with contextlib.suppress(websockets.InvalidStatus):
            async with connect(chat, new_room(), "alice", origin=origin):
                return NO
    return YES


async def logout(chat):
    async with Visitor(chat, f"user-{secrets.token_hex(6)}", fresh=True) as user:
        await user.log_in()
        if not user.session:
            return NOTHING_TO_TRY
        async with connect(chat, new_room(), user.name, session=user.session) as socket:
            await user.log_out()
            return verdict(await people.close_code(socket, LOGOUT_SECONDS) == 4401)


async def resumes(chat):
    """Read, be away while somebody writes, and come back."""
    room_name, missed = new_room(), ["one", "two", "three"]
    async with reading(chat, room_name, "alice") as reader:
        if reader is None:
            return NOTHING_TO_TRY
        await write(chat, reader, room_name, "before")
        last = await reader.next()
    for text in missed:
        await post(chat, room_name, "bob", text)
    async with reading(chat, room_name, "alice", after=last) as reader:
        for text in missed:
            if await reader.next_text() != text:
                return NO
    return YES


async def stored_once(chat):
    """Send a message again, as if its answer had been lost on the way."""
    room_name = new_room()
    twice = frame("post", author="alice", text="twice?", client_id=str(uuid.uuid4()))
    async with Visitor(chat, "alice") as alice:
        await alice.open(room_name)
        try:
            async with connect(chat, room_name, "alice") as socket:
                for _ in range(2):
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await socket.send(twice)
                        await next_event(socket)
        except TimeoutError:
            return NO
        except websockets.InvalidStatus:
            for _ in range(2):
                await alice.post(room_name, "alice", "twice?")
        page = (await alice.open(room_name)).text
    return verdict(page.count("<p>twice?</p>") == 1)
