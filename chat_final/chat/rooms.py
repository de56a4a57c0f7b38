"""A room in one process: its sockets there, and what they have been sent."""

import asyncio

from . import metrics
from .database import in_database
from .frames import ENCODER
from .models import Message
from .presence import Presence


class LocalRoom:
    """The sockets of a room in this process; the `live` ones have had all events up to `seq`."""

    def __init__(self, name):
        self.name, self.seq = name, None
        self.sockets, self.live = set(), set()
        self.presence = Presence()
        # Posts of one room go one by one: if the database holds them up, one thread waits.
        self.posting = asyncio.Lock()
        self.opened = self.catching_up = None

    def deliver(self, seq, text):
        """Send an event on, if it is the next one. False if others are missing before it."""
        if self.seq is None or seq <= self.seq:
            return True
        if seq > self.seq + 1:
            return False
        self.seq = seq
        event = {"type": "websocket.send", "text": text}
        for socket in tuple(self.live):
            if seq > socket.seq:
                socket.seq = seq
                socket.send_now(event)
        metrics.DELIVERIES.inc(len(self.live))
        return True

    async def catch_up(self):
        """Send on what is in the database, and was not sent yet."""
        while page := await events_after(self.name, self.seq):
            for seq, text in page:
                self.deliver(seq, text)

    def send(self, event, but=None):
        """Send what has no seq, so that nobody misses it: to all but the sockets of one user."""
        event = {"type": "websocket.send", "text": ENCODER.encode(event)}
        for socket in tuple(self.live):
            if socket.login.name != but:
                socket.send_now(event)

    def names(self):
        return sorted({socket.login.name for socket in self.sockets})


@in_database
def events_after(room_name, seq):
    """A page of a room's events, in order, as (seq, text)."""
    return [encoded(message) for message in Message.after(room_name, seq)]


def encoded(message):
    """An event as it goes to the sockets: once for all of them, and for all instances."""
    return message.seq, ENCODER.encode(message.as_event())
