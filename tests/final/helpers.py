"""What the tests of chat_final share: its database from outside, answers, and ends of sockets."""

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import uuid

import websockets

from chatflow import find_stage
from chatflow.clients.sockets import next_event
from chatflow.clients.visitor import SESSIONS
from helpers.resume import log_in

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


# --- a database of before -------------------------------------------------------------------------

LEGACY = """
INSERT INTO auth_user (id, username, password, is_superuser, is_staff, is_active, first_name,
    last_name, email, date_joined)
VALUES (1, 'alice', 'x', false, false, true, '', '', '', '2026-01-01 00:00:00'),
    (2, 'bob', 'x', false, false, true, '', '', '', '2026-03-01 00:00:00');
INSERT INTO chat_room (name, last_seq, is_private) VALUES ('lobby', 5, false);
INSERT INTO chat_message (id, room_name, seq, author, client_id, text, sent_at, deletes_id)
VALUES (1, 'lobby', 1, 'alice', {uuid[0]}, 'hers', '2026-02-01 00:00:00', NULL),
    (2, 'lobby', 2, 'bob', {uuid[1]}, 'of a bob before', '2026-02-01 00:00:00', NULL),
    (3, 'lobby', 3, 'bob', {uuid[2]}, 'his', '2026-04-01 00:00:00', NULL),
    (4, 'lobby', 4, 'say', {uuid[3]}, '', '2026-04-01 00:00:00', NULL),
    (5, 'lobby', 5, 'alice', {uuid[4]}, '', '2026-04-01 00:00:00', 4);
INSERT INTO django_admin_log (object_id, object_repr, action_flag, change_message, content_type_id,
    user_id, action_time)
SELECT CASE model WHEN 'message' THEN '4' ELSE 'lobby' END,
    CASE model WHEN 'message' THEN 'say in lobby: a secret' ELSE 'lobby' END, 2, 'Changed.', id, 1,
    '2026-04-01 00:00:00'
FROM django_content_type WHERE app_label = 'chat' AND model IN ('message', 'room');
"""


def migrate_from_before(url, run_statements):
    """Make chat_final's database as it was, with rows in it, and bring it up to date."""
    manage(url, "migrate", "chat", "0003")
    manage(url, "migrate", "admin")
    quote = "'{}'" if url.startswith("postgres") else "'{0.hex}'"
    uuids = [quote.format(uuid.UUID(int=number)) for number in range(5)]
    run_statements(LEGACY.format(uuid=uuids))
    manage(url, "migrate")


def manage(url, *words):
    done = subprocess.run(
        [sys.executable, "manage.py", *words, "--verbosity", "0"],
        cwd=find_stage(FINAL).folder,
        env=os.environ | {"DATABASE_URL": url, "DEVELOPMENT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


OWNERS = "SELECT text, user_id FROM chat_message ORDER BY seq"
# Whose is what the account of a name cannot have written? Nobody's.
OWNERS_NOW = [("hers", 1), ("of a bob before", None), ("his", 2), ("", None), ("", 1)]
LOG = "SELECT object_repr FROM django_admin_log ORDER BY object_repr"
LOG_NOW = [("lobby",), ("message 4",)]
