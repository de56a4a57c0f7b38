"""Ten forms are posted, and Redis is away for four of them: what does a reader have in the end?"""

import asyncio
import json
from dataclasses import dataclass

from chatflow import Visitor
from chatflow.clients.sockets import connect

from .ten_seconds import texts_until

ROOM = "dark"
TEXTS = [f"form {number}" for number in range(1, 11)]
WAIT_SECONDS = 60


@dataclass
class Outcome:
    """The answers to the forms; what Bob got live, and on his return; how his socket ended."""

    statuses: list[int]
    live: list[str]
    replayed: list[str]
    close_code: int


async def redis_dies(chat):
    """Erin posts in A, Bob reads in B. Raises TimeoutError."""
    redis, (a, b) = chat.redis[0], chat.instances
    async with asyncio.timeout(WAIT_SECONDS), Visitor(a, "erin") as erin:
        await erin.open(ROOM)
        async with connect(b, ROOM, "bob", after=0) as bob:
            statuses = [await post(erin, text) for text in TEXTS[:3]]
            live = await texts_until(bob, TEXTS[2])
            redis.kill()
            await bob.wait_closed()
        statuses += [await post(erin, text) for text in TEXTS[3:7]]
        await asyncio.to_thread(redis.restart)
        statuses += [await post(erin, text) for text in TEXTS[7:]]
        # The seq of the last message that he has: the room began with these.
        async with connect(b, ROOM, "bob", after=len(live)) as again:
            replayed = await texts_before_caught_up(again)
    return Outcome(statuses, live, replayed, bob.close_code)


async def post(visitor, text):
    return (await visitor.post(ROOM, visitor.name, text)).status_code


async def texts_before_caught_up(socket):
    texts = []
    while (event := json.loads(await socket.recv()))["type"] != "caught_up":
        texts.append(event["text"])
    return texts
