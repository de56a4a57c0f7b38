"""An application that sends by hand, and tells its client how many of those sends had to wait.

A `send` is awaited like anything else: what it is runs at once, up to where it waits for a future.
"""

import json
import types

SENDS = 10


async def application(scope, receive, send):
    if scope["type"] != "websocket":
        return await answer(send)
    await receive()
    await send({"type": "websocket.accept"})
    waited = 0
    for number in range(SENDS):
        sending = send({"type": "websocket.send", "text": f"{number}"}).__await__()
        try:
            future = next(sending)
        except StopIteration:
            continue
        waited += 1
        await rest_of(sending, future)
    await send({"type": "websocket.send", "text": json.dumps({"waited": waited})})
    while (await receive())["type"] != "websocket.disconnect":
        pass


@types.coroutine
def rest_of(sending, future):
    yield future
    yield from sending


async def answer(send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"Open a WebSocket."})
