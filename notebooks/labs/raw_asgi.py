"""An ASGI application without any framework: an async callable of a scope, receive and send.

By hand: `cd notebooks/labs`, then `../../.venv/bin/daphne raw_asgi:application`, or `uvicorn`
instead of `daphne`. GET / shows its own scope and events, GET /wait waits for a POST /wake,
WebSockets are echoed.
"""

import asyncio
import json
import threading

# One asyncio.Event for each request that waits.
waiting = set()


async def application(scope, receive, send):
    if scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["type"] == "http":
        await answer(scope, receive, send)
    else:
        # The ASGI specification asks for this: a server then goes on without, say, "lifespan".
        raise ValueError(f"This application does not speak {scope['type']}.")


async def echo(receive, send):
    await receive()  # websocket.connect, the handshake
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})


async def answer(scope, receive, send):
    events = await receive_body(receive)
    if scope["path"] == "/wait":
        await wait(receive)
    if (scope["method"], scope["path"]) == ("POST", "/wake"):
        wake()
    in_bytes = sorted(key for key, value in scope.items() if holds_bytes(value))
    content = {"scope": scope, "bytes": in_bytes, "events": events}
    await send_json(send, content | count())


async def receive_body(receive):
    """Return the events that carry the request's body: a long one comes in several."""
    events = [await receive()]
    while events[-1].get("more_body"):
        events.append(await receive())
    return events


async def wait(receive):
    woken = asyncio.Event()
    waiting.add(woken)
    # The body has been read. What can still come is "http.disconnect": the client has left.
    leaving = asyncio.ensure_future(receive())
    leaving.add_done_callback(lambda _: woken.set())
    try:
        await woken.wait()  # no thread is held here, only this coroutine's few variables
    finally:
        leaving.cancel()
        waiting.discard(woken)


def wake():
    for woken in waiting:
        woken.set()


def count():
    return {"waiting": len(waiting), "threads": threading.active_count()}


def holds_bytes(value):
    """Whether a value of a scope is bytes, or contains bytes; JSON has only text."""
    if isinstance(value, list | tuple):
        return any(map(holds_bytes, value))
    return isinstance(value, bytes)


async def send_json(send, content):
    # Bytes are shown as WSGI would decode them.
    body = json.dumps(content, indent=2, default=lambda value: value.decode("latin-1")).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
