"""A page of our own on loopback: its files, its stream of news, its buttons; served by a thread.

Any web site that somebody has open could try to read it or to press its buttons. So it answers to
its own name only, and a button is pressed only from a page of its own.
"""

import asyncio
import json
import threading
from pathlib import Path

from ..basics.addresses import HOST
from ..basics.errors import UsageError
from ..drawing.svg import FONTS
from ..running.ports import listen

LIVE = Path(__file__).parent
LOOK_SECONDS = 0.1
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "font-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
WORDS = "text/plain; charset=utf-8"


class ServedPage:
    """A page of files, {path: Path}, that is told each new `state`; `buttons` are {path: function}.

    `state` is what JSON can say, and may be set by any thread. A button's function is called by the
    thread of the server.
    """

    def __init__(self, port, files, buttons):
        if port > 65535:
            raise UsageError(f"There is no port {port}: choose one up to 65535, or 0 for any.")
        fonts = {f"/fonts/{path.name}": path for path in FONTS.glob("*.?tf")}
        self.files, self.buttons, self.state = files | fonts, buttons, None
        self.listener = listen(port)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/"
        # Only here: it takes longer to load than all the rest.
        import uvicorn

        quiet = {"log_config": None, "access_log": False, "proxy_headers": False}
        plain = {"interface": "asgi3", "lifespan": "off", "ws": "none"}
        # Somebody may have stopped reading: nobody waits for that at the end.
        plain["timeout_graceful_shutdown"] = 1
        self.server = uvicorn.Server(uvicorn.Config(self.application, **plain, **quiet))
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],), daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        """End the page; who watches is told that it was the end."""
        self.server.should_exit = True
        if self.thread.ident:
            self.thread.join()
        self.listener.close()

    async def application(self, scope, receive, send):
        path, (status, reason) = scope["path"], self.check(scope)
        if reason:
            await respond(send, status, WORDS, reason.encode())
        elif scope["method"] == "POST":
            self.buttons[path]()
            await respond(send, 204, WORDS, b"")
        elif path == "/news":
            await self.stream(receive, send)
        else:
            file = self.files[path]
            await respond(send, status, content_type(file), file.read_bytes())

    def check(self, scope):
        """(status, why not)."""
        headers = dict(scope["headers"])
        # Any web site may give its own name our address, and read the answer as its own.
        names = [f"{HOST}:{self.port}", f"localhost:{self.port}"]
        host = headers.get(b"host", b"").decode("latin-1")
        if host not in names:
            return 421, f"This page is at {self.url} only."
        if scope["method"] == "POST" and scope["path"] in self.buttons:
            # A browser says whose page it is that sends something.
            pressed_here = headers.get(b"origin", b"").decode("latin-1") == f"http://{host}"
            return (204, "") if pressed_here else (403, "Only the page itself has this button.")
        if scope["method"] != "GET":
            return 405, "This can only be read."
        if scope["path"] not in (*self.files, "/news"):
            return 404, "There is nothing here."
        return 200, ""

    async def stream(self, receive, send):
        await send(start(200, "text/event-stream"))
        gone, sent = asyncio.ensure_future(until_gone(receive)), None
        while not gone.done() and not self.server.should_exit:
            if (state := self.state) != sent:
                await send(event("state", state))
                sent = state
            await asyncio.wait([gone], timeout=LOOK_SECONDS)
        gone.cancel()
        await send(event("end", {}))
        await send({"type": "http.response.body", "body": b""})


def content_type(path):
    kind = path.suffix.removeprefix(".")
    return f"{TYPES[kind]}; charset=utf-8" if kind in TYPES else f"font/{kind}"


async def until_gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def respond(send, status, kind, body):
    await send(start(status, kind))
    await send({"type": "http.response.body", "body": body})


def start(status, kind):
    pairs = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"Content-Type", kind.encode()), *pairs],
    }


def event(name, data):
    text = f"event: {name}\nretry: 1000\ndata: {json.dumps(data)}\n\n"
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}
