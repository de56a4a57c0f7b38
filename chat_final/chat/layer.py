"""The channel layer as one channel for this process, and as something that may be away.

What goes over it is a hint only. So a call that fails costs nobody a connection or a message: it is
counted, and what it would have told is found in the database.
"""

import asyncio
import functools
import logging
import time

from channels.layers import get_channel_layer
from django.conf import settings
from redis.exceptions import RedisError

from . import metrics
from .database import in_database
from .models import Site

# A call may take this long. After a failed call there is no other for as long, because each of them
# would make somebody wait.
CALL_SECONDS = 2
FAILURES = (OSError, RedisError, TimeoutError)

logger = logging.getLogger(__name__)


def room_group_name(room_name):
    return f"chat_{room_name}"


class Layer:
    """Calls `hear(hint)` for each hint that comes, and `renew()` when groups may have been lost.

    Other sites may share our Redis, and have rooms of the same names: it hears nothing of theirs.
    """

    def __init__(self, hear, renew):
        self.hear, self.renew = hear, renew
        self.layer, self.channel = get_channel_layer(), None
        self.works, self.retry_at, self.site = True, 0, None

    async def listen(self):
        """Receive for ever."""
        while True:
            try:
                if not self.channel:
                    self.channel = await self.layer.new_channel()
                    await self.renew()
                hint = await self.layer.receive(self.channel)
                if hint.get("site") == self.site:
                    self.hear(hint)
            except FAILURES as error:
                self.note(error)
                await asyncio.sleep(1)
            except Exception:
                logger.exception("A hint could not be understood.")

    async def know_site(self):
        """Ask whose hints are ours: before the first is sent, or can be heard."""
        self.site = self.site or await find_site()

    async def join(self, room_name):
        """Join a room's group, or renew that. Without a channel, `listen` will do it."""
        if self.channel:
            await self.try_to(self.layer.group_add, room_group_name(room_name), self.channel)

    async def leave(self, room_name):
        if self.channel:
            await self.try_to(self.layer.group_discard, room_group_name(room_name), self.channel)

    async def publish(self, room_name, hint):
        """Send a hint to all processes that have sockets in this room, this one too."""
        await self.know_site()
        hint = {"type": "chat.hint", "site": self.site, "room_name": room_name, **hint}
        sent = await self.try_to(self.layer.group_send, room_group_name(room_name), hint)
        if sent and not self.works:
            self.works = True
            logger.info("The layer works again")

    async def try_to(self, call, *args):
        """Whether it went well."""
        if self.works or time.monotonic() > self.retry_at:
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    await call(*args)
                return True
            except FAILURES as error:
                self.note(error)
        return False

    def note(self, error):
        metrics.LAYER_FAILURES.inc()
        if self.works:
            logger.warning("The layer fails, chat goes on by the database: %r", error)
        self.works, self.retry_at = False, time.monotonic() + CALL_SECONDS


@in_database
@functools.cache
def find_site():
    """What all instances of this site have in common, however each of them writes its addresses.

    A copy of the database has the same key, so the numbers of the Redis databases belong to it:
    pub/sub itself does not tell them apart.
    """
    site, _ = Site.objects.get_or_create(pk=1)
    return f"{site} {settings.REDIS_NUMBERS}"
