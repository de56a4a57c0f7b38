"""What the checks of hunts share. Each drives a running stage as a foreign client would."""

import asyncio
import contextlib
import functools
import sqlite3

import httpx
import websockets

from ..clients.readers import websocket_reader
from ..clients.visitor import post

# Seconds. Whoever is answered in time waits for this long at most, however busy the machine.
SOON = 5
# What is under way by then, where nothing tells us that it is.
BEGUN = 0.5

# What a stage does to its client when it does not do what it should.
TROUBLES = (OSError, websockets.WebSocketException, httpx.HTTPError)


class Checks(dict):
    """Checks by their names; the first line of each one's docstring is what should hold."""

    def add(self, check):
        @functools.wraps(check)
        async def tried(run):
            try:
                return await check(run)
            except TROUBLES:  # TimeoutError is an OSError
                return False

        self[check.__name__] = tried
        return check


async def is_heard(run, room_name, text="hello"):
    """Whether somebody at the first instance hears what is written there by the form."""
    here = run.instances[0]
    async with websocket_reader(here, room_name, "bob") as bob:
        await post(here, room_name, "alice", text)
        # Nobody, where no handshake is accepted.
        return bob is not None and await bob.next_text() == text


async def until(is_so, within=SOON):
    """Return when it is so; raise TimeoutError if it is not in time."""
    async with asyncio.timeout(within):
        while not is_so():  # noqa: ASYNC110, neither a trace nor a database tells of its news
            await asyncio.sleep(0.02)


@contextlib.contextmanager
def opened(path):
    """An SQLite file, with transactions as we begin and end them, in whatever thread."""
    options = {"isolation_level": None, "check_same_thread": False}
    with contextlib.closing(sqlite3.connect(path, **options)) as database:
        yield database


@contextlib.contextmanager
def writing(path):
    """Hold the one lock for writing of an SQLite file; yields its connection."""
    with opened(path) as database:
        database.execute("BEGIN IMMEDIATE")
        yield database


@contextlib.contextmanager
def looking(path):
    """Read from an SQLite file, and stay: nobody can commit meanwhile."""
    with opened(path) as database:
        database.execute("BEGIN")
        database.execute("SELECT count(*) FROM chat_message").fetchone()
        yield


def count_stored(run, room_name):
    with opened(run.database) as database:
        query = "SELECT count(*) FROM chat_message WHERE room_name = ?"
        return database.execute(query, [room_name]).fetchone()[0]
