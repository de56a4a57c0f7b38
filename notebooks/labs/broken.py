"""Stage 06 and the finished chat, to whose two people the same things happen: notebook 12."""

import asyncio
import contextlib
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import websockets

from chatflow.basics.errors import LaunchError
from chatflow.clients.guests import Guest
from chatflow.clients.sockets import connect
from chatflow.clients.visitor import Visitor
from chatflow.tracing.flow import Flow, kind_of

from .ten_seconds import stored

LOOK_SECONDS, WAIT_SECONDS = 0.05, 60


class Page:
    """Somebody's page of stage 06: when its socket has closed it says so, and no more."""

    def __init__(self, address, room_name, name):
        self.address, self.room_name, self.name = address, room_name, name
        self.texts, self.ends = [], []
        self.stack, self.socket = AsyncExitStack(), None

    async def __aenter__(self):
        await self.open()
        return self

    async def __aexit__(self, *error):
        await self.stack.aclose()

    async def open(self):
        opening = connect(self.address, self.room_name, self.name)
        self.socket = await self.stack.enter_async_context(opening)
        self.reading = asyncio.create_task(self.read(self.socket))

    async def read(self, socket):
        with contextlib.suppress(websockets.ConnectionClosedError):
            async for frame in socket:
                self.texts.append(json.loads(frame)["text"])

    async def write(self, text):
        """By the socket; without one the form does what it did in stage 01."""
        try:
            await self.socket.send(json.dumps({"type": "post", "author": self.name, "text": text}))
        except websockets.ConnectionClosed:
            with contextlib.suppress(httpx.HTTPError):  # what the browser shows then is its own
                async with Visitor(self.address, self.name) as visitor:
                    await visitor.open(self.room_name)
                    await visitor.post(self.room_name, self.name, text)

    def has(self, text):
        return text in self.texts

    async def sees_it(self):
        """Return when the page says `Disconnected. Reload the page.`"""
        await self.reading

    async def come_back(self):
        """As a person does who reads that."""
        if self.socket.close_code is not None:
            await self.reading
            self.ends.append(int(self.socket.close_code))
            await self.open()


class Home(Guest):
    """Somebody's page of the finished chat: it comes back by itself."""

    @property
    def texts(self):
        return [event["text"] for event in self.heard]

    def has(self, text):
        return self.is_there() and text in self.texts

    async def sees_it(self):
        """There is nothing to see."""

    async def come_back(self):
        await until(self.is_there)


@dataclass
class Seen:
    """How the sockets of Alice and of Bob ended, what Bob was told, what is stored.

    And the flow of what Alice wrote meanwhile; None if no server has ever read it.
    """

    stage: str
    alice: list[int]
    bob: list[int]
    told: list[str]
    stored: list[str]
    flow: Flow | None


def beside(*seen):
    """Print what was Seen, in a column each."""
    rows = [
        ("", [one.stage for one in seen]),
        ("alice's sockets", [ended(one.alice) for one in seen]),
        ("bob's sockets", [ended(one.bob) for one in seen]),
        ("bob was told", [", ".join(one.told) for one in seen]),
        ("stored", [", ".join(one.stored) for one in seen]),
    ]
    for name, cells in rows:
        print(f"{name:<17}", *(f"{cell:<23}" for cell in cells))


def ended(codes):
    return f"closed: {', '.join(map(str, codes))}" if codes else "stayed open"


async def through(chat, harm):
    """Alice, at instance A, writes to Bob, at B: "before", "during" and "after". Returns Seen.

    `harm(chat, alice, bob, text)` does it and undoes it, and meanwhile lets Alice write the text.
    """
    room_name = harm.__name__.replace("_", "-")
    before, during, after = (f"{when} {room_name}" for when in ("before", "during", "after"))
    async with people(chat, room_name) as (alice, bob):
        await alice.write(before)
        await told(alice, before)
        await told(bob, before)
        await harm(chat, alice, bob, during)
        for page in (alice, bob):
            await page.come_back()
        await alice.write(after)
        if "bob" in (await flow_of(chat, after)).reached():
            await told(bob, after)
        flow = await flow_of(chat, during)
    texts = [message["text"] for message in stored(chat, room_name)]
    told_bob, kept = [[text.split()[0] for text in found] for found in (bob.texts, texts)]
    return Seen(chat.stage.called, alice.ends, bob.ends, told_bob, kept, flow)


@contextlib.asynccontextmanager
async def people(chat, room_name):
    """Alice and Bob, in front of the pages of their stage."""
    a, b = chat.instances
    if not comes_back(chat):
        async with Page(a, room_name, "alice") as alice, Page(b, room_name, "bob") as bob:
            yield alice, bob
        return
    homes = []
    for name, addresses in (("alice", [a, b]), ("bob", [b, a])):
        async with Visitor(chat, name) as visitor:
            await visitor.log_in()
            homes.append(Home(addresses, room_name, visitor.session, name=name))
    async with homes[0] as alice, homes[1] as bob:
        for page in homes:
            await page.come_back()
        yield alice, bob


def comes_back(chat):
    return chat.stage.can["resumes"] == "yes"


async def answer_is_lost(chat, forget_ids=False):
    """Alice's message is stored, but no answer reaches her; she comes back. Returns what is stored.

    With `forget_ids` she sends what nobody has answered under an id of its own each time.
    """
    room_name, text = f"doubt-{int(forget_ids)}", "did you get this?"
    async with Visitor(chat, "alice") as visitor:
        await visitor.log_in()
        home = Home([chat], room_name, visitor.session, name="alice", forget_ids=forget_ids)
    async with home as alice:
        await alice.come_back()
        alice.socket.transport.pause_reading()  # from here on nothing reaches her
        await alice.write(text)
        await until(lambda: stored(chat, room_name))
        alice.drop()
        await until(lambda: alice.is_there() and not alice.outbox)
    return [message["text"] for message in stored(chat, room_name)]


async def told(page, text):
    """Return when the page shows the text."""
    await until(lambda: page.has(text))


async def flow_of(chat, text):
    """The flow of the message with this text; None if no server has ever read it.

    In stage 06 there is no more to come than what comes at once; the finished chat heals.
    """
    reaches = ["bob"] if comes_back(chat) else []
    give_up_at = time.monotonic() + (WAIT_SECONDS if comes_back(chat) else 0)
    while True:
        try:
            return await chat.flow(text, reaches=reaches)
        except LaunchError:
            if time.monotonic() > give_up_at:
                if comes_back(chat):
                    raise
                return None


def kinds(hop):
    """Between which kinds of station a hop went."""
    return kind_of(hop.source), kind_of(hop.target)


async def until(question):
    """Ask again and again, until the answer is yes: nobody tells when it is."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not question():  # noqa: ASYNC110, a page is a list of texts and says no more
            await asyncio.sleep(LOOK_SECONDS)
