"""What the tests of chat_final share: its database from outside, answers, and ends of sockets."""

import asyncio
import contextlib
import json
import sqlite3

import websockets
from helpers_resume import log_in

from chatflow import find_stage
from chatflow.client import SESSIONS, next_event

FINAL = find_stage("final").number

# Nobody waits for longer than this for what has to come, however slow the machine.
PATIENCE = 20


def in_database(chat, statement, *values):
    """Run one statement in the stage's database, past its own code. Returns the rows."""
    with contextlib.closing(sqlite3.connect(chat.database, timeout=PATIENCE)) as database, database:
        return database.execute(statement, values).fetchall()


def user_id(chat, name):
    [(number,)] = in_database(chat, "SELECT id FROM auth_user WHERE username = ?", name)
    return number


def set_status(chat, room_name, name, status):
    """Make somebody "member", "muted" or "banned" in a room, or with None nothing special."""
    person = (room_name, user_id(chat, name))
    if status:
        # In one statement: who is nothing in a private room for a moment is sent away.
        insert = "INSERT INTO chat_member (room_id, user_id, status) VALUES (?, ?, ?) "
        insert += "ON CONFLICT DO UPDATE SET status = excluded.status"
        in_database(chat, insert, *person, status)
    else:
        in_database(chat, "DELETE FROM chat_member WHERE room_id = ? AND user_id = ?", *person)


def make_room(chat, room_name, *, private=False):
    insert = "INSERT INTO chat_room (name, last_seq, is_private) VALUES (?, 0, ?)"
    in_database(chat, insert, room_name, private)


async def session_of(instance, name):
    """The session cookie of a user, without asking anew whether it is still good."""
    return SESSIONS.get((instance.site, name)) or await log_in(instance, name)


async def send(socket, kind, **fields):
    await socket.send(json.dumps({"type": kind, **fields}))


async def next_answer(socket):
    """The next event that is no sign of life, and no news of who is there."""
    async with asyncio.timeout(PATIENCE):
        return await next_event(socket)


async def ask(socket, kind, **fields):
    await send(socket, kind, **fields)
    return await next_answer(socket)


async def post(socket, text, **fields):
    """Post, and return the stored message."""
    answer = await ask(socket, "post", text=text, **fields)
    assert answer.get("text") == text.strip(), f"{text!r} should be next, but {answer} comes"
    return answer


async def until(socket, wanted):
    """The first event of which `wanted(event)` is true; what comes before it is passed over."""
    async with asyncio.timeout(PATIENCE):
        while not wanted(event := noted(socket, json.loads(await socket.recv()))):
            pass
    return event


def noted(socket, event):
    """The event; the socket remembers who it was told is there."""
    if event["type"] == "presence":
        socket.presence = event
    return event


async def sees(socket, *users):
    """Return when the socket has been told that just these are there."""
    wanted = {"type": "presence", "users": sorted(users), "count": len(users)}
    if socket.presence != wanted:
        await until(socket, lambda event: event == wanted)


async def caught_up(socket):
    """Return when the socket gets what everybody gets: its first presence is sent after that."""
    await until(socket, lambda event: event["type"] == "presence")


async def closing_code(socket):
    """The code with which the server closes a socket, whatever it has sent before."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(PATIENCE):
            while True:
                await socket.recv()
    return socket.close_code


def logs(chat):
    """How long the log of each instance is by now, for `logged_since`."""
    return [len(instance.program.said()) for instance in chat.instances]


def logged_since(chat, lengths):
    """What the instances have logged since then, as one text."""
    pairs = zip(chat.instances, lengths, strict=True)
    return "".join(instance.program.said()[length:] for instance, length in pairs)
