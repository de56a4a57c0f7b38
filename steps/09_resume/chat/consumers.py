"""The other side of a socket: one consumer per connection, alive as long as it is.

The database is the truth; what comes out of the layer is only a hint that there is news.
"""

from contextlib import suppress

from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer

from .frames import BadFrame, read_after, read_frame
from .groups import room_group_name, send_to_room
from .models import Message, Room


class ChatConsumer(AsyncJsonWebsocketConsumer):
    is_member = False

    async def __call__(self, scope, receive, send):
        try:
            await super().__call__(scope, receive, send)
        except BaseException:
            # An error ends a consumer without `disconnect`: a send to a client that has just left
            # may be one. If the layer is what failed, its first error is the one to report.
            if self.is_member:
                with suppress(Exception):
                    await self.disconnect(1006)
            raise

    async def connect(self):
        self.room_name = self.scope["url_route"]["kwargs"]["room_name"]
        self.room_group_name = room_group_name(self.room_name)
        # Join before accept: from the moment the client is connected, it misses nothing.
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        self.is_member = True
        await self.accept()
        await self.resume()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)

    async def resume(self):
        """Send what the client has missed. Hints that come meanwhile wait until we return."""
        newest = await Room.newest_seq(self.room_name)
        after = None
        try:
            after = read_after(self.scope["query_string"])
        except BadFrame as refusal:
            await self.send_json(refusal.as_event())
        # The seq of the last message that the client has.
        self.seq = newest if after is None else min(after, newest)
        if after is not None:
            await self.send_missing()
        await self.send_json({"type": "caught_up", "seq": self.seq})

    async def receive(self, text_data=None, bytes_data=None):
        try:
            frame = read_frame(text_data, author=self.scope["user"].get_username())
        except BadFrame as refusal:
            # Left to Channels, a frame that cannot be read would close the socket.
            await self.send_json(refusal.as_event())
        else:
            await self.receive_json(frame)

    async def receive_json(self, frame):
        if frame["type"] == "history":
            await self.send_history(frame["after"])
        else:
            await self.store(frame["post"])

    async def store(self, post):
        message, is_new = await Message.objects.aget_or_create(
            room_name=self.room_name,
            author=post["author"],
            client_id=post["client_id"],
            defaults={"text": post["text"]},
        )
        if is_new or message.seq > self.seq:
            # Not through the layer, which might lose it: the sender must know.
            await self.pass_on(message.as_event())
        else:
            await self.send_json(message.as_event())
        if is_new:
            await send_to_room(message)

    async def chat_message(self, event):
        await self.pass_on(event["message"])

    async def pass_on(self, message):
        """Send a message in its turn: never twice, and never before an earlier one."""
        if message["seq"] == self.seq + 1:
            await self.send_message(message)
        elif message["seq"] > self.seq:
            await self.send_missing()

    async def send_missing(self):
        while page := [message async for message in Message.after(self.room_name, self.seq)]:
            for message in page:
                await self.send_message(message.as_event())

    async def send_message(self, message):
        self.seq = message["seq"]
        await self.send_json(message)

    async def send_history(self, after):
        page = [message.as_event() async for message in Message.after(self.room_name, after)]
        await self.send_json({"type": "history", "after": after, "messages": page})

    async def chat_score(self, event):
        await self.send_json({"type": "score", **event["score"]})


class RefusingConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        # Closed before it was accepted: the handshake is answered with 403.
        await self.close()
