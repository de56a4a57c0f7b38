"""What tracing costs: the processor time of a delivered message, with it and without it."""

import asyncio
import statistics

import websockets

from ..clients.sockets import frame
from ..running.launcher import stage
from .systems import cpu_seconds

NUMBER, INSTANCES, CLIENTS, MESSAGES, ROUNDS = 6, 2, 20, 300, 7


async def compare():
    """Print the ratio of CPU per delivery, traced to untraced: median of interleaved rounds."""
    print(f"stage {NUMBER:02}, {INSTANCES} instances, {CLIENTS} clients in a room, on Daphne")
    print(f"{ROUNDS} rounds of {MESSAGES} messages each, on and off in turn; with Redis' share")
    async with (
        stage(NUMBER, instances=INSTANCES) as off,
        stage(NUMBER, instances=INSTANCES, trace=True) as on,
    ):
        await deliver(off)  # what is loaded and connected at the first message
        await deliver(on)
        rounds = [(await deliver(off), await deliver(on)) for _ in range(ROUNDS)]
    for number, (without, with_it) in enumerate(rounds, 1):
        print(f"  round {number}: off {without:.0f} µs, on {with_it:.0f} µs per delivery")
    ratio = statistics.median(with_it / without for without, with_it in rounds)
    print(f"tracing on / off, CPU per delivered message: {ratio:.2f} (median)")


async def deliver(run):
    """Post messages one after another to everybody; returns the servers' µs of CPU per delivery."""
    names = [f"client-{number}" for number in range(CLIENTS)]
    sockets = [
        await websockets.connect(
            f"{run.instances[number % INSTANCES].ws_url}/ws/chat/bench/", user_agent_header=name
        )
        for number, name in enumerate(names)
    ]
    programs = [each.program for each in [*run.instances, *run.redis]]
    before = cpu_seconds(programs)
    for number in range(MESSAGES):
        await sockets[0].send(frame("post", author=names[0], text=f"message {number}"))
        await asyncio.gather(*(socket.recv() for socket in sockets))
    used = cpu_seconds(programs) - before
    await asyncio.gather(*(socket.close() for socket in sockets))
    return used * 1e6 / (MESSAGES * CLIENTS)
