"""Two hundred messages at once into one room: how many does a reader get, how many are stored?

By hand, from the notebooks folder: `../.venv/bin/python labs/burst.py`, for both Redis layers.
"""

import asyncio
import json
import sys
from pathlib import Path

# So that this file also runs as a script: chatflow is next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import websockets

from chatflow import Visitor, reading, stage

ROOM, SENDERS, EACH = "burst", 10, 20
WAIT_SECONDS = 30
MARK = "the burst is over"


async def burst(chat):
    """Write into a room from ten clients of instance A at once.

    Returns the texts that a reader in A got, those that a reader in B got, and those that a reload
    of the page shows. Raises TimeoutError.
    """
    a, b = chat.instances
    async with (
        asyncio.timeout(WAIT_SECONDS),
        reading(a, ROOM, "reader in A") as in_a,
        reading(b, ROOM, "reader in B") as in_b,
    ):
        await asyncio.gather(*(write(a, f"sender {number}") for number in range(SENDERS)))
        got_in_a, got_in_b = await asyncio.gather(read(in_a, a), read(in_b, a))
    return got_in_a, got_in_b, await stored(a)


async def write(instance, name):
    """Write twenty messages without waiting for any; returns when the consumer has sent them."""
    url = f"{instance.ws_url}/ws/chat/{ROOM}/"
    async with websockets.connect(url, user_agent_header=name) as socket:
        for text in texts_of(name):
            await socket.send(json.dumps({"type": "post", "author": name, "text": text}))
        # A consumer takes its frames in turn, and answers a bad one itself, without the layer.
        await socket.send("not JSON")
        async for frame in socket:
            if json.loads(frame)["type"] == "error":
                return


def texts_of(name):
    return [f"{name}, text {number}" for number in range(EACH)]


async def read(reader, instance):
    """Return the texts that arrive before a mark; as a mark may be dropped too, it is repeated."""
    texts = []
    async with Visitor(instance, "mark") as visitor:
        await visitor.open(ROOM)
        while MARK not in texts:
            await visitor.post(ROOM, "mark", MARK)
            while MARK not in texts and (message := await reader.next(within=1)):
                texts.append(message["text"])
    return [text for text in texts if text != MARK]


async def stored(instance):
    async with Visitor(instance, "reload") as visitor:
        page = (await visitor.open(ROOM)).text
    texts = [text for number in range(SENDERS) for text in texts_of(f"sender {number}")]
    return [text for text in texts if f"<p>{text}</p>" in page]


async def main():
    for layer in ("queue", "pubsub"):
        async with stage(6, instances=2, redis_layer=layer) as chat:
            in_a, in_b, kept = await burst(chat)
        print(f"{layer:<6}  in A {len(in_a)}, in B {len(in_b)}, stored {len(kept)}")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
