"""What comes in goes out to all, in a loop over the server's own `send`: the server's own cost.

No framework, no rooms, nothing stored; a reader who is slow would break it.
"""

sends = set()


async def application(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    sends.add(send)
    try:
        while (event := await receive())["type"] == "websocket.receive":
            await pass_on({"type": "websocket.send", "text": event["text"]})
    finally:
        sends.discard(send)


async def pass_on(event):
    for send in tuple(sends):
        await send(event)
