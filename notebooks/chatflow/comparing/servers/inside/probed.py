"""The application that each server is asked to serve: it does what the query string says.

`/?id=7&do=accept;receive;close 4123 bye`: steps of the class below, one after the other. What it
meets it tells by datagrams, which arrive even if its process ends right after it.
"""

import asyncio
import json
import os
import socket
import time
from urllib.parse import parse_qs

CHANNELS = "/channels/"
notes = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
where = ("127.0.0.1", int(os.environ["PROBED_NOTES"]))
# What it answers the server's lifespan events: "answers", "raises" or "fails".
LIFESPAN = os.environ.get("PROBED_LIFESPAN", "answers")
NAME = os.environ["PROBED_NAME"]


def note(number, what, value):
    """Tell the one who probes what the connection of this number has met."""
    notes.sendto(json.dumps([number, what, value], default=shown).encode(), where)


def shown(value):
    return value.decode("latin-1") if isinstance(value, bytes) else repr(value)


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["path"].endswith(CHANNELS):
        await consumer(scope, receive, send)
    else:
        await Talk(scope, receive, send).run()


async def lifespan(receive, send):
    if LIFESPAN == "raises":
        raise ValueError("no lifespan here")
    for event in ("startup", "shutdown"):
        note(NAME, "lifespan", (await receive())["type"].removeprefix("lifespan."))
        answer = "failed" if LIFESPAN == "fails" else "complete"
        await send({"type": f"lifespan.{event}.{answer}"})


class Talk:
    """One connection, and what is done on it; each method is a step, and its words are text."""

    def __init__(self, scope, receive, send):
        asked = parse_qs(scope["query_string"].decode())
        self.scope, self.receive_event, self.send_event = scope, receive, send
        self.number = asked.get("id", [""])[0]
        self.steps = asked.get("do", ["answer"])[0].split(";")

    async def run(self):
        try:
            for step in self.steps:
                name, *words = step.split()
                await getattr(self, name)(*words)
        except asyncio.CancelledError:
            self.note("ended", "cancelled")
            raise
        except Exception as error:
            self.note("ended", type(error).__name__)
            raise
        self.note("ended", "returned")

    def note(self, what, value):
        if self.number:
            note(self.number, what, value)

    async def event(self):
        event = await self.receive_event()
        told = {key: value for key, value in event.items() if key not in ("text", "bytes")}
        content = event.get("text") or event.get("bytes") or ""
        keys = [key for key in ("text", "bytes") if key in event]
        self.note("event", {**told, "keys": keys, "size": len(content)})
        return event

    # --- of each connection

    async def tell(self):
        """Note the scope."""
        told = {key: value for key, value in self.scope.items() if key not in ("headers", "state")}
        told["extensions"] = list(self.scope.get("extensions") or ())
        told["has_state"] = "state" in self.scope
        client = self.scope.get("client") or ["", None]
        told["client"] = [type(client).__name__, client[0], type(client[1]).__name__]
        self.note("scope", told)

    async def fail(self):
        raise RuntimeError("as it was told to")

    async def wait(self):
        """Read on until the client has gone, and note nothing."""
        while not (await self.receive_event())["type"].endswith(".disconnect"):
            pass

    async def rest(self, seconds):
        """Let the server go on, and receive nothing."""
        await asyncio.sleep(float(seconds))

    async def block(self, seconds):
        self.note("blocks", True)
        time.sleep(float(seconds))  # noqa: ASYNC251 – to block the event loop is the purpose
        self.note("woke", time.monotonic())

    async def receive(self):
        await self.event()

    async def until_gone(self):
        """Note events up to the one that says that the client has gone."""
        while not (event := await self.event())["type"].endswith(".disconnect"):
            pass
        told = [event["type"], event.get("code"), event.get("reason")]
        self.note("gone", told)

    async def try_receiving(self):
        self.note("received", await outcome(self.receive_event()))

    async def try_sending(self):
        self.note("sent", await outcome(self.send_event({"type": "websocket.send", "text": "?"})))

    # --- of a WebSocket

    async def accept(self, subprotocol=None):
        await self.receive_event()  # websocket.connect
        headers = [(b"x-probed", b"yes")]
        accepting = {"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers}
        await self.send_event(accepting)

    async def refuse(self):
        await self.receive_event()
        await self.send_event({"type": "websocket.close"})

    async def deny(self):
        """A denial response: 401 with a body."""
        await self.receive_event()
        kind = "websocket.http.response"
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"8")]
        await self.send_event({"type": f"{kind}.start", "status": 401, "headers": headers})
        await self.send_event({"type": f"{kind}.body", "body": b"no entry"})

    async def send(self, size):
        await self.send_event({"type": "websocket.send", "text": "x" * int(size)})

    async def flood(self):
        """Send 32 MiB, and note how many of its 512 messages were sent before one had to wait."""
        for count in range(512):
            message = {"type": "websocket.send", "bytes": bytes(65_536)}
            sending = asyncio.ensure_future(self.send_event(message))
            await asyncio.wait({sending}, timeout=2)
            if not sending.done():
                self.note("flooded", count)
            await sending
        self.note("flooded", "all")

    async def close(self, code=None, reason=None):
        closing = {"type": "websocket.close"}
        if code:
            closing["code"] = int(code)
        if reason:
            closing["reason"] = reason
        await self.send_event(closing)

    # --- of an HTTP request

    async def answer(self):
        await self.start()
        await self.send_event({"type": "http.response.body", "body": b"here"})

    async def start(self):
        await self.send_event({"type": "http.response.start", "status": 200, "headers": []})

    async def stream(self):
        await self.start()
        body = {"type": "http.response.body", "body": b"begun", "more_body": True}
        await self.send_event(body)


async def outcome(call):
    """What comes of a call: an event's type, "silent", "waits", or the name of what it raises."""
    try:
        event = await asyncio.wait_for(call, timeout=3)
    except TimeoutError:
        return "waits"
    except OSError:
        return "OSError"
    except Exception as error:
        return type(error).__name__
    return event["type"] if event else "silent"


if "PROBED_CHANNELS" in os.environ:
    from probed_consumer import application as consumer
