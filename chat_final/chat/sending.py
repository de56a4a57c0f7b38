"""What a socket is sent: at once if its client keeps up, else as fast as the client takes it."""

import asyncio
import logging
import types

from autobahn.exception import Disconnected
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from . import metrics
from .frames import ENCODER
from .hub import RESTART
from .rooms import events_after

# A reader that takes nothing of what is sent for this many seconds is let go, with this code.
SLOW_SECONDS, TOO_SLOW = 20, 4408
# What servers raise when the client has gone, a little before they tell the consumer. (autobahn,
# which is in Daphne, does not raise an OSError.)
GONE = (OSError, Disconnected)

logger = logging.getLogger(__name__)


class SendingConsumer(AsyncWebsocketConsumer):
    """One half of ChatConsumer. `close_code` says that the socket has ended, and why.

    `has_left` comes before that, when the client has gone, and what it asked for is still done.
    """

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
        if self.close_code is None:
            await self.attempt_send(super().send(text))

    def send_event(self, event):
        if self.close_code is None:
            self.send_now({"type": "websocket.send", "text": ENCODER.encode(event)})

    def send_now(self, event):
        """Send without waiting for a slow reader, who would hold up everybody in the room."""
        sending = self.base_send(event).__await__()
        try:
            # As an `await` does, but only up to where it would wait.
            waits_for = next(sending)
        except StopIteration:
            return
        except Exception as error:
            return self.failed(error)
        self.room.live.discard(self)
        self.hub.start(self.send_slowly(rest_of(sending, waits_for)))

    async def send_slowly(self, rest):
        """Wait until a slow reader has taken what it got; what came meanwhile is stored."""
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await rest
                await self.catch_up()
        except TimeoutError:
            await self.end(TOO_SLOW)
        except Exception as error:
            self.failed(error)

    async def attempt_send(self, sending):
        try:
            await sending
        except Exception as error:
            self.failed(error)

    def failed(self, error):
        """A client that has gone is no error; after any other error it has to come again."""
        if not self.has_left and not isinstance(error, GONE):
            logger.error("Something could not be sent.", exc_info=error)
            self.hub.start(self.end(RESTART))

    async def end(self, close_code):
        """Close the socket; whatever the client has sent before it hears of that is ignored."""
        if self.close_code is None:
            self.close_code = close_code
            self.hub.leave(self)
            metrics.CLOSES.labels(close_code).inc()
            await self.attempt_send(self.close(close_code))


def those_that_fit(events):
    """How many of these, from the first on, fit into one frame: always one."""
    left = settings.FRAME_BYTES - 200  # for what stands around them
    for count, event in enumerate(events):
        left -= len(ENCODER.encode(event).encode()) + len(", ")
        if left < 0 and count:
            return events[:count]
    return events


@types.coroutine
def rest_of(sending, waits_for):
    """What is left of an `await` that was begun by hand, and now waits for a future."""
    try:
        yield waits_for
    except asyncio.CancelledError as cancelled:
        # The server's half must hear of it, or it keeps its place in a queue: under Hypercorn
        # nobody behind it would have a turn any more, and our own close is one of those.
        if not hasattr(sending, "throw"):
            raise  # Granian's half is no coroutine
        sending.throw(cancelled)
    yield from sending
