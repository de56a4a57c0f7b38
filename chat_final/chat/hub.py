"""Fan-out once per process: all rooms that have open sockets here, and what they are sent.

All sockets of a process share one channel of the layer. Over it come hints: stored events, encoded
already. What is missing before one comes from the database, so a hint may be lost, and Redis away.
"""

import asyncio
import logging
import random
import uuid
import weakref
from collections import Counter

from django.conf import settings

from . import metrics
from .access import find_ended
from .database import in_database
from .layer import Layer
from .models import Room
from .rooms import LocalRoom, encoded

# How often all sockets are looked at; how often some of them are sent away, in a drain.
CHECK_SECONDS, TICK = 2, 0.05
AT_ONCE = 500  # of them in one question
RESTART = 4012

logger = logging.getLogger(__name__)
find_ended = in_database(find_ended)
newest_seqs = in_database(Room.newest_seqs)


class Hub:
    def __init__(self):
        self.id = uuid.uuid4().hex
        self.rooms, self.sockets_of, self.draining, self.listening = {}, Counter(), False, None
        self.layer = Layer(self.hear, self.renew)
        self.tasks = set()  # kept: asyncio itself lets a running task be garbage-collected

    def listen(self):
        """Start what runs for ever, when the first socket comes: no command needs it."""
        self.listening = self.start(self.layer.listen())
        self.start(every(1, self.tell_presence))
        self.start(every(CHECK_SECONDS, self.check_all))
        self.start(every(settings.HEAD_SECONDS, self.send_heads))

    def start(self, coroutine):
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    # --- coming and going -----------------------------------------------------------------------

    async def enter(self, socket):
        """Take a socket into its room. Returns the room, when it is up to date."""
        if not self.listening:
            self.listen()
        room = self.rooms.get(socket.room_name)
        if not room:
            room = self.rooms[socket.room_name] = LocalRoom(socket.room_name)
            room.opened = self.start(self.open(room))
        room.sockets.add(socket)
        self.sockets_of[socket.login.user_id] += 1
        metrics.SOCKETS.inc()
        await asyncio.shield(room.opened)  # others may wait for it, too
        await room.catch_up()
        return room

    async def open(self, room):
        # Join first, so that a hint comes for everything stored after the question.
        await self.layer.join(room.name)
        await self.layer.know_site()
        room.seq = (await newest_seqs([room.name])).get(room.name, 0)

    def leave(self, socket):
        room = self.rooms.get(socket.room_name)
        if room and socket in room.sockets:
            room.sockets.discard(socket)
            room.live.discard(socket)
            self.sockets_of[socket.login.user_id] -= 1
            metrics.SOCKETS.dec()

    async def close(self, room):
        del self.rooms[room.name]
        await self.layer.leave(room.name)
        if room.name in self.rooms:  # somebody has come meanwhile
            await self.layer.join(room.name)

    # --- events ---------------------------------------------------------------------------------

    async def announce(self, message):
        """Send a stored event to everybody in its room: here at once, elsewhere by a hint."""
        seq, text = encoded(message)
        room = self.rooms.get(message.room_name)
        if room and not room.deliver(seq, text):
            await room.catch_up()
        await self.publish(message.room_name, {"seq": seq, "text": text})

    async def publish(self, room_name, hint):
        await self.layer.publish(room_name, {"from": self.id, **hint})

    def hear(self, hint):
        room = self.rooms.get(hint["room_name"])
        if not room or hint["from"] == self.id:
            return
        if "seq" in hint and not room.deliver(hint["seq"], hint["text"]):
            self.heal(room)
        if "users" in hint:
            room.presence.hear(hint["from"], hint["users"])
        if "typing" in hint:
            self.tell_typing(room, hint["typing"])

    def tell_typing(self, room, author):
        room.send({"type": "typing", "author": author}, but=author)

    def heal(self, room):
        """Catch up, in the background."""
        if not room.catching_up or room.catching_up.done():
            room.catching_up = self.start(room.catch_up())

    # --- from time to time ----------------------------------------------------------------------

    async def tell_presence(self):
        """Tell other instances and the sockets who is where; close rooms that all have left."""
        for room in tuple(self.rooms.values()):
            here = room.names()
            if (names := room.presence.news_for_others(here)) is not None:
                await self.publish(room.name, {"users": names})
            if event := room.presence.news_for_sockets(here):
                room.send(event)
            if not room.sockets:
                await self.close(room)

    async def check_all(self):
        """Close what may not stay, and bring up to date what stays."""
        sockets = [socket for room in self.rooms.values() for socket in room.sockets]
        for first in range(0, len(sockets), AT_ONCE):
            for socket, code in await find_ended(sockets[first : first + AT_ONCE]):
                self.start(socket.end(code))
        await self.heal_all()

    async def send_heads(self):
        """Let every client compare what it has with what is stored, and know that we live."""
        for room in tuple(self.rooms.values()):
            room.send({"type": "head", "seq": room.seq or 0})
        await self.renew()

    async def heal_all(self):
        """Look for what is stored, and came with no hint."""
        had = {room: room.seq for room in self.rooms.values() if room.seq is not None}
        newest = await newest_seqs([room.name for room in had])
        for room, seq in had.items():
            if (stored := newest.get(room.name, 0)) > room.seq:
                self.heal(room)
            elif stored < seq:
                room.seq = stored  # the room was deleted, or the database is an older copy
                for socket in tuple(room.sockets):
                    self.start(socket.end(RESTART))

    async def renew(self):
        """Join all groups again: a Redis that has lost its data knows of none."""
        for room in tuple(self.rooms.values()):
            await self.layer.join(room.name)

    async def drain(self, seconds):
        """Close all sockets, spread over this time so that they do not all come back at once."""
        self.draining, now = True, asyncio.get_running_loop().time
        end_at = now() + min(seconds, TICK * self.sockets_of.total())
        # By the clock, because closing takes time too; until none is left: some may be on the way.
        while sockets := [socket for room in self.rooms.values() for socket in room.sockets]:
            count = 1 + int((len(sockets) - 1) * TICK / max(TICK, end_at - now()))
            for socket in random.sample(sockets, count):
                self.start(socket.end(RESTART))
            await asyncio.sleep(TICK)
        for room in tuple(self.rooms.values()):
            # Nobody is here any more: the lease of this instance need not run out first.
            await self.publish(room.name, {"users": []})


async def every(seconds, do):
    while True:
        await asyncio.sleep(seconds)
        try:
            await do()
        except Exception:
            logger.exception("%s failed; it is tried again.", do.__name__)


hubs = weakref.WeakKeyDictionary()  # one for each event loop: sync code begins one for each call


def get_hub():
    loop = asyncio.get_running_loop()
    return hubs.get(loop) or hubs.setdefault(loop, Hub())


async def announce(message):
    """For views and commands: see Hub."""
    await get_hub().announce(message)
