"""Consumers that serve HTTP: a request can be held by one of them without any thread.

By hand: `cd notebooks/labs`, then `../../.venv/bin/daphne held_requests:application`. GET /wait is
answered when somebody has sent POST /wake; GET / says how many wait.
"""

import asyncio
import json

from channels.generic.http import AsyncHttpConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path

settings.configure()

# One asyncio.Event for each request that waits.
waiting = set()


class Wait(AsyncHttpConsumer):
    async def handle(self, body):
        woken = asyncio.Event()
        waiting.add(woken)
        try:
            await woken.wait()
        finally:
            # Also if the server cancels us, because the client has gone away.
            waiting.discard(woken)
        await self.send_response(200, b"woken")


class Wake(AsyncHttpConsumer):
    async def handle(self, body):
        for woken in waiting:
            woken.set()
        await self.send_response(200, b"")


class Count(AsyncHttpConsumer):
    async def handle(self, body):
        await self.send_response(200, json.dumps({"waiting": len(waiting)}).encode())


urlpatterns = [
    path("", Count.as_asgi()),
    path("wait", Wait.as_asgi()),
    path("wake", Wake.as_asgi()),
]

application = ProtocolTypeRouter({"http": URLRouter(urlpatterns)})
