"""Where a message of the two Redis layers waits, each place filled with more than it holds.

The queue layer has two queues. The first is in Redis: one for each process, in which its messages
wait until it fetches them. The second is in the process: one for each channel, in which they wait
until its consumer has time. With the pub/sub layer messages wait in Redis, too, if the process does
not read them: as bytes of its connection.

By hand, from the notebooks folder: `../.venv/bin/python labs/full_queues.py`.
"""

import asyncio
import contextlib
import logging
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

# So that this file also runs as a script: chatflow is next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import redis.asyncio
from channels_redis.core import RedisChannelLayer

from chatflow import stage

CAPACITY = 3  # instead of 100
EMPTY_SECONDS = 0.2
MOST = 100  # megabytes


async def in_redis(url):
    """Four messages for a loud room and one for a quiet room, while their process fetches none.

    Returns what arrives when it does, and the lines of the layer's log.
    """
    async with one_process(url) as sender, one_process(url) as busy:
        for room in ("loud", "quiet"):
            await busy.group_add(room, await busy.new_channel())
        with logged() as lines:
            for text in ("loud 1", "loud 2", "loud 3", "loud 4", "quiet 1"):
                await say(sender, text.split()[0], text)
        return await fetched(busy), lines


async def in_the_process(url):
    """Five messages for two consumers of one process: one takes each at once, one is busy.

    Returns what the busy one finds when it has time, and the lines of the layer's log.
    """
    async with one_process(url) as sender, one_process(url) as process:
        quick, busy = await process.new_channel(), await process.new_channel()
        for channel in (quick, busy):
            await process.group_add("loud", channel)
        with logged() as lines:
            for text in ("loud 1", "loud 2", "loud 3", "loud 4", "loud 5"):
                await say(sender, "loud", text)
                await process.receive(quick)
        return await received(process, busy), lines


async def of_a_subscriber(url):
    """Megabytes that Redis takes for a subscriber that does not read, before it disconnects it.

    Raises LookupError if it takes all that are sent.
    """
    address = urlsplit(url)
    async with redis.asyncio.from_url(url) as client:
        # Not by a client of Redis: those read what comes.
        with socket.create_connection((address.hostname, address.port)) as subscriber:
            subscriber.sendall(b"SUBSCRIBE news\r\n")
            subscriber.recv(1_000)  # only that it has subscribed
            for megabytes in range(MOST):
                async with client.pipeline(transaction=False) as hundred:
                    for _ in range(100):
                        hundred.publish("news", bytes(10_000))
                    if 0 in await hundred.execute():  # that one was passed to nobody
                        return megabytes
    raise LookupError(f"{MOST} MB wait for a subscriber that does not read.")


@contextlib.asynccontextmanager
async def one_process(url):
    """A layer of its own, as each process has."""
    layer = RedisChannelLayer(hosts=[url], prefix="full-queues", capacity=CAPACITY)
    try:
        yield layer
    finally:
        await layer.flush()


async def say(layer, room, text):
    await layer.group_send(room, {"type": "chat.message", "text": text})


async def fetched(layer):
    """The texts in a process' queue in Redis, whichever channel they are for."""
    queue = await layer.new_channel()
    texts = []
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(EMPTY_SECONDS):
                _, message = await layer.receive_single(layer.non_local_name(queue))
            texts.append(message["text"])
    return texts


async def received(layer, channel):
    """The texts that wait for a channel."""
    texts = []
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(EMPTY_SECONDS):
                texts.append((await layer.receive(channel))["text"])
    return texts


@contextlib.contextmanager
def logged():
    """The lines that the layer logs meanwhile, at any level."""
    log, handler, lines = logging.getLogger("channels_redis.core"), logging.Handler(), []
    handler.emit = lambda record: lines.append(record.getMessage())
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


async def main():
    async with stage(6) as chat:
        for fill in (in_redis, in_the_process):
            texts, lines = await fill(chat.redis[0].url)
            print(f"{fill.__name__}: {', '.join(texts)}; logged: {lines}")
        print("of_a_subscriber:", await of_a_subscriber(chat.redis[0].url), "MB")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
