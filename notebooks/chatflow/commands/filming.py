"""Instance B of chat_final is killed while two people chat, and heals: filmed from its trace."""

import asyncio
import contextlib
import sqlite3

from ..clients.sockets import connect, frame, next_event, until_in_room
from ..drawing.dark import themed
from ..drawing.film import NARROW, WIDE, Scene, film
from ..running.launcher import stage
from ..tracing.flow import instance_of, kind_of, name_of

TITLE = "chat_final · instance B is killed, and nothing is lost"
FIRST, MEANWHILE = "Hi Bob!", ["Tea at five?", "I bring cake."]
CROSSES = "Alice writes: her message crosses from instance A to instance B, and Bob has it."
KILLED = "Instance B is killed. Bob is offline; what Alice writes now waits in the database."
HEALED = "B is started again. Bob comes back, asks what he has missed, and has it all, once."
# The B that was to hear of it has ended, and the new one never will.
A_MOMENT = 1
GROUNDS = {"kill_b.svg": WIDE, "kill_b_narrow.svg": NARROW}


async def film_kill():
    """{file name: SVG} of the film, for a wide page and for a narrow one."""
    scenes = await play()
    return {name: themed(film(TITLE, scenes, ground)) for name, ground in GROUNDS.items()}


async def play():
    """Kill B between two messages, and start it again; returns the scenes."""
    written = [FIRST, *MEANWHILE]
    async with stage("final", instances=2, trace=True) as chat:
        a, b = chat.instances
        async with connect(a, "lobby", "alice") as alice:
            async with connect(b, "lobby", "bob") as bob:
                await until_in_room(bob)
                await write(alice, FIRST)
                heard = [await next_event(bob)]
                crossing = ways_of(await chat.flow(FIRST, reaches=["alice", "bob"]))
                scenes = [scene(chat, CROSSES, crossing, [FIRST], heard)]
                await asyncio.to_thread(b.kill)
                await bob.wait_closed()
            for text in MEANWHILE:
                await write(alice, text)
            flows = [await chat.flow(text, reaches=["alice"]) for text in MEANWHILE]
            told = [way for flow in flows for way in ways_of(flow)]
            scenes.append(scene(chat, KILLED, told, written, heard, away=("B", "bob")))
            await asyncio.to_thread(b.start)
            back = await come_back(chat, heard)
            return [*scenes, scene(chat, HEALED, back, written, heard)]


async def come_back(chat, heard):
    """Bob connects to B again, and hears what he has missed; returns the ways of that."""
    async with connect(chat.instances[1], "lobby", "bob", after=heard[-1]["seq"]) as bob:
        heard += [await next_event(bob) for _ in MEANWHILE]
        asked = await chat.request_flow("bob", "GET /ws", within=A_MOMENT)
        both = {"reaches": ["alice", "bob"], "within": A_MOMENT}
        flows = [await chat.flow(text, **both) for text in MEANWHILE]
    return ways_of(asked)[:1] + [way for flow in flows for way in ways_of(flow, is_on_return)]


def is_on_return(hop):
    return bool(hop.detail.get("on_return"))


async def write(socket, text):
    """Send a message, and wait until the sender has it back, stored."""
    await socket.send(frame("post", text=text))
    while (await next_event(socket))["text"] != text:
        pass


def scene(chat, caption, ways, written, heard, away=()):
    seen = {"alice": written, "bob": [event["text"] for event in heard]}
    figures = f"written {len(written)} · heard by Bob {len(heard)} · in the database {stored(chat)}"
    return Scene(caption, tuple(ways), seen, figures, away)


def stored(chat):
    """How many messages the database has, whatever the chat says of it."""
    with contextlib.closing(sqlite3.connect(chat.database)) as database:
        return database.execute("SELECT count(*) FROM chat_message").fetchone()[0]


def ways_of(flow, wanted=lambda hop: True):
    """(kind, from, to) of the hops that lead from one person or part to another, each once."""
    hops = [hop for hop in flow.without("redis").hops if wanted(hop) and not hop.lost]
    ways = [(hop.kind, part_of(hop.source), part_of(hop.target)) for hop in hops]
    return list(dict.fromkeys(way for way in ways if way[1] != way[2]))


def part_of(station):
    """Who, or what, in the film stands for a station of a flow."""
    kind = kind_of(station)
    return name_of(station) if kind == "client" else instance_of(station) or kind
