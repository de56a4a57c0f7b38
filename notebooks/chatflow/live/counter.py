"""Who has written how many messages, who has heard them, and how many are in the database."""

import contextlib
import itertools
import sqlite3
import time

from ..basics.catalog import LIVE_SECONDS
from ..running.options import is_url

STORED = "SELECT author, count(*) FROM chat_message WHERE room_name = {} {} GROUP BY author"
ASK_SECONDS = 0.5  # between two questions to the database


def stored(run, room_name):
    """{author: messages in the database}; None if it does not answer."""
    # A deletion is an event of the room, too, and no message.
    question = STORED.format("%s" if is_url(run.database) else "?", run.is_final * DELETES)
    ask = ask_postgres if is_url(run.database) else ask_sqlite
    return ask(run.database, question, room_name)


DELETES = "AND deletes_id IS NULL"


def ask_sqlite(path, question, room_name):
    with (
        contextlib.suppress(sqlite3.OperationalError),  # somebody is writing for long
        contextlib.closing(sqlite3.connect(path, timeout=0.2)) as database,
    ):
        return dict(database.execute(question, [room_name]).fetchall())


def ask_postgres(url, question, room_name):
    # Only here: few have one, and loading it takes longer than all the rest of this module.
    import psycopg

    with (
        contextlib.suppress(psycopg.OperationalError),
        psycopg.connect(url, connect_timeout=2) as database,
    ):
        return dict(database.execute(question, [room_name]).fetchall())


def empty_room(run, taken=()):
    """The name of a room where nobody has written yet; "live", unless that is taken."""
    names = itertools.chain(["live"], (f"live-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken and not stored(run, name))


class Counter:
    """Counts for two people in a room of their own: they know what has passed at their pages."""

    def __init__(self, run, people):
        self.run, self.people = run, people
        self.database, self.asked_at = {}, 0
        self.before, self.changed_at = None, time.monotonic()

    def told(self, is_waiting=False):
        """What a page shows: for each of the two, what has become of what they wrote.

        `is_waiting`: something stands still, and what waits there is not lost yet.
        """
        self.ask()
        counts = [self.count(*pair) for pair in (self.people, self.people[::-1])]
        if counts != self.before:
            self.before, self.changed_at = counts, time.monotonic()
        settled = time.monotonic() - self.changed_at > LIVE_SECONDS
        can = self.run.stage.can
        comes_back = can["resumes"] == can["crosses_instances"] == "yes"
        may_come = is_waiting or not settled or comes_back
        return [with_missing(count, may_come) for count in counts]

    def count(self, writer, reader):
        return {
            "writer": writer.name,
            "reader": reader.name,
            "written": writer.written,
            "heard": len(reader.heard[writer.name]),
            "reloaded": reader.reloaded[writer.name],
            "stored": None if self.database is None else self.database.get(writer.name, 0),
        }

    def ask(self):
        if time.monotonic() - self.asked_at > ASK_SECONDS:
            self.database = stored(self.run, self.people[0].room_name)
            self.asked_at = time.monotonic()


def with_missing(count, may_come):
    """Whom a message has not reached within two seconds, it never will; if nothing brings it."""
    missing = count["written"] - count["heard"] - count["reloaded"]
    return count | {"on_the_way": missing if may_come else 0, "lost": 0 if may_come else missing}
