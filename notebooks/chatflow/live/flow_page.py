"""The live page of `run_step.sh --flow`: each message on its way, in a browser beside the chat.

Its server is a thread of the process that runs the stage. It looks at what is recorded only while
somebody watches.
"""

import asyncio
import json
import secrets
import threading
import time
from dataclasses import replace
from pathlib import Path

import uvicorn

from ..basics.addresses import HOST
from ..basics.catalog import LIVE_SECONDS
from ..basics.errors import UsageError
from ..drawing import CLIENTS, flow_map, fold, sequence
from ..drawing.folding import hop_words, station_titles
from ..drawing.places import entering, leaving, touched_stations
from ..drawing.svg import FONTS
from ..running.ports import listen
from ..running.scenes import scene_of
from ..tracing.flow import kind_of, name_of, summary
from ..tracing.flows import make_flow
from ..tracing.recent import Recent
from ..tracing.recording import is_over

LOOK_SECONDS = 0.1
KEPT = 50  # messages, and as many other things
DRAWN_AT_ONCE = 3  # in one look, so that it is a short one; the next comes soon
SECOND = 1_000_000_000  # ns
# Nothing more has come for so long: it is worth a picture. What takes longer is drawn again.
QUIET_NS, LATE_NS = SECOND // 10, SECOND
# A message may still reach somebody after it was given up; after this nobody looks any more.
OPEN_NS = 10 * SECOND
LIVE_NS = LIVE_SECONDS * SECOND
# A stream of events goes on for ever: each message has a picture of its own.
LONGEST = 60  # hops

LIVE = Path(__file__).parent
FILES = {
    "/": (LIVE / "index.html", "text/html; charset=utf-8"),
    "/live.js": (LIVE / "live.js", "text/javascript; charset=utf-8"),
    "/live.css": (LIVE / "live.css", "text/css; charset=utf-8"),
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


# --- what the page is told ------------------------------------------------------------------------


class Feed:
    """The newest flows of a run, each drawn anew when there is news of it."""

    def __init__(self, run):
        self.recent = Recent(run.tracing.folder)
        self.about = {
            "run": secrets.token_hex(8),
            "title": scene_of(run).title,
            "show": "everything" if run.stage.number == 1 else "messages",
            "chat": [{"name": one.name, "url": f"{one.url}/"} for one in run.instances],
        }
        self.entries, self.waiting, self.version = {}, set(), 0
        # From the hops' clock to the time of day.
        self.clock_offset = time.time_ns() - time.monotonic_ns()
        # What the launcher asked for, to see whether all is ready, is no business of the user.
        self.began = time.monotonic_ns()
        self.note(run)

    def note(self, run):
        """Note what has ended. To be called by the thread that the run belongs to."""
        self.scene = scene_of(run)
        self.parts = [*map(self.instance_part, run.instances), *redis_parts(run)]
        self.parts += [self.worker_part(run.worker)] if run.worker else []

    def instance_part(self, instance):
        means = "its clients are cut off and get nothing more; the other instances go on."
        return self.part(f"Instance {instance.name}", instance, means)

    def worker_part(self, worker):
        means = "what it had begun is lost; new jobs wait in Redis, for 60 seconds at most."
        return self.part("Worker", worker, means)

    def part(self, name, process, means):
        ended = process.name in self.scene.ended
        return {"name": name, "ended": ended, "means": means if ended else ""}

    def look(self):
        """Draw what has changed since the last look."""
        now = time.monotonic_ns()
        news = self.recent.read()
        self.waiting |= news
        if news or self.verdict_is_due(now):
            self.waiting |= {trace for trace, entry in self.entries.items() if is_open(entry, now)}
        if not self.waiting:
            return
        book = self.recent.book()
        self.waiting &= {trace for trace in book.traces if self.is_shown(book.traces[trace])}
        ripe = [trace for trace in book.traces if trace in self.waiting and is_ripe(book, trace)]
        # The newest first; what would be dropped again at once is not drawn at all.
        for trace in ripe[-DRAWN_AT_ONCE:]:
            self.update(book, trace, now)
        self.waiting -= {*ripe[-DRAWN_AT_ONCE:], *ripe[: -2 * KEPT]}
        self.drop_old()

    def is_shown(self, hops):
        """Whether somebody has caused this; or it has gone wrong, whoever has."""
        by_itself = kind_of(hops[0].source) == "hub" and not any(hop.lost for hop in hops)
        return hops[0].at > self.began and not by_itself

    def verdict_is_due(self, now):
        return any(
            not entry["decided"] and now - entry["stored_at"] >= LIVE_NS
            for entry in self.entries.values()
        )

    def update(self, book, trace, now):
        known = self.entries.get(trace)
        flow, entry = make_entry(book, trace, self.scene, now)
        if known and (is_same(known, entry) or is_endless(entry)):
            return
        self.version += 1
        started = book.traces[trace][0].at + self.clock_offset
        entry |= {"version": self.version, "at": started // 1_000_000}
        entry |= {"svg": sequence(flow, animated=False), "map": flow_map(flow)}
        self.entries[trace] = entry

    def drop_old(self):
        for chat in (True, False):
            group = [trace for trace, entry in self.entries.items() if entry["chat"] == chat]
            for trace in sorted(group, key=lambda trace: self.entries[trace]["at"])[:-KEPT]:
                del self.entries[trace]

    def since(self, version):
        """The entries that are newer than a version, in the order in which they changed."""
        news = [entry for entry in self.entries.values() if entry["version"] > version]
        return sorted(news, key=lambda entry: entry["version"])


def redis_parts(run):
    for number, server in enumerate(run.redis, 1):
        ended = server.program.poll() is not None
        means = "messages are still stored, but nobody who waits is told; open sockets close."
        yield {"name": f"Redis {number}", "ended": ended, "means": means if ended else ""}


def is_open(entry, now):
    """Whether somebody has missed a message who may still get it."""
    return bool(entry["unreached"]) and now - entry["stored_at"] < OPEN_NS


def is_ripe(book, trace):
    hops, now = book.traces[trace], time.monotonic_ns()
    return now - max(hop.at for hop in hops) > QUIET_NS or now - hops[0].at > LATE_NS


def is_endless(entry):
    return entry["kind"] == "request" and len(entry["hops"]) > LONGEST


def is_same(known, entry):
    return all(known[key] == value for key, value in entry.items())


def make_entry(book, trace, scene, now):
    """A flow, and what the page gets of it beside its pictures."""
    flow = make_flow(book, trace, scene)
    stored = next((hop for hop in flow.hops if "stored" in hop.detail), None)
    unreached = flow.unreached()
    decided = not unreached or now - stored.at >= LIVE_NS
    if not decided:
        flow = without_verdict(flow, stored)
    folded = fold(flow, CLIENTS)
    return flow, {
        "id": trace,
        "kind": kind_of_flow(flow, stored),
        "chat": is_chat(flow, stored),
        "title": title(book, trace, stored),
        "complete": decided and is_over(book, trace, scene.ended),
        "missed": flow.unreached(),
        "lost": any(hop.lost for hop in flow.hops),
        "opening": len(folded.handshake),
        "hops": list(hop_entries(folded)),
        # For ourselves.
        "unreached": unreached,
        "decided": decided,
        "stored_at": stored.at if stored else 0,
    }


def without_verdict(flow, stored):
    """The flow before it is known whom it missed: they are not in the picture yet."""
    reached = tuple(station for station in flow.stations if station.reached)
    flow = replace(flow, missed=(), stations=reached)
    return replace(flow, subtitle=summary(flow))


def kind_of_flow(flow, stored):
    if stored:
        return "message"
    if any(hop.lost for hop in flow.hops):
        return "refused"
    return "handshake" if flow.hops[0].detail.get("socket") else "request"


def is_chat(flow, stored):
    """Whether it is a message or what stands in the way of one; a page is neither."""
    first = flow.hops[0]
    is_page = first.kind == "http" and not first.label.startswith("POST")
    return bool(stored) or (any(hop.lost for hop in flow.hops) and not is_page)


def title(book, trace, stored):
    first = book.traces[trace][0]
    if stored:
        return f"{stored.detail.get('author', '')}: {stored.detail.get('text', '')}"
    if kind_of(first.source) == "client":
        return f"{first.label} by {book.names[name_of(first.source)]}"
    return f"{name_of(first.source)}: {first.label}"


def hop_entries(flow):
    """Each drawn arrow in words, and the places of the flow map that it goes from and to."""
    titles, consumers = station_titles(flow), touched_stations(flow)["consumers"]
    for number, hop in enumerate(flow.handshake + flow.hops, 1):
        source, target = leaving(hop, flow), entering(hop, flow)
        if (source, target) == ("server", "clients"):
            source = "consumers" if consumers else "handler"
        words = hop_words(number, hop, titles)
        yield {"words": words, "lost": hop.lost, "from": source, "to": target}


# --- the server -----------------------------------------------------------------------------------


class FlowPage:
    """The page and its stream of events, on loopback. `start` it when the run has started."""

    def __init__(self, port):
        if port > 65535:
            raise UsageError(f"The flow page needs a port of its own, and {port} is none.")
        self.listener = listen(port)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/"
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

    def note(self, run):
        self.feed.note(run)

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
