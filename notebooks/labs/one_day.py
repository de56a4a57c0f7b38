"""Consumers in a room that forgets its members two seconds after they joined: a day, made short.

By hand: `cd notebooks/labs`, then
`../../.venv/bin/daphne --websocket_timeout 2 --websocket_connect_timeout 3 one_day:application`,
or another server. GET / says where to connect.
"""

import asyncio

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

DAY = 2

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            "CONFIG": {"group_expiry": DAY},
        }
    },
)


class Member(AsyncWebsocketConsumer):
    groups = ["room"]  # Channels joins them when a client connects

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send("room", {"type": "room.text", "text": text_data})

    async def room_text(self, event):
        await self.send(event["text"])


class Renewing(Member):
    """Joins again before the layer forgets it, for as long as its connection lives."""

    async def __call__(self, scope, receive, send):
        joining = asyncio.create_task(self.join_again())
        try:
            await super().__call__(scope, receive, send)
        finally:
            joining.cancel()

    async def join_again(self):
        while True:
            await asyncio.sleep(DAY / 4)
            await self.channel_layer.group_add("room", self.channel_name)


class Slow(AsyncWebsocketConsumer):
    async def connect(self):
        # As if it asked a database or a Redis that does not answer.
        await asyncio.Event().wait()


urlpatterns = [path("", lambda request: HttpResponse("Connect to /member/, /renewing/ or /slow/."))]

websocket_urlpatterns = [
    path("member/", Member.as_asgi()),
    path("renewing/", Renewing.as_asgi()),
    path("slow/", Slow.as_asgi()),
]

application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter(websocket_urlpatterns)}
)
