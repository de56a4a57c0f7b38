"""What a socket is sent: at once if its client keeps up, else as fast as the client takes it."""

import asyncio
import contextlib
import json
import types

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from . import metrics
from .rooms import events_after

# A reader who takes nothing of what is sent for so long is let go.
SLOW_SECONDS = 20
TOO_SLOW = 4408
# What servers raise when the client has gone. That it has is told to the consumer a little later.
GONE = (OSError, RuntimeError)


class SendingConsumer(AsyncWebsocketConsumer):
    """One half of ChatConsumer. `close_code` says that the socket has ended, and why."""

    # No channel of the layer for each socket: the hub has one for all of them.
    channel_layer_alias = None

    async def catch_up(self):
        """Send what is stored and was not sent yet; from then on it gets what everybody gets."""
        while self.seq < self.room.seq and self.close_code is None:
            for seq, text in await events_after(self.room_name, self.seq):
                if seq > self.seq:
                    self.seq = seq
                    await self.send(text)
        if self.close_code is None:
            self.room.live.add(self)

    async def send(self, text):
        """Send, and wait until a slow reader has room for it."""
        with contextlib.suppress(*GONE):
            await super().send(text)

    def send_event(self, event):
        self.send_now({"type": "websocket.send", "text": json.dumps(event)})

    def send_now(self, event):
        """Send without waiting for a slow reader, who would hold up everybody in the room."""
        sending = self.base_send(event).__await__()
        try:
            # As an `await` does, but up to where it would wait.
            waits_for = next(sending)
        except (StopIteration, *GONE):
            return
        self.room.live.discard(self)
        self.hub.start(self.send_slowly(rest_of(sending, waits_for)))

    async def send_slowly(self, rest):
        """Wait until a slow reader has taken what it got; what came meanwhile is stored."""
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await rest
                await self.catch_up()
        except (TimeoutError, DatabaseError):
            await self.end(TOO_SLOW)
        except GONE:
            pass

    async def end(self, close_code):
        """Close the socket; whatever the client has sent before it hears of that is ignored."""
        if self.close_code is None:
            self.close_code = close_code
            self.hub.leave(self)
            metrics.CLOSES.labels(close_code).inc()
            with contextlib.suppress(*GONE):
                await self.close(close_code)


@types.coroutine
def rest_of(sending, waits_for):
    """What is left of an `await` that was begun by hand, and now waits for a future."""
    yield waits_for
    yield from sending
