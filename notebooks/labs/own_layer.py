"""A channel layer of one's own, for all processes on a machine: SQLite, and nothing to install.

Next to a project's `consumers.py`, it is named in its settings so:
CHANNEL_LAYERS = {"default": {"BACKEND": "chat.own_layer.OwnLayer", "CONFIG": {"path": "…"}}}
"""

import asyncio
import json
import secrets
import sqlite3
import time

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

LOOK_SECONDS = 0.02  # a broker would wake us; SQLite has to be asked

TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS waiting (
    id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT, message TEXT, until REAL);
CREATE INDEX IF NOT EXISTS by_channel ON waiting (channel);
CREATE TABLE IF NOT EXISTS members (
    name TEXT, channel TEXT, until REAL, PRIMARY KEY (name, channel)) WITHOUT ROWID;
"""
# What a channel has room for is asked and used in one statement, so nobody comes between.
PUT = """INSERT INTO waiting (channel, message, until) SELECT channel, ?, ? FROM ({channels}) AS to_
    WHERE (SELECT count(*) FROM waiting WHERE waiting.channel = to_.channel AND until > ?) < ?"""
NEXT = "SELECT id FROM waiting WHERE channel = ? AND until > ? ORDER BY id LIMIT 1"
# The row is gone before anybody has done anything with it: at most once.
TAKE = "DELETE FROM waiting WHERE id = ? RETURNING message"
MEMBERS = "SELECT channel FROM members WHERE name = ? AND until > ?"


class OwnLayer(BaseChannelLayer):
    extensions = ["groups", "flush"]

    def __init__(self, path, group_expiry=86400, **options):
        super().__init__(**options)
        self.group_expiry = group_expiry
        # Views use it from threads of their own.
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.executescript(TABLES)

    async def new_channel(self, prefix="specific"):
        return f"{prefix}.{secrets.token_hex(8)}"

    async def send(self, channel, message):
        self.require_valid_channel_name(channel)
        if self._put("SELECT ? AS channel", (channel,), message) == 0:
            raise ChannelFull(channel)

    async def receive(self, channel):
        while True:
            for (number,) in self.db.execute(NEXT, (channel, time.time())).fetchall():
                # Somebody else may have been faster.
                for (message,) in self.db.execute(TAKE, (number,)).fetchall():
                    return json.loads(message)
            await asyncio.sleep(LOOK_SECONDS)

    async def group_add(self, group, channel):
        self.require_valid_group_name(group)
        row = group, channel, time.time() + self.group_expiry
        self.db.execute("INSERT OR REPLACE INTO members VALUES (?, ?, ?)", row)

    async def group_discard(self, group, channel):
        self.db.execute("DELETE FROM members WHERE name = ? AND channel = ?", (group, channel))

    async def group_send(self, group, message):
        self.require_valid_group_name(group)
        self._put(MEMBERS, (group, time.time()), message)

    async def flush(self):
        self.db.executescript("DELETE FROM waiting; DELETE FROM members;")

    def _put(self, channels, values, message):
        """Put a message in for each of these channels that has room; returns for how many."""
        now = time.time()
        self.db.execute("DELETE FROM waiting WHERE until < ?", (now,))
        row = json.dumps(message), now + self.expiry, *values, now, self.capacity
        return self.db.execute(PUT.format(channels=channels), row).rowcount
