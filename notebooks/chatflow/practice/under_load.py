"""Checks of hunts: who has to wait, and what is lost, while somebody else is at work."""

import asyncio
import contextlib
import signal

from ..clients.readers import reading, stream_reader, websocket_reader
from ..clients.sockets import connect, frame, next_event, next_of
from ..clients.visitor import Visitor, post
from ..probing.people import new_room
from .checks import BEGUN, SOON, Checks, count_stored, looking, until, writing

CHECKS = Checks()
MANY, FEW = 20, 3


@CHECKS.add
async def others_do_not_wait(run):
    """While one message is on its way, people in other rooms are answered."""
    here, room_name = run.instances[0], new_room()
    async with connect(here, room_name, "alice") as alice, connect(here, new_room(), "bob") as bob:
        await alice.send(frame("post", author="alice", text="slowly, please"))
        await until(lambda: count_stored(run, room_name))
        await bob.send("[]")  # to be refused at once
        async with asyncio.timeout(SOON / 2):
            return await next_of(bob, "error") is not None


@CHECKS.add
async def others_are_served_meanwhile(run):
    """While one person's message waits for the database, the process serves everybody else."""
    here = run.instances[0]
    async with connect(here, new_room(), "alice") as alice, connect(here, new_room(), "bob") as bob:
        with writing(run.database):
            heard = count_frames(run)
            await alice.send(frame("post", author="alice", text="when you can"))
            await until(lambda: count_frames(run) > heard)
            async with asyncio.timeout(SOON):
                # Answered by the server itself, as soon as it has a moment.
                await (await bob.ping())
    return True


def count_frames(run):
    return sum(hop.label.startswith("websocket.receive") for hop in run.tracing.hops())


@CHECKS.add
async def pages_load_meanwhile(run):
    """While somebody waits for news, pages load."""
    here = run.instances[0]
    async with stream_reader(here, new_room(), "bob"), Visitor(here, "alice") as alice:
        async with asyncio.timeout(SOON / 2):
            return (await alice.load("/")).status_code == 200


@CHECKS.add
async def what_is_heard_is_stored(run):
    """Whoever hears of a message finds it in the database."""
    here, room_name = run.instances[0], new_room()
    async with websocket_reader(here, room_name, "bob") as bob:
        with looking(run.database):
            posting = asyncio.create_task(post(here, room_name, "alice", "wait for it"))
            early = await bob.next(within=SOON / 2)
        await posting
        return early is None and await bob.next(within=SOON) is not None


@CHECKS.add
async def burst_arrives(run):
    """All of twenty messages that are written at once arrive."""
    here, there, room_name = run.instances[0], run.instances[-1], new_room()
    async with (
        websocket_reader(there, room_name, "bob") as bob,
        connect(here, room_name, "alice", max_queue=None) as alice,
    ):
        with frozen(there):  # as if it had much to do
            for number in range(MANY):
                await alice.send(frame("post", author="alice", text=f"{number}"))
            await until(lambda: count_stored(run, room_name) == MANY, within=2 * SOON)
        for number in range(MANY):
            if await bob.next_text() != f"{number}":
                return False
    return True


@contextlib.contextmanager
def frozen(instance):
    """The process gets no time; what is sent to it waits."""
    instance.program.send(signal.SIGSTOP)
    try:
        yield
    finally:
        instance.program.send(signal.SIGCONT)


@CHECKS.add
async def every_post_wakes(run):
    """Whoever waits for news has each message at once."""
    here, room_name = run.instances[0], new_room()
    async with reading(here, room_name, "bob") as bob, Visitor(here, "alice") as alice:
        await alice.open(room_name)
        for number in range(FEW):
            with writing(run.database):  # what is stored has to wait a moment
                posting = asyncio.create_task(alice.post(room_name, "alice", f"{number}"))
                await asyncio.sleep(BEGUN)
            await posting
            if await bob.next_text() != f"{number}":
                return False
    return True


@CHECKS.add
async def bot_answers_meanwhile(run):
    """While the bot has a reminder to keep, it answers others; and it keeps it."""
    async with websocket_reader(run.instances[0], new_room(), "alice") as alice:
        for text in ("/remind 3 tea", "/roll 1d6"):
            await alice.post("alice", text)
        heard = [await alice.next(within=2 * SOON) for _ in range(4)]
    answers = [each["text"] for each in heard if each and each["author"] == "the bot"]
    return [text.split()[1] for text in answers] == ["rolls", "tea"]


@CHECKS.add
async def writers_wait_their_turn(run):
    """Whoever writes at the same moment as others is told that it is stored."""
    async with connect(run.instances[0], new_room(), "alice") as alice:
        for number in range(FEW):
            with writing(run.database) as other:
                other.execute("INSERT INTO chat_room VALUES (?, 0)", [new_room()])
                await alice.send(frame("post", text=f"{number}"))
                await asyncio.sleep(BEGUN)
                await asyncio.to_thread(other.execute, "COMMIT")
            async with asyncio.timeout(SOON):
                if (await next_event(alice)).get("text") != f"{number}":
                    return False
    return True
