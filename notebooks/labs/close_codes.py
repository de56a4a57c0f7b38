"""Closes each socket with 4401: at /before/ before it has accepted it, at any other path after.

By hand: `cd notebooks/labs`, then `daphne close_codes:application`.
"""

CLOSE = {"type": "websocket.close", "code": 4401}


async def application(scope, receive, send):
    await receive()  # websocket.connect, or the request of a page
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"Connect with a WebSocket."})
        return
    if scope["path"] != "/before/":
        await send({"type": "websocket.accept"})
    await send(CLOSE)
