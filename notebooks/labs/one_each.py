"""One consumer per connection: each counts what it has heard, and says which one it is.

By hand: `cd notebooks/labs`, then `../../.venv/bin/daphne one_each:application`.
"""

import itertools

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__)

numbers = itertools.count(1)
alive = set()


class CountingConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.number, self.heard = next(numbers), 0
        alive.add(self.number)
        await self.accept()

    async def receive_json(self, content):
        self.heard += 1
        facts = {"consumer": self.number, "heard": self.heard, "alive": sorted(alive)}
        await self.send_json(facts)

    async def disconnect(self, code):
        alive.discard(self.number)


urlpatterns = [path("", lambda request: HttpResponse("Connect to /ws/."))]

# No catch-all here: what an unknown path then leads to is part of the lesson.
application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter([path("ws/", CountingConsumer.as_asgi())]),
    }
)
