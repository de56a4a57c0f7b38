"""The other side of a socket: one consumer per connection, alive as long as it is.

Still missing: each consumer knows only its own connection, so nobody hears anybody else.
"""

from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer

from .frames import BadFrame, read_post
from .models import Message


class ChatConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.room_name = self.scope["url_route"]["kwargs"]["room_name"]
        await self.accept()

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
        await self.send_json(message.as_event())


class RefusingConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        # Closed before it was accepted: the handshake is answered with 403.
        await self.close()
