"""Jobs for the bot of stage 07: give them, too many of them, and while nobody is there to work.

By hand, from the notebooks folder: `../.venv/bin/python labs/jobs.py`. Nobody works, 101 jobs are
given, and then a worker is started; with either Redis layer for the messages.
"""

import asyncio
import contextlib
import json
import sqlite3
import sys
from dataclasses import dataclass, replace
from pathlib import Path

# So that this file also runs as a script: chatflow is next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import redis
import websockets
from channels_redis.core import RedisChannelLayer

from chatflow import stage
from chatflow.running.processes import Program

BOT = "the bot"
LOOK_SECONDS, WAIT_SECONDS = 0.02, 30
MOST_JOBS = 100


# --- giving jobs --------------------------------------------------------------------------------


def connect(instance, name, room="lobby"):
    url = f"{instance.ws_url}/ws/chat/{room}/"
    # Without a limit: behind unread messages it would not hear the server's goodbye.
    return websockets.connect(url, user_agent_header=name, max_queue=None)


async def say(socket, text, author=None):
    """Write one message; returns when it has come back, and its job has been given.

    Its author is the client's own name, except where another one is given. Raises TimeoutError.
    """
    author = author or socket.request.headers["User-Agent"]
    await socket.send(json.dumps({"type": "post", "author": author, "text": text}))
    # A consumer takes its frames in turn: when it answers the second, it has done with the first.
    await socket.send("not JSON")
    missing = {text, None}
    async with asyncio.timeout(WAIT_SECONDS):
        while missing:
            missing.discard(json.loads(await socket.recv()).get("text"))


async def heard_until(socket, text):
    """The texts that come, up to this one. Raises TimeoutError."""
    texts = []
    async with asyncio.timeout(WAIT_SECONDS):
        while text not in texts:
            texts.append(json.loads(await socket.recv()).get("text"))
    return texts


# --- looking ------------------------------------------------------------------------------------


def waiting(chat, channel="bot"):
    """How many jobs for the bot, or on another channel, wait in Redis: no worker has taken them."""
    key = chat.environment["REDIS_PREFIX"] + channel
    with redis.Redis.from_url(chat.redis[0].url) as client:
        # A worker puts aside what it fetches until it has it: a moment later that is empty, too.
        return client.zcard(key) + client.zcard(f"{key}$inflight")


def is_subscribed(chat):
    """Whether a worker listens to the bot's channel, where jobs go by pub/sub: Redis knows."""
    with redis.Redis.from_url(chat.redis[0].url) as client:
        return bool(client.pubsub_channels("*bot"))


def stored(chat, author=None):
    """The texts in the database, oldest first; only those of one author, if one is named."""
    with contextlib.closing(sqlite3.connect(f"{chat.database.as_uri()}?mode=ro", uri=True)) as file:
        rows = file.execute("SELECT author, text FROM chat_message ORDER BY id").fetchall()
    return [text for name, text in rows if author in (None, name)]


def without_commands(flow):
    """The flow without what Redis was told, and its hops numbered again.

    Of two calls of the layer in a row, as here, some commands may be of the one or of the other.
    They are left out then, so it varies how many there are.
    """
    bare = flow.without("redis")
    numbers = {hop.id: f"h{n}" for n, hop in enumerate(bare.handshake + bare.hops, 1)}
    handshake, hops = (
        tuple(replace(hop, id=numbers[hop.id], cause=numbers.get(hop.cause)) for hop in part)
        for part in (bare.handshake, bare.hops)
    )
    return replace(bare, handshake=handshake, hops=hops)


async def until(condition):
    """Return as soon as the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if condition():
                return
            await asyncio.sleep(LOOK_SECONDS)


# --- experiments --------------------------------------------------------------------------------


@dataclass
class Outcome:
    """How many jobs waited, what the bot said while nobody worked, and what afterwards."""

    waited: int
    refusals: list[str]
    answers: list[str]


async def nobody_works(chat, count):
    """Give jobs while no worker runs, then start one; returns when all that waited is answered."""
    chat.worker.stop()
    async with connect(chat, "carol") as carol:
        for _ in range(count):
            await say(carol, "/roll 2d1")
        waited, refusals = waiting(chat), stored(chat, BOT)
        chat.worker.start()
        last = await last_answer(chat, carol)
    return Outcome(waited, refusals, stored(chat, BOT)[len(refusals) : last])


async def late_worker(chat, by_pubsub=False):
    """Give a job while no worker runs, and start one when nothing waits any more: its answers.

    `by_pubsub` says that the stage's jobs go by pub/sub.
    """
    chat.worker.stop()
    async with connect(chat, "carol") as carol:
        await say(carol, "/roll 2d1")
        await until(lambda: waiting(chat) == 0)
        chat.worker.start()
        if by_pubsub:
            await until(lambda: is_subscribed(chat))
        last = await last_answer(chat, carol)
    return stored(chat, BOT)[:last]


async def last_answer(chat, carol):
    """Give one more job and wait for its answer: by then all before it are done.

    Returns the index of that answer among all that the bot has said.
    """
    answer = f"carol rolls {' + '.join('1' * 9)} = 9"
    await say(carol, "/roll 9d1")
    await until(lambda: answer in stored(chat, BOT))
    return stored(chat, BOT).index(answer)


@contextlib.asynccontextmanager
async def another_worker(chat, *channels):
    """One more worker process, on these channels, for the length of the block; yields a Program."""
    worker = Program(
        [sys.executable, "manage.py", "runworker", "--layer", "jobs", *channels],
        folder=chat.files,
        log=chat.files.path / f"worker-{'-'.join(channels)}.log",
        cwd=chat.folder,
        env=chat.environment,
    )
    try:
        await until(lambda: len(waiting_connections(chat)) >= len(channels))
        yield worker
    finally:
        await asyncio.to_thread(worker.stop)


def waiting_connections(chat):
    """The connections on which somebody waits at a queue, as Redis knows them."""
    with redis.Redis.from_url(chat.redis[0].url) as client:
        return [each["id"] for each in client.client_list() if each["cmd"] == "bzpopmin"]


async def lose_a_connection(chat, *channels):
    """What becomes of a worker on these channels when one of its connections breaks.

    Returns its return code, or None if it goes on, and the channels whose jobs nobody takes then.
    The stage's messages go by pub/sub: so nobody but the worker waits at a queue.
    """
    chat.worker.stop()
    layer = RedisChannelLayer([chat.redis[0].url], chat.environment["REDIS_PREFIX"])
    async with another_worker(chat, *channels) as worker:
        with redis.Redis.from_url(chat.redis[0].url) as client:
            client.client_kill_filter(_id=waiting_connections(chat)[0])
        if len(channels) == 1:
            await until(lambda: worker.poll() is not None)
            return worker.poll(), list(channels)
        for channel in channels * 2:
            await layer.send(channel, {"type": "bot.command", "room_name": "lobby"})
        await until(lambda: any(waiting(chat, channel) == 0 for channel in channels))
        return worker.poll(), [channel for channel in channels if waiting(chat, channel)]


async def two_workers(chat):
    """Give jobs in bursts to two workers, until one is done twice. Returns how many were, and all.

    The stage's messages go by pub/sub, as above, and its own worker has been stopped.
    """
    layer = RedisChannelLayer([chat.redis[0].url], chat.environment["REDIS_PREFIX"])
    chat.worker.start()
    async with another_worker(chat, "bot"):
        await until(lambda: len(waiting_connections(chat)) == 2)
        while True:
            first = len(stored(chat, BOT))  # so that each job of each burst has a name of its own
            names = {f"job {first + number}" for number in range(MOST_JOBS)}
            job = {"type": "bot.command", "room_name": "dice", "text": "/roll 1d1"}
            await asyncio.gather(*(layer.send("bot", job | {"author": name}) for name in names))
            answers = {f"{name} rolls 1 = 1" for name in names}
            await until(lambda answers=answers: answers <= set(stored(chat, BOT)))
            given = [text for text in stored(chat, BOT) if text in answers]
            if len(given) > len(answers):
                break
    await layer.close_pools()
    return len(given) - len(answers), len(answers)


async def main():
    for layer in ("queue", "pubsub"):
        async with stage(7, redis_layer=layer) as chat:
            outcome = await nobody_works(chat, 101)
        print(f"{layer:<6}  given 101, waiting {outcome.waited}", end=", ")
        print(f"refused {len(outcome.refusals)}, answered {len(outcome.answers)}")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
