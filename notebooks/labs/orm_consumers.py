"""Four consumers that count the rows of a table; one of them asks the ORM as sync code would.

By hand: `cd notebooks/labs`, then `daphne orm_consumers:application`. Any text is answered with the
number of rows.
"""

import django
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import connection, models
from django.http import HttpResponse
from django.urls import path

# One database in memory for all threads of the process.
DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:lab?mode=memory&cache=shared"}
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, DATABASES={"default": DATABASE}
)
django.setup()


class Message(models.Model):
    text = models.TextField()

    class Meta:
        app_label = "lab"

    def __str__(self):
        return self.text


with connection.schema_editor() as editor:
    editor.create_model(Message)
Message.objects.create(text="the only one")


class Careless(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(f"{Message.objects.count()} message")


class InThread(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        count = await database_sync_to_async(Message.objects.count)()
        await self.send(f"{count} message")


class Awaiting(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(f"{await Message.objects.acount()} message")


class Synchronous(WebsocketConsumer):
    def receive(self, text_data=None, bytes_data=None):
        self.send(f"{Message.objects.count()} message")


urlpatterns = [path("", lambda request: HttpResponse("Connect to /careless/ and so on."))]

websocket_urlpatterns = [
    path("careless/", Careless.as_asgi()),
    path("in-thread/", InThread.as_asgi()),
    path("awaiting/", Awaiting.as_asgi()),
    path("synchronous/", Synchronous.as_asgi()),
]

application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter(websocket_urlpatterns)}
)
