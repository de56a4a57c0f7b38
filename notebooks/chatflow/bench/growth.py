"""How the cost of a delivery grows with the room."""

import statistics

from .measuring import WARM_SECONDS, cost_of_turns
from .systems import tutorial_and_final

SIZES = (50, 200, 800, 2000)
SYSTEMS = tutorial_and_final(max(SIZES))
ROUNDS, SECONDS = 3, 3


async def measure(rounds=ROUNDS, seconds=SECONDS, sizes=SIZES, keys=tuple(SYSTEMS)):
    """Returns the facts to keep: µs of CPU per delivery by system and size, medians."""
    names, costs = {}, {}
    for key in keys:
        async with SYSTEMS[key]() as system:
            names[key] = system.name
            print(f"{system.name} ...", flush=True)
            each = [await one_round(system, n, sizes, seconds) for n in range(rounds)]
        costs[key] = {str(size): statistics.median(costs[size] for costs in each) for size in sizes}
    return {"names": names, "costs": costs}


async def one_round(system, number, sizes, seconds):
    """{clients in the room: µs of CPU per delivery}."""
    costs = {}
    for size in sizes:
        async with system.crowd() as crowd:
            await crowd.connect([f"grows-{number}-{size}"] * size)
            await crowd.take_turns(WARM_SECONDS)
            costs[size] = (await cost_of_turns(system, crowd, seconds))["cpu_us"]
    return costs


def table(facts):
    sizes = list(next(iter(facts["costs"].values())))
    head = ["CPU per delivery, µs; clients in the room:", *sizes, f"{sizes[-1]} ÷ {sizes[0]}"]
    return head, [
        [
            facts["names"][key],
            *(f"{cost:.1f}" for cost in by_size.values()),
            f"{growth(by_size):.2f}",
        ]
        for key, by_size in facts["costs"].items()
    ]


def growth(by_size):
    costs = list(by_size.values())
    return costs[-1] / costs[0]


def in_words(facts):
    return (
        "Each of the tutorial's sockets has a channel of its own, and the layer works for each of "
        "them. In chat_final, all who hear a message share the cost of what is done once for it."
    )
