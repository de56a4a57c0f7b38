"""Notebook 15: what /metrics of chat_final counts while parts of it are stopped."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

import httpx
from prometheus_client.parser import text_string_to_metric_families

from chatflow import Row, Span, timeline
from chatflow.clients.visitor import Visitor

from .rolling import LOOK_SECONDS, ROOMY, Home, until

TOKEN = "of this run"
# An instance tries its layer again when it tells the others who is with it: here each second.
SETTINGS = ROOMY | {"METRICS_TOKEN": TOKEN, "PRESENCE_SECONDS": "3"}
ROOM, TEXTS = "watched", 5
FAILURES, UP = "layer failures", "instances up"


async def scrape(instance):
    """All that an instance counts, as Prometheus asks for it; None if it does not answer."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        async with httpx.AsyncClient(headers=headers) as client:
            answer = await client.get(f"{instance.url}/metrics")
    except httpx.TransportError:
        return None
    families = text_string_to_metric_families(answer.raise_for_status().text)
    return Counter({one.name: one.value for family in families for one in family.samples})


async def two_at(chat):
    """Alice at the first instance, Bob at the second: both there, and their stack to close."""
    stack, homes = AsyncExitStack(), []
    a, b = chat.instances
    for name, addresses in (("alice", [a, b]), ("bob", [b, a])):
        async with Visitor(chat, name) as visitor:
            await visitor.log_in()
        home = Home(addresses, ROOM, visitor.session, name=name)
        homes.append(await stack.enter_async_context(home))
    await until(lambda: all(home.is_there() for home in homes))
    return stack, *homes


class Watch:
    """What is counted in phases of a run, in each of which Alice writes and Bob hears.

    `phases` is {name: {what: how much}}, and `times` when each began and ended.
    """

    def __init__(self, chat, alice, bob):
        self.chat, self.alice, self.bob = chat, alice, bob
        self.phases, self.times = {}, {}

    async def phase(self, name):
        """What is counted more after Alice has written five messages and Bob has heard them."""
        began, before = time.monotonic(), await self.scrape_all()
        texts = [f"{name}, {number}" for number in range(1, TEXTS + 1)]
        for text in texts:
            await self.alice.write(text)
        await until(lambda: self.bob.texts[-TEXTS:] == texts)
        self.phases[name] = increase(before, await self.scrape_all())
        self.times[name] = began, time.monotonic()

    async def scrape_all(self):
        return [await scrape(instance) for instance in self.chat.instances]

    def rows(self):
        """For a table, below the names of the phases."""
        whats = next(iter(self.phases.values()))
        return [[what, *(f"{found[what]}" for found in self.phases.values())] for what in whats]

    def timeline(self):
        """What the users notice, and what the metrics say, on one time axis."""
        zero = min(began for began, _ in self.times.values())
        users, layer, up = [], [], []
        for name, found in self.phases.items():
            span = [moment - zero for moment in self.times[name]]
            users.append(Span(*span, name, "done"))
            if found[FAILURES] != "none":
                layer.append(Span(*span, "rises", "alarm"))
            if found[UP] < len(self.chat.instances):
                up.append(Span(*span, f"{found[UP]} of {len(self.chat.instances)}", "alarm"))
        rows = [Row("users", "all messages heard", users)]
        rows += [Row("metrics", FAILURES, layer), Row("metrics", UP, up)]
        return timeline("What users notice, and what the metrics say", rows)


def increase(before, after):
    """What two scrapes of all instances differ by, of those that answered both times."""
    seen = [(old, new) for old, new in zip(before, after, strict=True) if old and new]

    def more(name):
        return round(sum(new[name] - old[name] for old, new in seen))

    return {
        "open sockets": round(sum(new["chat_sockets"] for _, new in seen)),
        "messages stored": more("chat_messages_total"),
        "events sent": more("chat_deliveries_total"),
        FAILURES: "some" if more("chat_layer_failures_total") else "none",
        UP: len(seen),
    }


async def layer_works(chat):
    """Return when each instance says that it reaches its layer again."""
    async with asyncio.timeout(60), httpx.AsyncClient() as client:
        for instance in chat.instances:
            # Nothing but asking tells it.
            while not (await client.get(f"{instance.url}/readyz")).json()["layer"]:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)


async def is_back(home):
    """Return when somebody has lost their socket, and has another one."""
    await until(lambda: home.ends and home.is_there())
