"""Clocks that run for a day, set to two seconds, and one of 5, set to 3: Daphne's and the layer's.

The consumers are in `one_day.py`.

By hand, from the notebooks folder: `../.venv/bin/python labs/two_clocks.py`.
"""

import asyncio
import sys
from pathlib import Path

# So that this file also runs as a script: chatflow is next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import websockets

from chatflow.running.labs import lab
from chatflow.running.servers import ASGI_SERVERS

DAPHNES_CLOCKS = ["--websocket_timeout", "2", "--websocket_connect_timeout", "3"]
DEADLINE = 40


async def ended_by_daphne():
    """What ends two connections: the close code of a member, and what a slow one is told.

    The one ends when Daphne's day is over, the other when its `connect()` takes too long.
    """
    async with (
        asyncio.timeout(DEADLINE),
        lab("one_day", server="daphne", options=DAPHNES_CLOCKS) as app,
        websockets.connect(f"{app.ws_url}/member/") as member,
    ):
        try:
            await websockets.connect(f"{app.ws_url}/slow/")
        except websockets.InvalidHandshake as refusal:
            await member.wait_closed()
            return member.close_code, str(refusal)


async def after_the_day(server):
    """Wait until a member hears nothing. What do it, and one that joins again and again, say now?

    Returns the close code of the member (None: its socket is open, and has just answered a ping),
    and what the other one heard last.
    """
    async with (
        asyncio.timeout(DEADLINE),
        lab("one_day", server=server) as app,
        websockets.connect(f"{app.ws_url}/member/") as member,
        websockets.connect(f"{app.ws_url}/renewing/") as renewing,
    ):
        while await both_hear("another word", member, renewing):
            pass
        await (await member.ping())
        await renewing.send("the last word")
        return member.close_code, await renewing.recv()


async def both_hear(text, member, renewing):
    await renewing.send(text)
    await renewing.recv()
    try:
        async with asyncio.timeout(1):
            await member.recv()
    except TimeoutError:
        return False
    await asyncio.sleep(0.05)  # between two words
    return True


async def main():
    code, refusal = await ended_by_daphne()
    print(f"Daphne's day is over: {code}; connect() was slow: {refusal}")
    for server in ASGI_SERVERS:
        code, heard = await after_the_day(server)
        print(f"{server:<9}  member: {code or 'open'}, and deaf; renewing: {heard}")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
