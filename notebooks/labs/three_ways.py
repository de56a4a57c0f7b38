"""The same news in three ways: by polling, as an event stream, and by WebSocket.

By hand: `cd notebooks/labs`, then `../../.venv/bin/uvicorn three_ways:application`. POST /say/ is
the way to say something for those who have no socket; POST /drop/ ends all that is open.
"""

import asyncio
import contextlib
import json
from urllib.parse import parse_qs

RETRY_MS = 100  # an EventSource would wait for three seconds by itself
news, listeners, seen = [], set(), []


async def application(scope, receive, send):
    kind = scope["type"]
    if kind not in ("http", "websocket"):
        raise ValueError(f"This application does not speak {kind}.")
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    known = {name: headers.get(name) for name in ("authorization", "last-event-id")}
    path = scope["path"]
    if path in WAYS:
        seen.append({"path": path, **known})
    await WAYS.get(path, page)(scope, receive, send)


async def answer(send, body="", status=200, **headers):
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body.encode()})


async def page(scope, receive, send):
    """All else: the page itself, and what only the experiments ask for."""
    if scope["path"] == "/say/":
        tell((await receive())["body"].decode())
    if scope["path"] == "/comment/":
        tell("")
    if scope["path"] == "/drop/":
        tell(None)
    if scope["path"] == "/refused/":
        return await refuse(scope, receive, send)
    body = json.dumps(seen) if scope["path"] == "/seen/" else "<!doctype html><title>News</title>"
    await answer(send, body, **{"content-type": "text/html"})


async def refuse(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        return await send({"type": "websocket.close"})
    await answer(send, "Log in first.", 401)


def tell(text):
    """Tell all who listen; None ends what they listen to, and an empty text is no news."""
    if text:
        news.append(text)
    for queue in listeners:
        queue.put_nowait(None if text is None else (len(news), text))


@contextlib.asynccontextmanager
async def listening():
    queue = asyncio.Queue()
    listeners.add(queue)
    try:
        yield queue
    finally:
        listeners.discard(queue)


async def poll(scope, receive, send):
    """What is newer than `after`, if anything; answered at once."""
    after = int(parse_qs(scope["query_string"].decode())["after"][0])
    await answer(send, json.dumps(news[after:]), **{"content-type": "application/json"})


async def events(scope, receive, send):
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    if scope["query_string"] == b"unbuffered":
        headers.append((b"x-accel-buffering", b"no"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await piece(send, f": hello\nretry: {RETRY_MS}\n\n")
    async with listening() as queue, asyncio.TaskGroup() as group:
        leaving = group.create_task(until_gone(receive, queue))
        while item := await queue.get():
            number, text = item
            await piece(send, f"id: {number}\ndata: {text}\n\n" if text else ":\n\n")
        leaving.cancel()
    await send({"type": "http.response.body", "body": b""})


async def until_gone(receive, queue):
    while (await receive())["type"] != "http.disconnect":
        pass
    queue.put_nowait(None)


async def piece(send, text):
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def socket(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    async with listening() as queue, asyncio.TaskGroup() as group:
        hearing = group.create_task(hear(receive, queue))
        while item := await queue.get():
            await send({"type": "websocket.send", "text": item[1]})
        if not hearing.done():
            hearing.cancel()
            await send({"type": "websocket.close", "code": 1000})


async def hear(receive, queue):
    while (event := await receive())["type"] == "websocket.receive":
        tell(event["text"])
    queue.put_nowait(None)


WAYS = {"/poll/": poll, "/events/": events, "/ws/": socket}
