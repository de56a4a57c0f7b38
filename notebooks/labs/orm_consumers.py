"""Five consumers that ask the database for a row; one of them asks as synchronous code would.

By hand: `cd notebooks/labs`, then `../../.venv/bin/daphne orm_consumers:application`. Any text that
is sent to /careless/, /awaiting/, /in-thread/, /synchronous/ or /own-threads/ is answered with what
the query reports; GET / says how many connections to the database there have been.
"""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import django
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import connection, models
from django.db.backends.signals import connection_created
from django.http import HttpResponse
from django.urls import path

QUERY_SECONDS = 0.2
THREADS = 2

# One database in memory for all threads of the process. Not with SQLite's shared cache, where
# they would read one after the other.
DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:/lab?vfs=memdb"}
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, DATABASES={"default": DATABASE}
)
django.setup()

connections = []


def slow_query():
    """A slow query: it reports in which thread it ran, and from when to when."""
    begin = time.monotonic()
    time.sleep(QUERY_SECONDS)
    thread = threading.current_thread().name
    return json.dumps({"thread": thread, "begin": begin, "end": time.monotonic()})


def prepare(sender, connection, **kwargs):
    connections.append(connection)
    connection.connection.create_function("SLOW_QUERY", 0, slow_query)


connection_created.connect(prepare)


class SlowQuery(models.Func):
    function, output_field = "SLOW_QUERY", models.TextField()


class Message(models.Model):
    text = models.TextField()

    class Meta:
        app_label = "lab"

    def __str__(self):
        return self.text


with connection.schema_editor() as editor:
    editor.create_model(Message)
Message.objects.create(text="the only one")

rows = Message.objects.annotate(told=SlowQuery())


class Careless(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(rows.get().told)


class Awaiting(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        row = await rows.aget()
        await self.send(row.told)


class InThread(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        row = await database_sync_to_async(rows.get)()
        await self.send(row.told)


class Synchronous(WebsocketConsumer):
    def receive(self, text_data=None, bytes_data=None):
        self.send(rows.get().told)


class OwnThreads(AsyncWebsocketConsumer):
    executor = ThreadPoolExecutor(THREADS, "database")

    async def receive(self, text_data=None, bytes_data=None):
        get = database_sync_to_async(rows.get, thread_sensitive=False, executor=self.executor)
        await self.send((await get()).told)


urlpatterns = [path("", lambda request: HttpResponse(str(len(connections))))]

websocket_urlpatterns = [
    path("careless/", Careless.as_asgi()),
    path("awaiting/", Awaiting.as_asgi()),
    path("in-thread/", InThread.as_asgi()),
    path("synchronous/", Synchronous.as_asgi()),
    path("own-threads/", OwnThreads.as_asgi()),
]

application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter(websocket_urlpatterns)}
)
