"""The other side of a socket: one consumer per connection, alive as long as it is.

What others write comes through the hub, see `sending`.
"""

import asyncio
import json
import logging

from channels.consumer import get_handler_name
from django.conf import settings

from . import metrics, store
from .access import LOGGED_OUT, Ended, check_may_read, check_may_write, find_login
from .database import in_database
from .frames import Refusal, TooFast, TooManySockets, read_after, read_frame, read_query
from .hub import RESTART, get_hub
from .limits import Bucket
from .sending import SendingConsumer, those_that_fit

# Within this time a client gets its answer, or is told that it cannot be had right now.
ANSWER_SECONDS = 8

logger = logging.getLogger(__name__)


class ChatConsumer(SendingConsumer):
    async def __call__(self, scope, receive, send):
        self.scope, self.base_send, self.hub = scope, send, get_hub()
        self.room_name = scope["url_route"]["kwargs"]["room_name"]
        self.room = self.login = self.close_code = None
        self.seq, self.refusals, self.is_in, self.has_left = 0, 0, False, False
        self.in_turn = asyncio.Lock()
        self.bucket = Bucket(settings.FRAMES_PER_SECOND, settings.FRAMES_AT_ONCE)
        try:
            # Not with Channels' own loop, which takes one event in each turn of the event loop: a
            # flood comes faster than that, and all of it would wait in our memory.
            event = {"type": None}
            while event["type"] != "websocket.disconnect":
                event = await receive()
                await self.dispatch(event)
        finally:
            # However it ends: not every way leads through `disconnect`.
            self.hub.leave(self)
            self.log("Socket closed", close_code=self.close_code)

    async def dispatch(self, event):
        # Channels' own method would first close old connections to the database, in a thread, for
        # each event. The threads in which we ask take care of theirs.
        await getattr(self, get_handler_name(event))(event)

    async def connect(self):
        # Accept first: until then no close code reaches the client.
        await self.accept()
        self.hub.start(self.attempt(self.enter()))

    async def websocket_disconnect(self, event):
        self.has_left = True
        await asyncio.sleep(0)  # the frames before it may not have got in line yet
        async with self.in_turn:
            self.close_code = self.close_code or event["code"]

    async def enter(self):
        if self.hub.draining:
            raise Ended(RESTART)
        cookie = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME)
        self.login = await in_database(find_login)(cookie)
        if read_query(self.scope["query_string"], "as", self.login.name) != self.login.name:
            raise Ended(LOGGED_OUT)  # a page of somebody who was logged in before, in this browser
        _, was_private = await self.ask(check_may_read)
        self.login = self.login._replace(was_private=was_private)
        if self.hub.sockets_of[self.login.user_id] >= settings.SOCKETS_PER_USER:
            raise TooManySockets
        self.room = await self.hub.enter(self)
        await self.resume()
        self.is_in = True
        self.log("Socket opened")

    async def resume(self):
        """Send what the client has missed. From then on it gets what everybody gets."""
        after = None
        try:
            after = read_after(self.scope["query_string"])
        except Refusal as refusal:
            await self.refuse(refusal)
        self.seq = self.room.seq if after is None else min(after, self.room.seq)
        await self.catch_up()
        self.send_event({"type": "caught_up", "seq": self.seq})
        self.send_event(self.room.presence.event(self.room.names()))

    # --- what the client sends ------------------------------------------------------------------

    async def receive(self, text_data=None, bytes_data=None):
        """Look at a frame at once; what it wants is done in its turn."""
        if self.close_code is None and self.bucket.take():
            self.hub.start(self.attempt(self.handle(text_data)))
        elif self.close_code is None:
            await self.refuse(TooFast())

    async def attempt(self, handling):
        """Await it. A refusal is told to the client; nothing that it sends ends in a 1011."""
        async with self.in_turn:
            try:
                await handling
            except Refusal as refusal:
                await self.refuse(refusal)
            except Ended as ended:
                await self.end(ended.close_code)
            except Exception:
                logger.exception("What a client asked for has failed.")
                await self.refuse(Refusal("not_stored", "Nothing can be stored right now."))
                if not self.is_in:
                    await self.end(RESTART)  # the client has to come again

    async def handle(self, text_data):
        if self.close_code is None:
            frame = read_frame(text_data, self.login.name)
            async with asyncio.timeout(ANSWER_SECONDS):
                await getattr(self, f"handle_{frame.pop('type')}")(**frame)
            # A frame from before a flood, done during the flood, does not excuse it.
            self.refusals = self.refusals if self.bucket.is_empty() else 0

    async def handle_post(self, **post):
        async with self.room.posting:
            message, is_new = await self.ask(store.post, **post)
        await self.tell(message, is_new)

    async def handle_delete(self, message_id):
        await self.tell(*await self.ask(store.delete, message_id))

    async def tell(self, message, is_new):
        if is_new or message.seq > self.seq:
            await self.hub.announce(message)
        else:
            self.send_event(message.as_event())

    async def handle_history(self, **page):
        events = await self.ask(store.history, **page)
        nearest_first = -1 if "before" in page else 1
        events = those_that_fit(events[::nearest_first])[::nearest_first]
        self.send_event({"type": "history", **page, "messages": events})

    async def handle_typing(self):
        await self.ask(check_may_write)
        self.hub.tell_typing(self.room, self.login.name)
        await self.hub.publish(self.room_name, {"typing": self.login.name})

    async def ask(self, question, *args, **kwargs):
        """Ask the database something, as this user, if it still is one."""
        return await in_database(question)(self.login, self.room_name, *args, **kwargs)

    # --- what it is told ------------------------------------------------------------------------

    async def refuse(self, refusal):
        self.refusals += 1
        metrics.REFUSALS.labels(refusal.code).inc()
        self.log("Refused", code=refusal.code)
        await self.send(json.dumps(refusal.as_event()))
        if refusal.close_code and self.refusals >= refusal.in_a_row:
            await self.end(refusal.close_code)

    def log(self, what, **facts):
        user = self.login and self.login.user_id
        logger.info(what, extra={"room": self.room_name, "user": user, **facts})


class RefusingConsumer(SendingConsumer):
    async def connect(self):
        # Closed before it was accepted: the handshake is answered with 403.
        await self.close()
