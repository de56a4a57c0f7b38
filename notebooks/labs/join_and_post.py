"""Ten readers join a room, one after the other, while two hundred messages are posted into it."""

import asyncio
import json
from dataclasses import dataclass

from chatflow.clients.sockets import connect

from .ten_seconds import frame, say

ROOM, POSTS, JOINS = "race", 200, 10
LAST = "that was all"
WAIT_SECONDS = 60


@dataclass
class Joined:
    """What a reader was sent, by seq: before `caught_up`, and since."""

    after: int
    replayed: list[int]
    live: list[int]


async def join_and_post(chat):
    """Post from both instances, and join both in turn. Returns the readers. Raises TimeoutError."""
    a, b = chat.instances
    numbers, readers = iter(range(POSTS)), []
    async with (
        asyncio.timeout(WAIT_SECONDS),
        connect(a, ROOM, "alice") as alice,
        connect(b, ROOM, "erin") as erin,
        asyncio.TaskGroup() as tasks,
    ):

        async def write(socket):
            for number in numbers:
                if number % (POSTS // JOINS) == 0:
                    # What a reader has already is half of what there is.
                    reading = read(chat.instances[len(readers) % 2], after=number // 2)
                    readers.append(tasks.create_task(reading))
                await socket.send(frame(f"post {number}"))
                await hear(socket, f"post {number}")

        await asyncio.gather(write(alice), write(erin))
        # A hint may be lost, and only the next one shows it: so there is a next one.
        while not all(reader.done() for reader in readers):
            await say(alice, LAST)
            await asyncio.wait(readers, timeout=1)
    return [reader.result() for reader in readers]


async def read(instance, after):
    async with connect(instance, ROOM, "bob", after=after) as socket:
        replayed, live = await hear(socket, "caught_up"), await hear(socket, LAST)
    return Joined(after, replayed, live)


async def hear(socket, last):
    """The seqs of the messages that come, up to an event of this type or with this text."""
    seqs, event = [], {}
    while last not in (event.get("type"), event.get("text")):
        event = json.loads(await socket.recv())
        if event["type"] == "message":
            seqs.append(event["seq"])
    return seqs
