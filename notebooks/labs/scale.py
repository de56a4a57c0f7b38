"""Notebook 11: what a message is to the layer, and short measurements of what it costs."""

import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from chatflow import stage
from chatflow.bench import profiling
from chatflow.bench.measuring import cost_of_turns
from chatflow.bench.systems import chat_final, tutorial
from chatflow.clients.sockets import connect
from chatflow.running.servers import ASGI_SERVERS

from .finished import AT_A, AT_B

SMALL, CLIENTS, LARGE = 20, 100, 200
SECONDS = 0.5


async def six_in_06(text, layer):
    """The same six as in notebook 10, on a Redis layer of stage 06; the flow of Alice's message."""
    async with stage(6, instances=2, trace=True, redis_layer=layer) as chat, AsyncExitStack() as on:
        sockets = []
        for instance, names in zip(chat.instances, (AT_A, AT_B), strict=True):
            for name in names:
                sockets.append(await on.enter_async_context(connect(instance, "six", name)))
        await sockets[0].send(f'{{"type": "post", "author": "alice", "text": "{text}"}}')
        return await chat.flow(text, reaches=[*AT_A, *AT_B])


async def cost(system, clients=CLIENTS):
    """µs of CPU per delivery, with everybody in one room."""
    async with system.crowd() as crowd:
        await crowd.connect([f"room-of-{clients}"] * clients)
        await crowd.take_turns(SECONDS / 2)  # what is loaded and connected at the first messages
        return (await cost_of_turns(system, crowd, SECONDS))["cpu_us"]


@asynccontextmanager
async def under_each_server():
    """One chat_final with an instance under each server: {server: System}, and a path.

    A `profile` of one of them is written to that path.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "profile"
        options = {"server": ASGI_SERVERS, "settings": profiling.settings(path)}
        async with chat_final(users=LARGE, **options) as system:
            yield {name: system.only(number) for number, name in enumerate(ASGI_SERVERS)}, path


async def growth(system):
    """What a delivery costs in the large room, divided by what it costs in the small one."""
    return await cost(system, LARGE) / await cost(system, SMALL)


async def growth_of_the_tutorial():
    async with tutorial("uvicorn", "pubsub") as system:
        return await growth(system)
