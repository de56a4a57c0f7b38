"""Clients of the lab `slow_consumers`: two want something slow, and two are in a hurry."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import websockets

from chatflow import Row, Span

TITLES = {
    "sync": "a synchronous consumer",
    "async": "an asynchronous one that awaits",
    "blocking": "an asynchronous one that blocks",
}


@dataclass(frozen=True)
class Result:
    """The result: rows of a time axis, and the slow handlers' own reports."""

    rows: list[Row]
    reports: list[dict]

    @property
    def served_together(self):
        """Whether the second handler began before the first one had ended."""
        first, second = sorted(self.reports, key=lambda report: report["begin"])
        return second["begin"] < first["end"]

    @property
    def threads(self):
        return [report["thread"] for report in self.reports]

    def longest(self, name):
        """How long that client had to wait for one answer, in seconds."""
        span = next(row.spans[0] for row in self.rows if row.name == name)
        return span.end - span.start


async def against(app, name):
    """Two ask the slow consumer of that name once; meanwhile two others keep asking quick ones."""
    async with AsyncExitStack() as stack:
        addresses = [f"{app.ws_url}/{path}/" for path in (name, name, "quick")]
        sockets = [await stack.enter_async_context(websockets.connect(uri)) for uri in addresses]
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=app.url, timeout=10))
        await http.get("/")
        start = time.monotonic()
        slow = asyncio.gather(*(ask(socket) for socket in sockets[:2]))
        hurried = [lambda: ask(sockets[2]), lambda: http.get("/")]
        longest = await asyncio.gather(*(longest_wait(slow, start, each) for each in hurried))
        reports = await slow
    rows = [Row(TITLES[name], f"slow {n}", spans(start, one)) for n, one in enumerate(reports, 1)]
    rows.append(Row(TITLES[name], "quick consumer", [longest[0]]))
    rows.append(Row(TITLES[name], "Django page", [longest[1]]))
    return Result(rows, reports)


async def ask(socket):
    await socket.send("please")
    return json.loads(await socket.recv())


async def longest_wait(slow, start, ask_quickly):
    """The longest wait of a client that asks again and again until the slow ones are served."""
    waits = []
    while not slow.done():
        begin = time.monotonic()
        await ask_quickly()
        waits.append(Span(begin - start, time.monotonic() - start, "longest wait"))
    return max(waits, key=lambda span: span.end - span.start)


def spans(start, report):
    begin, end = report["begin"] - start, report["end"] - start
    return [Span(0, begin, "waits"), Span(begin, end, "handler", "working")]
