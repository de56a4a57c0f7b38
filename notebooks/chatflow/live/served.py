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
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; "
)
ALONE = "frame-ancestors 'none'"
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
WORDS = "text/plain; charset=utf-8"


class OwnPage:
    """The server of a page: its files, {path: Path}, its news and its buttons.

    A subclass says what is new by `looks`, and what its `buttons`, paths that take a POST, do by
    `press`. Its thread has an event loop of its own.
    """

    buttons, news_path = (), "/news"

    def __init__(self, port, files, frames=ALONE):
        if port > 65535:
            raise UsageError(f"There is no port {port}: choose one up to 65535, or 0 for any.")
        fonts = {f"/fonts/{path.name}": path for path in FONTS.glob("*.?tf")}
        self.files = files | fonts
        self.headers = HEADERS | {"Content-Security-Policy": POLICY + frames}
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
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)

    def start(self):
        self.thread.start()

    async def serve(self):
        await self.server.serve([self.listener])

    def let_go(self):
        """Tell those who watch that it is the end."""
        self.server.should_exit = True

    def stop(self):
        """End the page; returns when nobody uses it any more."""
        self.let_go()
        if self.thread.ident:
            self.thread.join()
        self.listener.close()

    async def looks(self):
        """Yield, for one who watches and at each look, [(name, data)] of what is new since then."""
        raise NotImplementedError
        yield

    async def press(self, path, body):
        """Do what a button is for; returns (status, what is said)."""
        raise NotImplementedError

    # --- what is asked ----------------------------------------------------------------------------

    async def application(self, scope, receive, send):
        path, (status, said) = scope["path"], self.check(scope)
        if scope["method"] == "POST" and not said:
            status, said = await self.press(path, await body_of(receive))
            await self.respond(send, status, WORDS, said.encode())
        elif said:
            await self.respond(send, status, WORDS, said.encode())
        elif path == self.news_path:
            await self.stream(receive, send)
        else:
            file = self.files[path]
            await self.respond(send, status, content_type(file), file.read_bytes())

    def check(self, scope):
        """(status, why not)."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        # Any web site may give its own name our address, and read the answer as its own.
        if headers.get(b"host") not in (f"{HOST}:{self.port}", f"localhost:{self.port}"):
            return 421, f"This page is at {self.url} only."
        if scope["method"] == "POST" and scope["path"] in self.buttons:
            return (
                (200, "")
                if self.is_ours(headers)
                else (403, "Only the page itself has this button.")
            )
        if scope["method"] != "GET":
            return 405, "This can only be read."
        if scope["path"] not in (*self.files, self.news_path):
            return 404, "There is nothing here."
        return 200, ""

    def is_ours(self, headers):
        """Whether our page has sent it: a browser says whose page it is that sends something."""
        return headers.get(b"origin") == f"http://{headers[b'host']}"

    async def stream(self, receive, send):
        await send(start(200, "text/event-stream", self.headers))
        gone, looks = asyncio.ensure_future(until_gone(receive)), self.looks()
        while not gone.done() and not self.server.should_exit:
            for name, data in await anext(looks):
                await send(event(name, data))
            await asyncio.wait([gone], timeout=LOOK_SECONDS)
        gone.cancel()
        await looks.aclose()
        await send(event("end", {}))
        await send({"type": "http.response.body", "body": b""})

    async def respond(self, send, status, kind, body):
        await send(start(status, kind, self.headers))
        await send({"type": "http.response.body", "body": body})


class ServedPage(OwnPage):
    """A page that is told each new `state`; `buttons` are {path: function}.

    `state` is what JSON can say, and may be set by any thread. A button's function is called by the
    thread of the server.
    """

    def __init__(self, port, files, buttons):
        super().__init__(port, files)
        self.buttons, self.state = buttons, None

    async def looks(self):
        sent = None
        while True:
            state = self.state
            yield [("state", state)] if state != sent else []
            sent = state

    async def press(self, path, body):
        self.buttons[path]()
        return 204, ""


def content_type(path):
    kind = path.suffix.removeprefix(".")
    return f"{TYPES[kind]}; charset=utf-8" if kind in TYPES else f"font/{kind}"


async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def until_gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


def start(status, kind, headers):
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"Content-Type", kind.encode()), *pairs],
    }


def event(name, data):
    text = f"event: {name}\nretry: 1000\ndata: {json.dumps(data)}\n\n"
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}
