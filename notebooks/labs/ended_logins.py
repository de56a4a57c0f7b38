"""What happens to open sockets when the login that opened them has ended: two experiments.

By hand, from the notebooks folder: `../.venv/bin/python labs/ended_logins.py`, against stage 08.
"""

import asyncio
import sys
from pathlib import Path

# So that this file also runs as a script: chatflow is next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import websockets

from chatflow import Visitor, post, stage
from chatflow.clients.sockets import connect, next_event
from chatflow.clients.visitor import PASSWORD

ROOM, NEW_PASSWORD = "lobby", "a longer password"
WAIT_SECONDS = 5


async def write_after_logout(chat):
    """Alice logs out and writes, then Bob writes: what Alice hears, or her socket's close code."""
    async with Visitor(chat, "alice", fresh=True) as visitor:
        await visitor.log_in()
        async with connect(chat, ROOM, "alice", session=visitor.session) as alice:
            await visitor.log_out()
            await alice.send('{"type": "post", "text": "still me"}')
            await post(chat, ROOM, "bob", "a secret")
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    return [(await next_event(alice))["text"] for _ in range(2)]
            except websockets.ConnectionClosed:
                return alice.close_code


async def change_password(chat, name):
    """The close codes of a user's two sockets, after one of the two logins chose a new password."""
    async with Visitor(chat, name, fresh=True) as here, Visitor(chat, name, fresh=True) as there:
        await here.log_in()
        await there.log_in()
        async with (
            connect(chat, ROOM, name, session=here.session) as one,
            connect(chat, ROOM, name, session=there.session) as two,
        ):
            new = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
            await here.submit("/accounts/password_change/", old_password=PASSWORD, **new)
            async with asyncio.timeout(WAIT_SECONDS):
                await asyncio.gather(one.wait_closed(), two.wait_closed())
    return [one.close_code, two.close_code]


async def main():
    async with stage(8) as chat:
        print("written after the logout:", await write_after_logout(chat))
        print("after a new password:", await change_password(chat, "carol"))


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
