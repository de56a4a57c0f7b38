"""The live page of `run_step.sh --flow`: each message on its way, in a browser next to the chat.

Its server is a thread of the process that runs the stage. It looks at what is recorded only while
somebody watches.
"""

import asyncio
import json
import threading
import time
from pathlib import Path

from ..basics.addresses import HOST
from ..basics.errors import UsageError
from ..drawing.svg import FONTS
from ..running.ports import listen
from .feed import Feed

LOOK_SECONDS = 0.1

LIVE = Path(__file__).parent
FILES = {
    "/": (LIVE / "index.html", "text/html; charset=utf-8"),
    "/live.css": (LIVE / "live.css", "text/css; charset=utf-8"),
    **{
        f"/{name}": (LIVE / name, "text/javascript; charset=utf-8")
        for name in ("player.js", "opener.js", "recent.js", "live.js")
    },
    **{
        f"/fonts/{name}": (FONTS / name, f"font/{name[-3:]}")
        for name in ("Inter-Regular.otf", "Inter-SemiBold.otf", "JetBrainsMono-SemiBold.ttf")
    },
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "font-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class FlowPage:
    """The page and its stream of events, on loopback. `start` it when the run has started."""

    def __init__(self, port):
        if port > 65535:
            raise UsageError(f"The flow page needs a port of its own, and {port} is none.")
        self.listener = listen(port)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/"
        # Only here: without a flow page nobody waits until it is loaded.
        import uvicorn

        quiet = {"log_config": None, "access_log": False, "proxy_headers": False}
        plain = {"interface": "asgi3", "lifespan": "off", "ws": "none"}
        # Somebody may have stopped reading: nobody waits for that at the end.
        plain["timeout_graceful_shutdown"] = 1
        self.server = uvicorn.Server(uvicorn.Config(self.application, **plain, **quiet))
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],), daemon=True)

    def start(self, run):
        self.feed, self.look_lock, self.looked_at = Feed(run), asyncio.Lock(), 0
        self.thread.start()

    def stop(self):
        """End the page: it tells who watches that it was the end."""
        self.server.should_exit = True
        if self.thread.ident:
            self.thread.join()
        self.listener.close()

    async def application(self, scope, receive, send):
        status, reason = self.check(scope)
        if reason:
            await respond(send, status, "text/plain; charset=utf-8", reason.encode())
        elif scope["path"] == "/flows":
            await self.stream(receive, send)
        else:
            path, content_type = FILES[scope["path"]]
            await respond(send, status, content_type, path.read_bytes())

    def check(self, scope):
        """(status, why not): only for pages that were asked for by our own name."""
        # Any web site may give its own name our address, and read the answer as its own.
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        if host not in (f"{HOST}:{self.port}", f"localhost:{self.port}"):
            return 421, f"This page is at {self.url} only."
        if scope["method"] != "GET":
            return 405, "This page can only be read."
        if scope["path"] not in (*FILES, "/flows"):
            return 404, "There is nothing here."
        return 200, ""

    async def stream(self, receive, send):
        await send(start(200, "text/event-stream"))
        await send(event("about", self.feed.about))
        gone = asyncio.ensure_future(wait_until_gone(receive))
        version, parts = 0, None
        while not gone.done() and not self.server.should_exit:
            await self.look()
            if parts != self.feed.parts:
                parts = self.feed.parts
                await send(event("parts", parts))
            if news := self.feed.since(version):
                version = news[-1]["version"]
                await send(event("flows", news))
            await asyncio.wait([gone], timeout=LOOK_SECONDS)
        gone.cancel()
        await send(event("end", {}))
        await send({"type": "http.response.body", "body": b""})

    async def look(self):
        """Have the feed look, but not more often for many watchers than for one."""
        async with self.look_lock:
            if time.monotonic() - self.looked_at >= LOOK_SECONDS:
                await asyncio.to_thread(self.feed.look)
                self.looked_at = time.monotonic()


async def wait_until_gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def respond(send, status, content_type, body):
    await send(start(status, content_type))
    await send({"type": "http.response.body", "body": body})


def start(status, content_type):
    headers = {"Content-Type": content_type, **HEADERS}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def event(name, data):
    text = f"event: {name}\nretry: 1000\ndata: {json.dumps(data)}\n\n"
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}
