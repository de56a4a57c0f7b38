"""A room under fire: people write and join on both instances at once, and the database judges."""

import asyncio
import contextlib
import json
import random
import sqlite3
import uuid
from datetime import UTC, datetime

import psycopg
from psycopg.rows import dict_row

from chatflow.clients.sockets import EPHEMERAL, connect
from chatflow.clients.visitor import Visitor
from chatflow.probing.people import new_room
from chatflow.running.options import is_url

# Nobody is left without an event for so long, however slow the machine.
SILENCE_SECONDS = 30
LOOK_SECONDS = 0.05
LAST = "that was all"

STORED = "SELECT * FROM chat_message WHERE room_name = %s ORDER BY seq, id"


def stored(chat, room_name):
    """A room's messages as events: from the database itself, past the stage's own code."""
    if is_url(chat.database):
        with psycopg.connect(chat.database, row_factory=dict_row) as database:
            return [as_event(row) for row in database.execute(STORED, (room_name,))]
    path = f"{chat.database.as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(path, uri=True)) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute(STORED.replace("%s", "?"), (room_name,)).fetchall()
    return [as_event(typed(dict(row))) for row in rows]


def typed(row):
    """SQLite knows neither UUIDs nor times: Django keeps them there as text."""
    sent_at = datetime.fromisoformat(row["sent_at"]).replace(tzinfo=UTC)
    return {**row, "client_id": uuid.UUID(row["client_id"]), "sent_at": sent_at}


def as_event(row):
    event = {key: row[key] for key in ("id", "seq", "author", "text")}
    # Only chat_final knows whose account it was.
    event |= {"author_id": row["user_id"]} if "user_id" in row else {}
    sent_at = row["sent_at"].astimezone(UTC).isoformat()
    return {"type": "message", **event, "client_id": str(row["client_id"]), "sent_at": sent_at}


def frame(text, client_id=None):
    post = {"type": "post", "text": text}
    return json.dumps(post | {"client_id": client_id} if client_id else post)


async def next_of_any_kind(socket):
    """The next event, but for those that chat_final may send at any time."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            while (event := json.loads(await socket.recv()))["type"] in EPHEMERAL:
                pass
    except TimeoutError:
        raise AssertionError(f"no news and no answer came in {SILENCE_SECONDS} s") from None
    return event


async def next_message(socket):
    event = await next_of_any_kind(socket)
    assert event["type"] == "message", f"a message should come next, not {event}"
    return event


async def messages_until(socket, text, next_event=next_message):
    """All messages that come, or other events too, up to the one with this text."""
    heard = [await next_event(socket)]
    while heard[-1].get("text") != text:
        heard.append(await next_event(socket))
    return heard


async def replay(socket):
    """The messages before `caught_up`, and the seq that it names."""
    messages = []
    while (event := await next_of_any_kind(socket))["type"] == "message":
        messages.append(event)
    assert event["type"] == "caught_up", f"after a replay comes caught_up, not {event}"
    if messages:
        assert event["seq"] == messages[-1]["seq"], "caught_up names the last seq of the replay"
    return messages, event["seq"]


async def log_in(chat, name):
    """The session cookie of a user: it is good for all instances."""
    async with Visitor(chat, name) as visitor:
        await visitor.log_in()
        return visitor.session


class Race:
    """Some write as fast as they are answered, on both instances; others join meanwhile.

    What each socket brought, replayed or live, is the database's list from where it began: in
    order, without a gap, none twice.
    """

    def __init__(self, chat):
        self.chat, self.room_name = chat, new_room()
        self.newest, self.readers, self.heard = 0, [], []

    async def run(self, *, count, writers=4, joins=0):
        self.session = await log_in(self.chat, "racer")
        numbers, join_at = iter(range(count)), {count * one // joins for one in range(joins)}
        async with asyncio.TaskGroup() as self.reading:
            async with asyncio.TaskGroup() as writing:
                for number in range(writers):
                    instance = self.chat.instances[number % 2]
                    writing.create_task(self.write(instance, numbers, join_at))
            await self.end()
        self.judge(count, joins)

    async def write(self, instance, numbers, join_at):
        async with self.joined(instance) as (socket, heard):
            for number in numbers:
                if number in join_at:
                    here = self.chat.instances[len(self.readers) % 2]
                    self.readers.append(self.reading.create_task(self.read(here)))
                await socket.send(frame(f"message {number}"))
                heard += await messages_until(socket, f"message {number}")
                self.newest = max(self.newest, heard[-1]["seq"])

    async def read(self, instance):
        """Join, with the room's messages up to any one of them."""
        async with self.joined(instance, after=random.randint(0, self.newest)) as (socket, heard):
            heard += await messages_until(socket, LAST)

    @contextlib.asynccontextmanager
    async def joined(self, instance, after=None):
        opening = connect(instance, self.room_name, after=after, session=self.session)
        async with opening as socket:
            heard, seq = await replay(socket)
            # What is stored while one joins may come either before `caught_up` or after it.
            began = seq - len(heard)
            assert after in (None, began), f"asked for what came after {after}, and got {heard}"
            yield socket, heard
        self.heard.append((began, heard))

    async def end(self):
        # A hint may be lost on the way, and only the next one shows the gap to its reader: so
        # there is a next one, until everybody has heard one.
        waiting = self.readers
        async with self.joined(self.chat) as (socket, heard):
            while waiting:
                await socket.send(frame(LAST))
                heard += await messages_until(socket, LAST)
                _, waiting = await asyncio.wait(waiting, timeout=1)

    def judge(self, count, joins):
        events = stored(self.chat, self.room_name)
        seqs = [event["seq"] for event in events]
        assert seqs == list(range(1, len(events) + 1)), "seq is 1, 2, 3 … without gap or duplicate"
        texts = [event["text"] for event in events if event["text"] != LAST]
        assert sorted(texts) == sorted(f"message {n}" for n in range(count)), "each is stored once"
        assert len(self.readers) == joins
        for began, heard in self.heard:
            assert_is_database(events, began, heard)


def assert_is_database(events, began, heard):
    """Replay and live together are the database's list, from the seq after `began` on."""
    seqs = [message["seq"] for message in heard]
    wanted = list(range(began + 1, began + 1 + len(heard)))
    assert seqs == wanted, "on a socket each seq comes once, in order, and none is left out"
    assert heard == events[began : began + len(heard)], "what is heard is what is stored"


async def write_all(guest, texts):
    """Be there until the last message of all, and write these texts meanwhile."""
    async with guest:
        for text in texts:
            await guest.write(text)
        while not guest.heard or guest.heard[-1]["text"] != LAST:
            guest.is_there()  # raises what has gone wrong
            await asyncio.sleep(LOOK_SECONDS)
