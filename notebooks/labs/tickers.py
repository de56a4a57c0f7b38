"""Two consumers that send a tick again and again: one never ends, one ends with its connection.

By hand: `cd notebooks/labs`, then `../../.venv/bin/daphne tickers:application`. Daphne gives a
consumer ten seconds to end, or as many as `--application-close-timeout` says. GET / says how many
are ticking.
"""

import asyncio

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__)

TICK_SECONDS = 0.1

ticking = set()


class Ticker(AsyncWebsocketConsumer):
    async def tick(self):
        ticking.add(self)
        try:
            while True:
                await self.send("tick")
                await asyncio.sleep(TICK_SECONDS)
        finally:
            ticking.discard(self)


class EndlessTicker(Ticker):
    async def connect(self):
        await self.accept()
        # This handler never returns, so the disconnect event is never handled.
        await self.tick()


class EndingTicker(Ticker):
    async def connect(self):
        await self.accept()
        self.ticking = asyncio.create_task(self.tick())

    async def disconnect(self, code):
        self.ticking.cancel()


urlpatterns = [path("", lambda request: HttpResponse(f"{len(ticking)} are ticking"))]

websocket_urlpatterns = [
    path("endless/", EndlessTicker.as_asgi()),
    path("ending/", EndingTicker.as_asgi()),
]

application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter(websocket_urlpatterns)}
)
