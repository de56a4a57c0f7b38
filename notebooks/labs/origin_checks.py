"""The two checks of a handshake's origin that come with Channels, around a socket that says hello.

/hosts/ has AllowedHostsOriginValidator, and /origins/ an OriginValidator with one whole origin.

By hand, from the notebooks folder: `cd labs`, then
`../../.venv/bin/daphne origin_checks:application`.
"""

from channels.security.websocket import AllowedHostsOriginValidator, OriginValidator
from django.conf import settings

settings.configure(ALLOWED_HOSTS=["chat.example.com"])

OURS = "https://chat.example.com:8443"


async def hello(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    # The scheme is optional in a WebSocket's scope.
    await send({"type": "websocket.send", "text": scope.get("scheme", "no scheme")})
    await send({"type": "websocket.close"})


CHECKS = {
    "/hosts/": AllowedHostsOriginValidator(hello),
    "/origins/": OriginValidator(hello, [OURS]),
}


async def application(scope, receive, send):
    if scope["type"] == "websocket":
        await CHECKS[scope["path"]](scope, receive, send)
        return
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"Connect with a WebSocket."})
