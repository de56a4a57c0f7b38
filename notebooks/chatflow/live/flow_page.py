"""The live page: each message on its way, and a switch for each part, in a browser.

Its server is a thread of the process that runs the stage. It looks at what is recorded only while
somebody watches.
"""

import asyncio
import json
import secrets
import threading
import time

from ..basics.addresses import HOST
from ..basics.errors import LaunchError, UsageError
from .counter import Counter
from .feed import Feed
from .served import ALONE, LIVE, LOOK_SECONDS, OwnPage
from .switches import Switches

FILES = {"/": LIVE / "index.html", "/live.css": LIVE / "live.css"}
FILES |= {
    f"/{name}": LIVE / name
    for name in ("player.js", "opener.js", "recent.js", "bench.js", "live.js")
}
# With people: it shows their pages, and a notebook shows it.
FRAMED = f"frame-src http://{HOST}:*; frame-ancestors http://{HOST}:* http://localhost:*"


class FlowPage(OwnPage):
    """The page, its stream of events and its switches, on loopback.

    `start` it when the run has started. `people` are Persons, whose pages it shows as well. To end
    it, `let_go` of it before the run ends, so that nothing is switched on again, and then `stop`.
    """

    buttons, news_path = ("/switch",), "/flows"

    def __init__(self, port, people=()):
        super().__init__(port, FILES, FRAMED if people else ALONE)
        self.people, self.token = people, secrets.token_urlsafe(16)
        self.is_open = threading.Event()

    def start(self, run):
        self.feed, self.look_lock, self.looked_at = Feed(run), asyncio.Lock(), 0
        self.title, self.news = run.stage.heading, {}
        self.switches = Switches(run, self.people)
        self.counter = Counter(run, self.people) if self.people else None
        super().start()
        self.is_open.wait()

    async def serve(self):
        try:
            for person in self.people:
                await person.open()
        finally:
            self.is_open.set()
        try:
            await super().serve()
        finally:
            for person in self.people:
                await person.close()

    def let_go(self):
        """Tell those who watch that it is the end, and switch nothing any more."""
        if self.thread.ident:
            self.switches.close()
        super().let_go()

    def is_ours(self, headers):
        """Whether our page has sent it: it knows the token as well."""
        known = secrets.compare_digest(headers.get(b"x-token", "").encode(), self.token.encode())
        return known and super().is_ours(headers)

    async def press(self, path, body):
        """Switch; returns (status, what a user sees now, or why it cannot be done)."""
        try:
            name, action = (json.loads(body)[key] for key in ("name", "action"))
            return 200, await asyncio.to_thread(self.switches.press, name, action)
        except (ValueError, TypeError, KeyError):
            return 400, 'Say which, as in {"name": "Instance A", "action": "kill"}.'
        except UsageError as error:
            return 409, str(error)
        except LaunchError as error:
            return 500, str(error)

    async def looks(self):
        people = [{"name": person.name, "url": person.page} for person in self.people]
        new = [("about", self.feed.about | {"token": self.token, "people": people})]
        version, before = 0, {}
        while True:
            await self.look()
            new += [(name, told) for name, told in self.news.items() if before.get(name) != told]
            before |= dict(new)
            if news := self.feed.since(version):
                version = news[-1]["version"]
                new.append(("flows", news))
            yield new
            new = []

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
