"""Twenty people write one line each and are gone at once: how many stay in the room's group?

By hand, from the notebooks folder: `../.venv/bin/python labs/hasty.py`, for each of two servers.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

# So that this file also runs as a script: chatflow lies next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import websockets

from chatflow import stage

PEOPLE, LOOK_SECONDS, WAIT_SECONDS = 20, 0.05, 5


async def left_behind(chat):
    """How many are still in the lobby's group, although all have gone.

    At once if there are none, else after five seconds. The trace tells which have joined and left.
    """
    await asyncio.gather(*(write_and_vanish(chat, f"number {n}") for n in range(PEOPLE)))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WAIT_SECONDS):
            await until_empty(chat)
    return len(members(chat))


async def until_empty(chat):
    while members(chat):  # noqa: ASYNC110, a trace says no more
        await asyncio.sleep(LOOK_SECONDS)


async def write_and_vanish(chat, author):
    """Connect, write and cut the connection, like a phone that loses its network."""
    async with websockets.connect(f"{chat.ws_url}/ws/chat/lobby/") as socket:
        await socket.send(json.dumps({"type": "post", "author": author, "text": "bye"}))
        socket.transport.abort()


def members(chat):
    """The channels that have joined a group and not left it."""
    joined, left = (
        {hop.detail["channel"] for hop in chat.tracing.hops() if hop.label.startswith(call)}
        for call in ("group_add", "group_discard")
    )
    return joined - left


async def main():
    for server in ("daphne", "uvicorn"):
        async with stage(5, server=server, trace=True) as chat:
            print(f"{server:<8} {await left_behind(chat)} of {PEOPLE} are still in the group")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
