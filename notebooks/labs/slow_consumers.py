"""Three consumers with the same slow handler: synchronous, asynchronous, and one that blocks.

By hand: `cd notebooks/labs`, then `../../.venv/bin/daphne slow_consumers:application`. Any text
that is sent to /sync/, /async/ or /blocking/ is answered half a second later, to /quick/ at once.
"""

import asyncio
import json
import threading
import time

from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__)

SLOW_SECONDS = 0.5


def report(begin):
    """Say in which thread a handler has run, and from when to when by the machine's clock."""
    thread = threading.current_thread()
    name = "the event loop's" if thread is threading.main_thread() else thread.name
    return json.dumps({"thread": name, "begin": begin, "end": time.monotonic()})


class SlowSyncConsumer(WebsocketConsumer):
    def receive(self, text_data=None, bytes_data=None):
        begin = time.monotonic()
        time.sleep(SLOW_SECONDS)
        self.send(report(begin))


class SlowAsyncConsumer(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        begin = time.monotonic()
        await asyncio.sleep(SLOW_SECONDS)
        await self.send(report(begin))


class BlockingConsumer(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        begin = time.monotonic()
        time.sleep(SLOW_SECONDS)  # noqa: ASYNC251, the mistake that this lab shows
        await self.send(report(begin))


class QuickConsumer(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(report(time.monotonic()))


urlpatterns = [path("", lambda request: HttpResponse("Connect to /sync/ and so on."))]

websocket_urlpatterns = [
    path("sync/", SlowSyncConsumer.as_asgi()),
    path("async/", SlowAsyncConsumer.as_asgi()),
    path("blocking/", BlockingConsumer.as_asgi()),
    path("quick/", QuickConsumer.as_asgi()),
]

application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter(websocket_urlpatterns)}
)
