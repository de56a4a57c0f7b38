"""What users of stage 06 see of the channel layer that it was given, and of a broker's restart."""

import asyncio
import contextlib
import json
from dataclasses import dataclass

from websockets import ConnectionClosed, InvalidMessage, InvalidStatus

from ...clients.sockets import connect, frame
from .probes import SOON

# Longer than the five seconds after which some clients of a broker give up waiting.
IDLE_SECONDS = 8.0
# No pings: what is asked here is what becomes of a socket without any. Nor is there a login.
PLAIN = {"session": "", "ping_interval": None}
# So long a broker's clients may take to be back.
BACK_SECONDS = 12.0


@dataclass
class Room:
    """A room of stage 06 in which Bob listens; others come in at `door` to say something."""

    name: str
    door: object
    bob: object
    said: int = 0

    async def say(self):
        """Say something; returns what. What has gone wrong at the door is not Bob's matter."""
        self.said += 1
        text = f"message {self.said}"
        with contextlib.suppress(InvalidStatus, InvalidMessage, ConnectionClosed, OSError):
            async with asyncio.timeout(SOON), connect(self.door, self.name, **PLAIN) as alice:
                await alice.send(frame("post", author="alice", text=text))
                # Her own copy: what her consumer was to send is sent by then.
                await alice.recv()
        return text

    async def bob_hears(self, text, within):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while json.loads(await self.bob.recv())["text"] != text:
                    pass
                return True
        return False

    async def is_heard(self, within, patience=0.5):
        """Whether Bob hears what is said: what begins to listen may miss the first words."""
        give_up_at = asyncio.get_running_loop().time() + within
        while asyncio.get_running_loop().time() < give_up_at:
            if await self.bob_hears(await self.say(), patience):
                return True
        return False

    async def how_bob_is(self, within):
        """Speak to Bob until he hears it: "hears", "closed" and its code, or "deaf"."""
        try:
            return "hears" if await self.is_heard(within) else "deaf"
        except ConnectionClosed as closed:
            return f"closed {closed.rcvd.code if closed.rcvd else 1006}"


@contextlib.asynccontextmanager
async def room(name, door, instance):
    """A room with Bob at an instance. Raises InvalidStatus if he is not let in for some seconds."""
    async with contextlib.AsyncExitStack() as all_:
        yield Room(name, door, await come_in(all_, instance, name))


async def come_in(all_, instance, name):
    """Bob's socket: a layer that is busy may fail at his handshake, and he tries again."""
    give_up_at = asyncio.get_running_loop().time() + BACK_SECONDS
    while True:
        try:
            return await all_.enter_async_context(connect(instance, name, **PLAIN))
        except InvalidStatus:
            if asyncio.get_running_loop().time() > give_up_at:
                raise


async def sockets(chat):
    """The rows of those who chat in stage 06, with nothing changed but its layer."""
    first, second = chat.instances
    stage_6, idle = await asyncio.gather(meets(first, second), is_idle(second))
    return {"stage_6": stage_6, "idle": idle}


async def meets(first, second):
    """Whether Bob hears Alice at another instance, and if not there, then at the same one."""
    for word, instance in (("yes", second), ("one instance", first)):
        async with room("lobby", first, instance) as there:
            if await there.is_heard(2 * SOON):
                return word
    return "no"


async def is_idle(instance):
    """What becomes of a socket on which nobody says a word for some seconds."""
    async with room("quiet", instance, instance) as there:
        await asyncio.sleep(IDLE_SECONDS)
        return await there.how_bob_is(SOON)


async def restarted(chat, pair):
    """What a restart of the broker does to sockets, old and new, and to who sends meanwhile."""
    broker = chat.broker or next(iter(chat.redis), None)
    if not broker:
        return dict.fromkeys(["restart", "away", "new_socket"], "no broker")
    first, second = chat.instances
    async with room("restarted", first, second) as there:
        await there.is_heard(SOON)
        await asyncio.to_thread(broker.stop)
        sent = {"kind": "group_send", "name": "anybody", "first": 0, "count": 1, "within": SOON}
        failed = await pair.sender.do("send_many", **sent)
        await asyncio.to_thread(broker.start)
        seen = {"restart": await there.how_bob_is(BACK_SECONDS)}
    seen["away"] = "an error" if failed else "no error"
    return seen | {"new_socket": await new_socket(first, second)}


async def new_socket(first, second):
    """How somebody is who opens a socket when the broker is there again."""
    give_up_at = asyncio.get_running_loop().time() + BACK_SECONDS
    while asyncio.get_running_loop().time() < give_up_at:
        with contextlib.suppress(InvalidStatus, InvalidMessage):
            async with room("afterwards", first, second) as there:
                if (word := await there.how_bob_is(BACK_SECONDS)) in ("hears", "deaf"):
                    return word
    return "refused"
