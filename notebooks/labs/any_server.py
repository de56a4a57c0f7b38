"""A Channels application written as tutorials write it. Does each server do the same with it?

By hand: `cd notebooks/labs`, then `../../.venv/bin/uvicorn any_server:application`, or another
server. /room/ is a chat for one, /stream/idle/ and so on never end, GET /seen/ says how it went.
"""

import asyncio
import contextlib
import json

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path, re_path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            "CONFIG": {"capacity": 20},  # not 100, so that it is soon full
        }
    },
)

BEAT_SECONDS = 0.1
# A chat would store a message before it tells the room. By then each server knows who has left;
# just before it tells so, Daphne raises in send(), too.
STORE_SECONDS = 0.05
LETTERS = 200_000
PATIENCE = 0.5  # how long a close() may take before we say that it waits
DENIAL = b"Log in first."

# --- sockets ------------------------------------------------------------------------------------


class Room(AsyncWebsocketConsumer):
    """The tutorial's chat: its group is joined at the handshake, and left in disconnect()."""

    groups = ["room"]
    disconnects = 0

    async def receive(self, text_data=None, bytes_data=None):
        await asyncio.sleep(STORE_SECONDS)
        if text_data.startswith("long"):
            text_data = text_data.ljust(LETTERS)
        await self.channel_layer.group_send("room", {"type": "chat.message", "text": text_data})

    async def chat_message(self, event):
        await self.send(event["text"])

    async def disconnect(self, code):
        Room.disconnects += 1


class Raises(AsyncWebsocketConsumer):
    """It echoes, and has a mistake in it."""

    async def receive(self, text_data=None, bytes_data=None):
        if text_data == "a mistake":
            raise RuntimeError("a mistake")
        await self.send(text_data)


class Closes(AsyncWebsocketConsumer):
    """Closes its socket when it is told to, and notes whether it had to wait for that."""

    waits = None

    async def receive(self, text_data=None, bytes_data=None):
        closing = asyncio.create_task(self.close(4004))
        done, _ = await asyncio.wait([closing], timeout=PATIENCE)
        Closes.waits = not done
        await closing


async def tell_scope(scope, receive, send):
    """Accept, and tell the client what the server has put into the scope."""
    await receive()
    await send({"type": "websocket.accept"})
    state = scope.get("state") or {}
    facts = {"http_version": scope.get("http_version"), "began": state.get("began", False)}
    await send({"type": "websocket.send", "text": json.dumps(facts)})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def deny(scope, receive, send):
    """Refuse with a status and a text of our own, or where that cannot be, with a plain close."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        return await send({"type": "websocket.close"})
    headers = [(b"content-length", b"%d" % len(DENIAL))]
    await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": DENIAL})


# --- streams ------------------------------------------------------------------------------------

live = {"idle": 0, "beat": 0, "raw": 0}
ends = {}


@contextlib.contextmanager
def noted(name):
    """Count a stream that runs, and note what has ended it."""
    live[name] += 1
    try:
        yield
        ends[name] = "returned"
    except BaseException as error:
        ends[name] = type(error).__name__
        raise
    finally:
        live[name] -= 1


async def idle():
    """It has said hello, and waits for news. There are none."""
    with noted("idle"):
        yield ": hello\n\n"
        await asyncio.Event().wait()


async def beat():
    """It waits for news, too, but says a word meanwhile, so that no proxy ends the connection."""
    with noted("beat"):
        while True:
            yield ": still here\n\n"
            await asyncio.sleep(BEAT_SECONDS)


async def raw_stream(scope, receive, send):
    """It sends as `beat` does, without Django, and never asks whether its client is there."""
    headers = [(b"content-type", b"text/event-stream")]
    with noted("raw"):
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while True:
            body = {"type": "http.response.body", "body": b": still here\n\n", "more_body": True}
            await send(body)
            await asyncio.sleep(BEAT_SECONDS)


def stream_of(generator):
    async def stream(request):
        return StreamingHttpResponse(generator(), content_type="text/event-stream")

    return stream


# --- pages, and the server's own life -----------------------------------------------------------


def seen(request):
    members = len(get_channel_layer().groups.get("room", ()))
    room = {"members": members, "disconnects": Room.disconnects}
    return JsonResponse({**room, "live": live, "ends": ends, "close_waits": Closes.waits})


async def lifespan(scope, receive, send):
    """What a server tells of itself: the place to open a pool, or to start a listener."""
    for _ in range(2):
        event = (await receive())["type"]
        print(f"heard {event}", flush=True)
        scope.get("state", {})["began"] = True
        await send({"type": f"{event}.complete"})


urlpatterns = [
    path("", lambda request: HttpResponse("<title>Any server</title>")),
    path("seen/", seen),
    path("stream/idle/", stream_of(idle)),
    path("stream/beat/", stream_of(beat)),
]
sockets = [
    path("room/", Room.as_asgi()),
    path("raises/", Raises.as_asgi()),
    path("closes/", Closes.as_asgi()),
    path("scope/", tell_scope),
    path("denied/", deny),
]

application = ProtocolTypeRouter(
    {
        "http": URLRouter(
            [path("stream/raw/", raw_stream), re_path("", get_asgi_application())],
        ),
        "websocket": URLRouter(sockets),
        "lifespan": lifespan,
    }
)
