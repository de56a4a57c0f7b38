"""A Channels consumer, as small as they come, in the smallest Django that there is."""

import asyncio
from urllib.parse import parse_qs

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from probed import note

settings.configure(SECRET_KEY="none", INSTALLED_APPS=["channels"], ALLOWED_HOSTS=["*"])
django.setup()

WORK_SECONDS = 0.5
LEAVE_SECONDS = 0.2  # as for a word to Redis


class Consumer(AsyncWebsocketConsumer):
    async def connect(self):
        self.number = parse_qs(self.scope["query_string"].decode())["id"][0]
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        """Work for half a second, as for a slow service: the event loop stays free."""
        note(self.number, "begun", True)
        await asyncio.sleep(WORK_SECONDS)
        note(self.number, "done", True)

    async def disconnect(self, code):
        await asyncio.sleep(LEAVE_SECONDS)
        note(self.number, "disconnect", code)


application = Consumer.as_asgi()
