"""The other side of a socket: one consumer per connection, alive as long as it is.

A consumer still knows only its own connection; the channel layer carries messages between them.
"""

from contextlib import suppress

from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer

from .frames import BadFrame, read_post
from .groups import room_group_name, send_to_room
from .models import Message


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

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        try:
            post = read_post(text_data)
        except BadFrame as refusal:
            # Left to Channels, a frame that cannot be read would close the socket.
            await self.send_json(refusal.as_event())
        else:
            await self.receive_json(post)

    async def receive_json(self, post):
        message = await Message.objects.acreate(room_name=self.room_name, **post)
        await send_to_room(message)

    async def chat_message(self, event):
        await self.send_json(event["message"])


class RefusingConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        # Closed before it was accepted: the handshake is answered with 403.
        await self.close()
