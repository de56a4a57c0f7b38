"""The same three clients against stage 02 or 03: which of them was answered, and when.

Three strangers wait in another room, so that together with Bob's four requests are being held.
Then Carol begins to wait, too, and Alice posts the message that Bob and Carol wait for.
"""

import asyncio
import time

import httpx

from chatflow import Row, Span, Visitor

STRANGERS = 3
GIVE_UP_SECONDS = 2

# What a stage calls the view that holds a request until there is news.
WAITING_VIEW = {2: "messages", 3: "stream"}


async def three_clients(chat):
    """Rows of a time axis, one for each of the three; the stage has to run with `trace=True`."""
    async with Visitor(chat, "alice") as alice, asyncio.TaskGroup() as clients:
        await alice.open("lobby")
        # Every request has a connection of its own, as if each came from another computer.
        async with httpx.AsyncClient(base_url=chat.url, timeout=None) as http:
            strangers = [clients.create_task(wait(chat, http, "attic")) for _ in range(STRANGERS)]
            await until_held(chat, STRANGERS)
            start = time.monotonic()
            bob = clients.create_task(timed(start, wait(chat, http, "lobby"), "waits"))
            # From here on the server holds as many requests as stage 02 has threads.
            await until_held(chat, STRANGERS + 1)
            carol = clients.create_task(timed(start, wait(chat, http, "lobby"), "waits"))
            posted = clients.create_task(timed(start, post(alice), "POST"))
            spans = {"bob": await bob, "carol": await carol, "alice": await posted}
            for stranger in strangers:
                stranger.cancel()
    section = f"stage {chat.stage.number:02} · {chat.stage.title}"
    return [Row(section, name, [span]) for name, span in spans.items()]


async def wait(chat, http, room_name):
    """Hold a request until it has brought Alice's message."""
    path = f"/chat/{room_name}/{WAITING_VIEW[chat.stage.number]}/"
    async with http.stream("GET", path, params={"after": 0}) as response:
        async for line in response.aiter_lines():
            if "hello" in line:
                return


async def post(alice):
    await alice.post("lobby", "alice", "hello")


async def timed(start, request, label):
    """The span of a request, which is given up after a while."""
    begin = time.monotonic() - start
    try:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await request
    except TimeoutError:
        return Span(begin, time.monotonic() - start, f"{label}, no answer", "lost")
    kind = "done" if label == "POST" else "waiting"
    return Span(begin, time.monotonic() - start, label, kind)


async def until_held(chat, count):
    """Return when `count` views have been entered that hold their request until there is news."""
    async with asyncio.timeout(10):
        while True:
            views = [hop.detail.get("view") for hop in chat.tracing.hops()]
            if views.count(WAITING_VIEW[chat.stage.number]) >= count:
                return
            await asyncio.sleep(0.01)
