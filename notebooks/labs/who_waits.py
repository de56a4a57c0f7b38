"""An application that sends by hand, and tells its client how many of those sends had to wait.

A `send` is awaited like anything else: its code runs at once, up to where it waits for a future.
To a client that then asks for more, and reads none of it, it sends until a send takes too long.
"""

import asyncio
import json
import types

SENDS = 10
# Far more than the kernels at both ends keep for a client that does not read.
POURS, POUR, TOO_LONG = 200, "x" * 100_000, 0.5
told, is_over = 0, asyncio.Event()


async def application(scope, receive, send):
    if scope["type"] != "websocket":
        return await answer(send, waits=scope["path"] == "/told")
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
    facts = {"waited": waited, "scheme": scope.get("scheme"), "offers": offers(scope)}
    await send({"type": "websocket.send", "text": json.dumps(facts)})
    while (await receive())["type"] != "websocket.disconnect":
        await pour(send)


@types.coroutine
def rest_of(sending, future):
    yield future
    yield from sending


def offers(scope):
    return list(scope.get("extensions") or ())


async def pour(send):
    global told
    try:
        for _ in range(POURS):
            async with asyncio.timeout(TOO_LONG):
                await send({"type": "websocket.send", "text": POUR})
            told += 1
    finally:
        is_over.set()


async def answer(send, waits=False):
    if waits:
        await is_over.wait()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % told})
