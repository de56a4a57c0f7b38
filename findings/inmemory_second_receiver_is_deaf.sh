#!/usr/bin/env bash
# channels, in-memory layer: who waits on a channel is forgotten when another one stops waiting.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install channels==4.3.2 django==5.2.19
run_program <<'PYTHON'
import asyncio
import sys

from channels.layers import InMemoryChannelLayer

JOBS = [1, 2, 3]
ENOUGH = 2  # seconds in which a receiver gets what lies there


async def give(layer):
    for number in JOBS:
        await layer.send("jobs", {"type": "job", "number": number})


async def work(layer, done):
    while len(done) < len(JOBS):
        done.append((await layer.receive("jobs"))["number"])


async def done_by_two(layer, ends):
    """Two wait for jobs, and one of them ends as `ends` says. Returns what the other has done."""
    first, done = asyncio.create_task(layer.receive("jobs")), []
    second = asyncio.create_task(work(layer, done))
    await asyncio.sleep(0)  # now both wait
    await ends(layer, first)
    await give(layer)
    await asyncio.wait([second], timeout=ENOUGH)
    second.cancel()
    return done


async def gives_up(layer, first):
    first.cancel()
    await asyncio.wait([first])


async def gets_one(layer, first):
    await layer.send("jobs", {"type": "job", "number": 0})
    await first


async def main():
    print("expected, by receive's own docstring: one of those that wait gets each message")
    alone, heard = [], []
    lone = InMemoryChannelLayer()
    await give(lone)
    await work(lone, alone)
    print(f"seen: one that waits alone does the jobs {alone}")
    for ends in (gives_up, gets_one):
        heard.append(await done_by_two(InMemoryChannelLayer(), ends))
        print(f"seen: when another one {ends.__name__.replace('_', ' ')}, it does {heard[-1]}")
    if alone != JOBS or heard != [[], []]:
        return "Changed: those that wait on a channel hear what is sent to it."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
