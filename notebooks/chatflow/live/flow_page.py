"""The live page: each message on its way, and a switch for each part, in a browser.

Its server is a thread of the process that runs the stage. It looks at what is recorded only while
somebody watches.
"""

import asyncio
import json
import secrets
import threading
import time
from pathlib import Path

from ..basics.addresses import HOST
from ..basics.errors import LaunchError, UsageError
from ..drawing.svg import FONTS
from ..running.ports import listen
from .counter import Counter
from .feed import Feed
from .switches import Switches

LOOK_SECONDS = 0.1

LIVE = Path(__file__).parent
FILES = {
    "/": (LIVE / "index.html", "text/html; charset=utf-8"),
    "/live.css": (LIVE / "live.css", "text/css; charset=utf-8"),
    **{
        f"/{name}": (LIVE / name, "text/javascript; charset=utf-8")
        for name in ("player.js", "opener.js", "recent.js", "bench.js", "live.js")
    },
    **{
        f"/fonts/{name}": (FONTS / name, f"font/{name[-3:]}")
        for name in ("Inter-Regular.otf", "Inter-SemiBold.otf", "JetBrainsMono-SemiBold.ttf")
    },
}
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
# With people: it shows their pages, and a notebook shows it.
FRAMED = f"frame-src http://{HOST}:*; frame-ancestors http://{HOST}:* http://localhost:*"
SWITCH = ("POST", "/switch")


class FlowPage:
    """The page, its stream of events and its switches, on loopback.

    `start` it when the run has started. `people` are Persons, whose pages it shows as well. To end
    it, `let_go` of it before the run ends, so that nothing is switched on again, and then `stop`.
    """

    def __init__(self, port, people=()):
        if port > 65535:
            raise UsageError(f"The flow page needs a port of its own, and {port} is none.")
        self.listener = listen(port)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/"
        self.people, self.token = people, secrets.token_urlsafe(16)
        policy = POLICY + (FRAMED if people else ALONE)
        self.headers = {**HEADERS, "Content-Security-Policy": policy}
        # Only here: without a flow page nobody waits until it is loaded.
        import uvicorn

        quiet = {"log_config": None, "access_log": False, "proxy_headers": False}
        plain = {"interface": "asgi3", "lifespan": "off", "ws": "none"}
        # Somebody may have stopped reading: nobody waits for that at the end.
        plain["timeout_graceful_shutdown"] = 1
        self.server = uvicorn.Server(uvicorn.Config(self.application, **plain, **quiet))
        self.thread = threading.Thread(target=asyncio.run, args=[self.serve()], daemon=True)
        self.is_open = threading.Event()

    def start(self, run):
        self.feed, self.look_lock, self.looked_at = Feed(run), asyncio.Lock(), 0
        self.title, self.news = run.stage.heading, {}
        self.switches = Switches(run, self.people)
        self.counter = Counter(run, self.people) if self.people else None
        self.thread.start()
        self.is_open.wait()

    async def serve(self):
        try:
            for person in self.people:
                await person.open()
        finally:
            self.is_open.set()
        try:
            await self.server.serve([self.listener])
        finally:
            for person in self.people:
                await person.close()

    def let_go(self):
        """Tell those who watch that it is the end, and switch nothing any more."""
        if self.thread.ident:
            self.switches.close()
        self.server.should_exit = True

    def stop(self):
        """End the page; returns when nobody uses it any more."""
        self.let_go()
        if self.thread.ident:
            self.thread.join()
        self.listener.close()

    async def application(self, scope, receive, send):
        status, said = self.check(scope)
        kind = "text/plain; charset=utf-8"
        if not said and (scope["method"], scope["path"]) == SWITCH:
            status, said = await self.switch(await body_of(receive))
        if said:
            await self.respond(send, status, kind, said.encode())
        elif scope["path"] == "/flows":
            await self.stream(receive, send)
        else:
            path, kind = FILES[scope["path"]]
            await self.respond(send, status, kind, path.read_bytes())

    def check(self, scope):
        """(status, why not): only for pages that were asked for by our own name."""
        # Any web site may give its own name our address, and read the answer as its own.
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if host not in (f"{HOST}:{self.port}", f"localhost:{self.port}"):
            return 421, f"This page is at {self.url} only."
        if (scope["method"], scope["path"]) == SWITCH:
            return (200, "") if self.is_ours(headers) else (403, "Only this page may switch.")
        if scope["method"] != "GET":
            return 405, "Only the switches of this page take a POST."
        if scope["path"] not in (*FILES, "/flows"):
            return 404, "There is nothing here."
        return 200, ""

    def is_ours(self, headers):
        """Whether our page has sent it: it knows the token, and a browser says whose page it is."""
        known = secrets.compare_digest(headers.get(b"x-token", "").encode(), self.token.encode())
        return known and headers.get(b"origin") == f"http://{headers[b'host']}"

    async def switch(self, body):
        """(status, what a user sees now, or why it cannot be done)."""
        try:
            name, action = (json.loads(body)[key] for key in ("name", "action"))
            return 200, await asyncio.to_thread(self.switches.press, name, action)
        except (ValueError, TypeError, KeyError):
            return 400, 'Say which, as in {"name": "Instance A", "action": "kill"}.'
        except UsageError as error:
            return 409, str(error)
        except LaunchError as error:
            return 500, str(error)

    async def stream(self, receive, send):
        await send(start(200, "text/event-stream", self.headers))
        people = [{"name": person.name, "url": person.page} for person in self.people]
        await send(event("about", self.feed.about | {"token": self.token, "people": people}))
        gone = asyncio.ensure_future(wait_until_gone(receive))
        version, before = 0, {}
        while not gone.done() and not self.server.should_exit:
            await self.look()
            for name, told in self.news.items():
                if before.get(name) != told:
                    before[name] = told
                    await send(event(name, told))
            if news := self.feed.since(version):
                version = news[-1]["version"]
                await send(event("flows", news))
            await asyncio.wait([gone], timeout=LOOK_SECONDS)
        gone.cancel()
        await send(event("end", {}))
        await send({"type": "http.response.body", "body": b""})

    async def look(self):
        """Look at everything, but not more often for many watchers than for one."""
        async with self.look_lock:
            if time.monotonic() - self.looked_at >= LOOK_SECONDS:
                await asyncio.to_thread(self.look_at_everything)
                self.looked_at = time.monotonic()

    def look_at_everything(self):
        self.feed.look()
        self.news = {"parts": self.switches.told()}
        if self.counter:
            self.news["counts"] = self.counter.told(self.switches.is_waiting())

    async def respond(self, send, status, content_type, body):
        await send(start(status, content_type, self.headers))
        await send({"type": "http.response.body", "body": body})


async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def wait_until_gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


def start(status, content_type, headers):
    headers = {"Content-Type": content_type, **headers}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def event(name, data):
    text = f"event: {name}\nretry: 1000\ndata: {json.dumps(data)}\n\n"
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}
