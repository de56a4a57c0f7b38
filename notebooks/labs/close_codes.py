"""Refuses each socket: at /before/ by a close before the accept, at /after/ by a close after it,
and at /denied/ by an answer of its own to the handshake, where the server has that extension.

By hand, from the notebooks folder: `cd labs`, then `../../.venv/bin/daphne close_codes:application`
or `../../.venv/bin/uvicorn close_codes:application`.
"""

CLOSE = {"type": "websocket.close", "code": 4401}
EXTENSION = "websocket.http.response"
BODY = b"Log in first."


async def application(scope, receive, send):
    await receive()  # websocket.connect, or the request of a page
    if scope["type"] == "http":
        await answer(send, "http.response", 200, b"Connect with a WebSocket.")
    elif scope["path"] == "/denied/" and EXTENSION in scope.get("extensions", {}):
        await answer(send, EXTENSION, 401, BODY)
    else:
        if scope["path"] == "/after/":
            await send({"type": "websocket.accept"})
        await send(CLOSE)


async def answer(send, kind, status, body):
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
