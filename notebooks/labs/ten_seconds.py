"""Ten seconds without a network: Bob is away, Alice goes on writing, and Bob comes back.

By hand, from the notebooks folder: `../.venv/bin/python labs/ten_seconds.py`, for stages 08 and 09.
"""

import asyncio
import contextlib
import json
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

# So that this file also runs as a script: chatflow is next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatflow import stage
from chatflow.clients.sockets import connect, next_event
from chatflow.clients.traffic import network
from chatflow.tracing.flow import Flow

ROOM = "lobby"
BEFORE, AFTER = "can you hear me?", "here I am again"
TEXTS = [f"while you were away, {number}" for number in range(1, 11)]
WAIT_SECONDS = 30


@dataclass
class Away:
    """What Bob has heard in the end, what is stored, and the flow of the last of the ten."""

    heard: list[str]
    stored: list[str]
    flow: Flow

    @property
    def lost(self):
        return [text for text in TEXTS if text not in self.heard]

    @property
    def twice(self):
        return [text for text in set(self.heard) if self.heard.count(text) > 1]


async def ten_seconds(chat, after=None):
    """Alice writes in A, Bob reads in B and loses his network meanwhile. Raises TimeoutError.

    On his return he asks for what came after his last message, or after the one that is given.
    """
    a, b = chat.instances
    async with (
        asyncio.timeout(WAIT_SECONDS),
        network(b) as phone,
        connect(a, ROOM, "alice") as alice,
    ):
        async with connect(phone, ROOM, "bob", after=0) as bob:
            await say(alice, BEFORE)
            last = await next_event(bob)
            phone.cut()
        await chat.request_flow("bob", "close", within=WAIT_SECONDS)  # B has noticed
        for text in TEXTS:
            await say(alice, text)
        phone.mend()
        # Stage 08 numbers no messages, and ignores what it is asked.
        after = last.get("seq", 0) if after is None else after
        async with connect(phone, ROOM, "bob", after=after) as bob:
            await bob.send(frame(AFTER))  # his consumer takes it when the replay is over
            heard = [BEFORE, *await texts_until(bob, AFTER)]
    kept = [message["text"] for message in stored(chat, ROOM)]
    return Away(heard, kept, await chat.flow(TEXTS[-1]))


async def say(socket, text, **fields):
    """Post, and return the answer."""
    await socket.send(frame(text, **fields))
    async with asyncio.timeout(WAIT_SECONDS):
        return await next_event(socket)


def frame(text, **fields):
    return json.dumps({"type": "post", "text": text, **fields})


async def texts_until(socket, text):
    """The texts that come, up to this one."""
    texts = []
    async with asyncio.timeout(WAIT_SECONDS):
        while text not in texts:
            texts.append((await next_event(socket))["text"])
    return texts


def stored(chat, room_name):
    """A room's messages in the order in which they were stored, from the database itself."""
    with contextlib.closing(sqlite3.connect(f"{chat.database.as_uri()}?mode=ro", uri=True)) as file:
        file.row_factory = sqlite3.Row
        select = "SELECT * FROM chat_message WHERE room_name = ? ORDER BY id"
        return [dict(row) for row in file.execute(select, (room_name,))]


async def main():
    for number in (8, 9):
        async with stage(number, instances=2, trace=True) as chat:
            away = await ten_seconds(chat)
        print(f"stage {number:02}: stored {len(away.stored)}, lost {len(away.lost)}", end=", ")
        print(f"twice {len(away.twice)}")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
