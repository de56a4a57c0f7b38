"""Notebook 15: all instances are restarted in turn, while somebody writes and somebody listens."""

import asyncio
import contextlib
import itertools
import json
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import websockets

from chatflow import stage
from chatflow.basics.addresses import HOST
from chatflow.basics.errors import MissingError
from chatflow.clients.guests import BACK_SECONDS, Guest
from chatflow.clients.visitor import Visitor
from chatflow.running import nginx
from chatflow.running.environment import OVERLAY, QUICK_SETTINGS

from .http2_over_tls import make_certificate
from .own_sites import opened, sites

BETWEEN_SECONDS, LOOK_SECONDS, WAIT_SECONDS = 0.05, 0.02, 60
# No limits that a script would meet which writes twenty times a second; and a short goodbye.
ROOMY = {"POSTS_PER_SECOND": "1000", "POSTS_AT_ONCE": "1000", "DRAIN_SECONDS": "1"}
# Behind nginx it runs as in production; its users go with the run, so their hashes may be quick.
PRODUCTION = ROOMY | {
    "DEVELOPMENT": "0",
    "SECRET_KEY": "of this run, and longer than fifty characters: 0123456789012345",
    "ALLOWED_HOSTS": f"{nginx.NAME},{HOST}",
    "DJANGO_SETTINGS_MODULE": QUICK_SETTINGS,
    "PYTHONPATH": str(OVERLAY),
}


@dataclass
class Rolled:
    """What Alice wrote during the restarts, what Bob was told of it, how his sockets ended."""

    written: list[str]
    told: list[str]
    ends: list[int]

    @property
    def lost(self):
        return [text for text in self.written if text not in self.told]


class Plain:
    """A page of your project whose socket comes back, and asks for nothing that it has missed."""

    def __init__(self, addresses):
        self.addresses = itertools.cycle(addresses)
        self.texts, self.ends, self.socket = [], [], None

    async def __aenter__(self):
        self.staying = asyncio.create_task(self.stay())
        await until(self.is_there)
        return self

    async def __aexit__(self, *error):
        self.staying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.staying

    async def stay(self):
        while True:
            with contextlib.suppress(OSError, websockets.InvalidHandshake):
                async with opened(next(self.addresses)) as self.socket:
                    await self.read()
            self.socket = None
            await asyncio.sleep(random.uniform(*BACK_SECONDS))

    async def read(self):
        try:
            while True:
                self.texts.append(json.loads(await self.socket.recv())["text"])
        except websockets.ConnectionClosed:
            self.ends.append(int(self.socket.close_code))

    def is_there(self):
        return self.socket is not None

    async def write(self, text):
        """As soon as there is a socket."""
        await until(self.is_there)
        with contextlib.suppress(websockets.ConnectionClosed):
            await self.socket.send(json.dumps({"v": 1, "text": text}))


class Home(Guest):
    """A page of chat_final: an outbox, ids, numbers."""

    @property
    def texts(self):
        return [event["text"] for event in self.heard]


async def rolled(instances, alice, bob):
    """Restart each instance, the next one when the last one answers, while Alice writes."""
    rollout = asyncio.create_task(asyncio.to_thread(restart_all, instances))
    written = []
    while not rollout.done():
        written.append(f"message {len(written) + 1}")
        await alice.write(written[-1])
        await asyncio.sleep(BETWEEN_SECONDS)
    await rollout
    # What is written when all is well again is told last.
    await until(lambda: alice.is_there() and bob.is_there())
    await alice.write("the end")
    await until(lambda: "the end" in bob.texts)
    return Rolled(written, bob.texts, bob.ends)


def restart_all(instances):
    for instance in instances:
        instance.stop()
        instance.start()


async def roll_yours(project):
    """Two instances of your project, by the command line of its unit."""
    async with (
        sites(project) as (a, b),
        Plain([b, a]) as alice,
        Plain([a, b]) as bob,
    ):
        return await rolled([a, b], alice, bob)


async def roll_final():
    """Three instances of chat_final: behind nginx, or without one each page tries them in turn."""
    behind = has_nginx()
    async with stage("final", instances=3, settings=PRODUCTION if behind else ROOMY) as chat:
        with in_front(chat.instances) if behind else contextlib.nullcontext() as proxy:
            homes = []
            for name in ("alice", "bob"):
                async with Visitor(proxy or chat, name) as visitor:
                    await visitor.log_in()
                    addresses = [proxy] if proxy else chat.instances
                    homes.append(Home(addresses, "release", visitor.session, name=name))
            async with homes[0] as alice, homes[1] as bob:
                await until(lambda: alice.is_there() and bob.is_there())
                return await rolled(chat.instances, alice, bob)


def has_nginx():
    try:
        return bool(nginx.find_binary())
    except MissingError:
        return False


@contextlib.contextmanager
def in_front(instances):
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = make_certificate(Path(folder))
        with nginx.server([each.port for each in instances], certificate, key) as proxy:
            yield proxy


async def until(question):
    """Ask again and again, until the answer is yes: nobody tells when it is."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not question():  # noqa: ASYNC110, a page is a list of texts and says no more
            await asyncio.sleep(LOOK_SECONDS)
