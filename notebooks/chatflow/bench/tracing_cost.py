"""What tracing costs: the processor time of a delivered message, with it and without it."""

import asyncio
import statistics

import websockets

from ..clients.sockets import frame
from ..running.launcher import stage
from .systems import cpu_seconds

NUMBER, INSTANCES, CLIENTS, MESSAGES, ROUNDS = 6, 2, 20, 300, 7


async def measure():
    """Returns the facts to keep: µs of CPU per delivery without and with it, round by round."""
    async with (
        stage(NUMBER, instances=INSTANCES) as off,
        stage(NUMBER, instances=INSTANCES, trace=True) as on,
    ):
        await deliver(off)  # what is loaded and connected at the first message
        await deliver(on)
        rounds = [(await deliver(off), await deliver(on)) for _ in range(ROUNDS)]
    return {"instances": INSTANCES, "clients": CLIENTS, "messages": MESSAGES, "rounds": rounds}


def table(facts):
    head = [
        f"stage {NUMBER:02}, {facts['instances']} instances, {facts['clients']} clients in a room",
        "CPU per delivery, µs",
    ]
    names = "without tracing", "with tracing"
    return head, [
        [name, f"{statistics.median(costs):.0f}"]
        for name, costs in zip(names, zip(*facts["rounds"], strict=True), strict=True)
    ]


def in_words(facts):
    ratios = sorted(with_it / without for without, with_it in facts["rounds"])
    return (
        f"Tracing on and off in turn, {len(ratios)} rounds of {facts['messages']} messages each, "
        f"on Daphne; Redis' share included. The median of the ratios is "
        f"{statistics.median(ratios):.2f}; they go from {ratios[0]:.2f} to {ratios[-1]:.2f}."
    )


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
