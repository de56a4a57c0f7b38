"""What the tests of chat_final share: its database from outside, answers, and ends of sockets."""

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import uuid

import psycopg
import websockets

from chatflow import find_stage
from chatflow.clients.sockets import connect, next_event
from chatflow.clients.visitor import SESSIONS, Visitor
from chatflow.running.options import is_url
from helpers.resume import log_in
from helpers.talking import all_of

FINAL = find_stage("final").number

# Nobody waits for longer than this for what has to come, however slow the machine.
PATIENCE = 20

# Both servers, and both layers: what is true of one is true of the other.
UNDER = {
    "daphne": {"server": "daphne", "redis_layer": "pubsub"},
    "uvicorn": {"server": "uvicorn", "redis_layer": "queue"},
}


def in_database(chat, statement, *values):
    """Run one statement in the stage's database, past its own code. Returns the rows."""
    if is_url(chat.database):
        with psycopg.connect(chat.database) as database:
            return database.execute(statement.replace("?", "%s"), values).fetchall()
    with contextlib.closing(sqlite3.connect(chat.database, timeout=PATIENCE)) as database, database:
        return database.execute(statement, values).fetchall()


def user_id(chat, name):
    [(number,)] = in_database(chat, "SELECT id FROM auth_user WHERE username = ?", name)
    return number


def set_status(chat, room_name, name, status):
    """Make somebody "member", "muted" or "banned" in a room, or with None nothing special."""
    person = (room_name, user_id(chat, name))
    if status:
        # In one statement: anyone who is nothing in a private room for a moment is sent away.
        insert = "INSERT INTO chat_member (room_id, user_id, status) VALUES (?, ?, ?) "
        insert += "ON CONFLICT DO UPDATE SET status = excluded.status"
        in_database(chat, insert, *person, status)
    else:
        in_database(chat, "DELETE FROM chat_member WHERE room_id = ? AND user_id = ?", *person)


def make_room(chat, room_name, *, private=False):
    insert = "INSERT INTO chat_room (name, last_seq, is_private) VALUES (?, 0, ?)"
    in_database(chat, insert, room_name, private)


def store(chat, room_name, texts, author="ghost"):
    """Store messages of which no open socket hears, as no hint is sent. Returns their ids."""
    with contextlib.closing(sqlite3.connect(chat.database, timeout=PATIENCE)) as database, database:
        database.execute(
            "INSERT INTO chat_room (name, last_seq, is_private) VALUES (?, 0, false) "
            "ON CONFLICT DO NOTHING",
            [room_name],
        )
        count = "UPDATE chat_room SET last_seq = last_seq + ? WHERE name = ? RETURNING last_seq"
        [(last,)] = database.execute(count, [len(texts), room_name]).fetchall()
        insert = """
            INSERT INTO chat_message (room_name, seq, author, user_id, client_id, text, sent_at)
            VALUES (:room, :seq, :author, (SELECT id FROM auth_user WHERE username = :author), :id,
                :text, '2026-01-01 00:00:00') RETURNING id
        """
        numbered = enumerate(texts, last - len(texts) + 1)
        rows = [{"seq": seq, "text": text, "id": uuid.uuid4().hex} for seq, text in numbered]
        same = {"room": room_name, "author": author}
        return [database.execute(insert, same | row).fetchone()[0] for row in rows]


def counted(chat, room_name):
    """How many rooms, members and messages there are of this name."""
    counts = [
        f"(SELECT count(*) FROM chat_{table} WHERE {column} = ?)"
        for table, column in [("room", "name"), ("member", "room_id"), ("message", "room_name")]
    ]
    return in_database(chat, f"SELECT {', '.join(counts)}", *[room_name] * 3)[0]


async def session_of(instance, name):
    """The session cookie of a user, without asking again whether it is still good."""
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
    """The first event of which `wanted(event)` is true; what comes before it is passed over.

    The socket remembers who it was told is there.
    """
    async with asyncio.timeout(PATIENCE):
        while True:
            event = json.loads(await socket.recv())
            if event["type"] == "presence":
                socket.presence = event
            if wanted(event):
                return event


async def sees(socket, *users):
    """Return when the socket has been told that just these are there."""
    wanted = {"type": "presence", "users": sorted(users), "count": len(users)}
    if socket.presence != wanted:
        await until(socket, lambda event: event == wanted)


async def caught_up(socket):
    """Return when the socket gets what everybody gets: its first presence is sent after that."""
    await until(socket, lambda event: event["type"] == "presence")


@contextlib.asynccontextmanager
async def at(instance, room_name, name=None, *, session=None, after=None):
    """An open socket of somebody who has caught up: by their name, or by a session."""
    session = session or await session_of(instance, name)
    async with connect(instance, room_name, name, session=session, after=after) as socket:
        await caught_up(socket)
        yield socket


def at_each(chat, room_name, *names):
    """Open sockets of these, at one instance after the other."""
    pairs = zip(chat.instances, names, strict=True)
    return all_of(at(here, room_name, name) for here, name in pairs)


async def submit(visitor, path, **fields):
    """Send a form, with the token of the page that was loaded last."""
    return await visitor.http.post(path, data={**fields, "csrfmiddlewaretoken": visitor.token})


async def eventually(question, *args):
    """Ask again and again, until the answer is not false. Returns it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if answer := await question(*args):
                return answer
            await asyncio.sleep(0.05)


async def is_heard_typing(typist, reader, name):
    """Type until the reader is told: the first few may come too early."""
    heard = asyncio.create_task(
        until(reader, lambda event: event == {"type": "typing", "author": name})
    )
    while not heard.done():
        await send(typist, "typing")
        await asyncio.wait([heard], timeout=0.5)
    await heard


async def get(instance, path, token=None):
    async with Visitor(instance, fresh=True) as visitor:
        headers = {"Authorization": f"Bearer {token}".encode()} if token else {}
        return await visitor.http.get(path, headers=headers)


async def readiness(instance):
    response = await get(instance, "/readyz")
    return response.status_code, response.json()


READY = {"ready": True, "draining": False, "database": True, "layer": True}


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
    code = "from django.core.management import call_command as call\n"
    code += "call('migrate', 'chat', '0003', verbosity=0); call('migrate', 'admin', verbosity=0)"
    manage(url, "shell", "--no-imports", "-c", code)
    quote = "'{}'" if url.startswith("postgres") else "'{0.hex}'"
    uuids = [quote.format(uuid.UUID(int=number)) for number in range(5)]
    run_statements(LEGACY.format(uuid=uuids))
    manage(url, "migrate", "--verbosity", "0")


def manage(url, *words):
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
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
