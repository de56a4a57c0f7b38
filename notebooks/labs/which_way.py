"""Notebook 15: polling, an event stream and a WebSocket, measured next to each other."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import psutil
import websockets

from chatflow.basics.addresses import NO_TLS
from chatflow.basics.errors import MissingError
from chatflow.clients.browser import chromium, find_chromium
from chatflow.clients.traffic import counted

TEXT = "x" * 100
MESSAGES, LISTENERS = {"polling": 20, "event stream": 150, "WebSocket": 150}, 20
# How many times in an idle minute: a look each second, a comment each 15, a ping each 20 seconds.
IN_A_MINUTE = {"polling": 60, "event stream": 4, "WebSocket": 3}


def client_of(address):
    return httpx.AsyncClient(base_url=address.url, verify=NO_TLS)


class Polling:
    """Asks for what is new, and is answered at once."""

    async def open(self, address, stack):
        self.http = await stack.enter_async_context(client_of(address))
        self.after = len((await self.http.get("/poll/?after=0")).json())

    async def look(self):
        found = (await self.http.get(f"/poll/?after={self.after}")).json()
        self.after += len(found)
        return found

    async def hear(self):
        return (await self.look())[0]

    async def say(self, text):
        await self.http.post("/say/", content=text)

    async def stay(self, app):
        await self.look()


class EventStream(Polling):
    async def open(self, address, stack):
        self.http = await stack.enter_async_context(client_of(address))
        response = await stack.enter_async_context(self.http.stream("GET", "/events/"))
        self.lines = response.aiter_lines()
        await self.line("retry:")

    async def line(self, begins):
        async for line in self.lines:
            if line.startswith(begins):
                return line.removeprefix(begins)

    async def hear(self):
        return await self.line("data: ")

    async def stay(self, app):
        """A comment comes, as servers send it to keep a stream open."""
        async with client_of(app) as somebody:
            await somebody.post("/comment/")
        await self.line(":")


class WebSocket:
    async def open(self, address, stack):
        connecting = websockets.connect(f"{address.ws_url}/ws/", compression=None)
        self.socket = await stack.enter_async_context(connecting)

    async def hear(self):
        return await self.socket.recv()

    async def say(self, text):
        await self.socket.send(text)

    async def stay(self, app):
        await (await self.socket.ping())


WAYS = {"polling": Polling, "event stream": EventStream, "WebSocket": WebSocket}


async def costs(app):
    """{way: {what: how much}}: requests, bytes on the wire, the server's processor time."""
    return {way: await traffic_of(app, way) | await processor_of(app, way) for way in WAYS}


async def traffic_of(app, way):
    """Of one client that says something and hears it; and then of an idle minute."""
    async with counted(app) as (address, count), AsyncExitStack() as stack:
        one = WAYS[way]()
        await one.open(address, stack)
        bytes_before, requests = count.bytes, count.requests
        await one.say(TEXT)
        to_say = count.requests - requests
        assert await one.hear() == TEXT, "it hears what it has said"
        message, bytes_before = count.bytes - bytes_before, count.bytes
        await one.stay(app)
        minute = (count.bytes - bytes_before) * IN_A_MINUTE[way]
    return {"requests to say it": to_say, "bytes of a message": message, "an idle minute": minute}


async def processor_of(app, way):
    """The server's processor time for each message and listener, where all hear each message."""
    async with AsyncExitStack() as stack:
        people = [WAYS[way]() for _ in range(LISTENERS)]
        await asyncio.gather(*(each.open(app, stack) for each in people))
        before = processor_seconds(app)
        for _ in range(MESSAGES[way]):
            await people[0].say(TEXT)
            await asyncio.gather(*(each.hear() for each in people))
        spent = processor_seconds(app) - before
    return {"processor time": spent / MESSAGES[way] / LISTENERS}


def processor_seconds(app):
    spent = psutil.Process(app.program.pid).cpu_times()
    return spent.user + spent.system


def times(ratio):
    """As people say it: what is under ten with one more figure."""
    return f"× {ratio:,.0f}" if ratio >= 10 else f"× {ratio:.1f}"


# --- in a browser -------------------------------------------------------------------------------

# For each way: ten at a time, what is heard of a refusal, and whether it comes back by itself.
TRY = """async () => {
  const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const headers = { Authorization: "mine" };
  const ask = (path, options) => fetch(path, { cache: "no-store", headers, ...options });
  const tell = (path, body) => fetch(path, { method: "POST", body });
  const ways = {
    "polling": (path, opened, refused) => {
      const stop = new AbortController();
      ask(path || "/events/", { signal: stop.signal }).then(
        (answer) => answer.ok ? opened() : refused(answer.status), () => {});
      return () => stop.abort();
    },
    "event stream": (path, opened, refused) => {
      const stream = new EventSource(path || "/events/", { headers });
      stream.onopen = opened;
      stream.onerror = () => refused("an error");
      return () => stream.close();
    },
    "WebSocket": (path, opened, refused) => {
      const socket = new WebSocket(`ws://${location.host}${path || "/ws/"}`);
      socket.onopen = opened;
      socket.onclose = ({ code }) => refused(code);
      return () => socket.close();
    },
  };
  const found = {};
  for (const [name, way] of Object.entries(ways)) {
    let open = 0;
    const refusal = await new Promise((resolve) => way("/refused/", () => {}, resolve));
    const ends = Array.from({ length: 10 }, () => way("", () => open++, () => {}));
    await after(500);
    ends.forEach((end) => end());
    found[name] = { "ten at a time": `${open} open`, "a 401 says": `${refusal}` };
  }
  const seen = async () => (await ask("/seen/")).json();
  const before = (await seen()).length;
  await ask("/poll/?after=0");
  const stream = new EventSource("/events/", { headers });
  ways["WebSocket"]("", () => {}, () => {});
  await new Promise((resolve) => { stream.onopen = resolve; });
  await tell("/say/", "news");
  await new Promise((resolve) => { stream.onmessage = resolve; });
  const dropped = (await seen()).length;
  await tell("/drop/");
  await after(500);
  return [found, (await seen()).slice(before, dropped), (await seen()).slice(dropped)];
}"""
PATHS = {"polling": "/poll/", "event stream": "/events/", "WebSocket": "/ws/"}


async def in_a_browser(app):
    """{way: {question: what was seen}} in Chromium; {} without one."""
    try:
        find_chromium()
    except MissingError:
        return {}
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(app.url)
        found, first, again = await page.evaluate(TRY)
    for way, path in PATHS.items():
        [one] = [each for each in first if each["path"] == path]
        back = [each for each in again if each["path"] == path]
        found[way] |= {
            "header of one's own": "yes" if one["authorization"] else "no",
            "comes back by itself": "yes" if back else "no",
            "says where it was": "yes" if any(each["last-event-id"] for each in back) else "no",
        }
    return found
