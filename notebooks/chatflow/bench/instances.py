"""chat_final on several instances and Redis shards: what the layer costs, and what it carries."""

import contextlib
import statistics

from ..tracing.flow import counted
from .measuring import WARM_SECONDS, watched
from .systems import chat_final, cpu_seconds

SHAPES = [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (3, 2)]
ROOMS, ROOM_CLIENTS, ROUNDS, SECONDS = 4, 100, 5, 3


async def measure(rounds=ROUNDS, seconds=SECONDS, server="daphne"):
    """Run them all alongside each other, and load them in turn; returns the facts to keep.

    A row for each shape, which is (instances, shards): medians over the rounds.
    """
    clients = ROOMS * ROOM_CLIENTS
    async with contextlib.AsyncExitStack() as stack:
        running = {}
        for instances, shards in SHAPES:
            starting = chat_final(server, clients, instances=instances, redis_shards=shards)
            running[instances, shards] = await stack.enter_async_context(starting)
        measured = {shape: [] for shape in running}
        for number in range(1, rounds + 1):
            print(f"Round {number} of {rounds} ...", flush=True)
            for shape, system in running.items():
                measured[shape].append(await load(system, seconds))
    rows = [[*shape, medians(each)] for shape, each in measured.items()]
    return {"server": server.title(), "rooms": ROOMS, "clients": clients, "rows": rows}


def medians(rounds):
    return {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}


async def load(system, seconds):
    """One writes in each room, as fast as it is answered; figures by name."""
    async with system.crowd() as crowd:
        # In blocks, so that each instance has sockets of each room.
        await crowd.connect([f"room-{n // ROOM_CLIENTS}" for n in range(ROOMS * ROOM_CLIENTS)])
        writers = crowd.clients[::ROOM_CLIENTS]
        await crowd.talk(WARM_SECONDS, writers)
        redis = cpu_seconds(system.redis)
        load, used = await watched(system, crowd.talk(seconds, writers))
        return {
            "rate": load.deliveries / load.seconds,
            "cpu_us": used * 1e6 / load.deliveries,
            "redis_us": (cpu_seconds(system.redis) - redis) * 1e6 / load.messages,
        }


def table(facts):
    head = [
        f"{facts['clients']} clients in {facts['rooms']} rooms, {facts['server']}",
        "deliveries/s",
        "CPU per delivery, µs",
        "Redis' CPU per message, µs",
    ]
    return head, [
        [
            f"{counted(instances, 'instance')}, {counted(shards, 'shard')}",
            f"{figures['rate']:,.0f}",
            f"{figures['cpu_us']:.1f}",
            f"{figures['redis_us']:.0f}",
        ]
        for instances, shards, figures in facts["rows"]
    ]


def in_words(facts):
    return (
        "All of them and the load share two cores, so these rows compare the work per delivery, "
        "and not how far it scales. Redis' work is that of all shards together."
    )
