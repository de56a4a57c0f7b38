"""One message to a room of 200: what it costs chat_final, and what it costs other systems."""

import contextlib
import statistics
from functools import partial

from ..basics.errors import MissingError
from .measuring import WARM_SECONDS, cost_of_turns, idle_connections, print_table
from .systems import (
    bare_loop,
    broadcast,
    socketio_node,
    socketio_python,
    tutorial,
    tutorial_and_final,
)

CLIENTS, ROUNDS, SECONDS = 200, 5, 3
# So many write at once where it should be as many deliveries per second as possible.
WRITERS = 4
IDLE = 1000

SYSTEMS = {
    "tutorial_queue": partial(tutorial, "daphne", "queue"),
    **tutorial_and_final(IDLE),
    "socketio_python": socketio_python,
    "socketio_node": socketio_node,
    "bare_daphne": partial(bare_loop, "daphne"),
    "bare_uvicorn": partial(bare_loop, "uvicorn"),
    "baseline": broadcast,
}
# A server is compared with the tutorial on the same one; what has none of its own, on Uvicorn.
ON_DAPHNE = ("tutorial_queue", "tutorial_daphne", "final_daphne", "bare_daphne")

# What is printed of each figure: its column, and how many decimals.
FIGURES = {
    "cpu_us": ("CPU per delivery, µs", 1),
    "rate": ("deliveries/s", 0),
    "p50_ms": ("p50, ms", 1),
    "p99_ms": ("p99, ms", 1),
    "memory_kb": ("KB per idle connection", 1),
}


async def measure(rounds=ROUNDS, seconds=SECONDS, keys=tuple(SYSTEMS)):
    """Run all systems alongside each other, and load them in turn; returns the facts to keep."""
    async with contextlib.AsyncExitStack() as stack:
        running = {}
        for key in keys:
            try:
                running[key] = await stack.enter_async_context(SYSTEMS[key]())
            except MissingError as error:
                print(error, flush=True)
        memory = {}
        for key, system in running.items():
            async with idle_connections(system, IDLE) as kilobytes:
                memory[key] = {"memory_kb": kilobytes}
        measured = []
        for number in range(1, rounds + 1):
            print(f"Round {number} of {rounds} ...", flush=True)
            room = f"round-{number}"
            measured.append(
                {key: memory[key] | await load(running[key], room, seconds) for key in running}
            )
    return {
        "clients": CLIENTS,
        "names": {key: system.name for key, system in running.items()},
        "figures": {key: figures_of(key, measured) for key in running},
        "ratios": {key: ratios_of(key, measured) for key in running},
        "shares": {key: max(each[key]["own_share"] for each in measured) for key in running},
    }


async def load(system, room_name, seconds):
    async with system.crowd() as crowd:
        await crowd.connect([room_name] * CLIENTS)
        await crowd.take_turns(WARM_SECONDS)
        figures = await cost_of_turns(system, crowd, seconds)
        talk = await crowd.talk(seconds / 2, crowd.clients[:WRITERS])
        return figures | {"rate": talk.deliveries / talk.seconds}


def figures_of(key, measured):
    """{figure: its median over the rounds}."""
    return {name: statistics.median(each[key][name] for each in measured) for name in FIGURES}


def ratios_of(key, measured):
    """{"tutorial" or "baseline": {figure: median of the ratios within each round}}."""
    server = "daphne" if key in ON_DAPHNE else "uvicorn"
    return {
        what: {
            name: statistics.median(each[key][name] / each[peer][name] for each in measured)
            for name in FIGURES
        }
        for what, peer in (("tutorial", f"tutorial_{server}"), ("baseline", "baseline"))
    }


def table(facts):
    """The head and the rows of the figures, in words."""
    titles = [title for title, _ in FIGURES.values()]
    what = f"{facts['clients']} clients in a room"
    head = [what, titles[0], "÷ tutorial", "÷ baseline", *titles[1:]]
    rows = []
    for key, figures in facts["figures"].items():
        words = [f"{figures[name]:,.{digits}f}" for name, (_, digits) in FIGURES.items()]
        ratios = facts["ratios"][key]
        to_tutorial, to_baseline = (ratios[what]["cpu_us"] for what in ("tutorial", "baseline"))
        cost = [words[0], f"{to_tutorial:.2f}", f"{to_baseline:.1f}"]
        rows.append([facts["names"][key], *cost, *words[1:]])
    return head, rows


def print_more(facts):
    """All figures as ratios, and how much of a core the load took."""
    for what in ("tutorial", "baseline"):
        head = [f"÷ {what}", *(title.split(",")[0] for title, _ in FIGURES.values())]
        rows = [
            [facts["names"][key], *(f"{ratios[what][name]:.2f}" for name in FIGURES)]
            for key, ratios in facts["ratios"].items()
        ]
        print()
        print_table(head, rows)
    shares = [f"{facts['names'][key]} {share:.0%}" for key, share in facts["shares"].items()]
    print(f"\nThe load's own share of a core: {', '.join(shares)}.")


def in_words(facts):
    figures = facts["figures"]
    daphne, uvicorn = to_the_tutorial(facts)
    socketio = figures["final_uvicorn"]["cpu_us"] / figures["socketio_python"]["cpu_us"]
    bare = {key: figures[f"bare_{key}"]["cpu_us"] for key in ("daphne", "uvicorn")}
    return (
        f"A delivery costs chat_final {daphne:.2f} of what it costs the tutorial on Daphne, and "
        f"{uvicorn:.2f} on Uvicorn, where it is {socketio:.2f} of python-socketio's. That includes "
        f"storing and acknowledging the message; no other system here stores anything. "
        f"{bare['daphne']:.1f} and {bare['uvicorn']:.1f} µs of it are the servers' own: that is "
        f"what a plain loop that only sends costs, with no chat at all."
    )


def in_a_line(facts):
    daphne, uvicorn = to_the_tutorial(facts)
    return (
        f"In a room of {facts['clients']}, delivering a message costs chat_final {uvicorn:.2f} of "
        f"the CPU time that the Channels tutorial needs on Uvicorn, and {daphne:.2f} on Daphne."
    )


def to_the_tutorial(facts):
    """chat_final's CPU time per delivery as a ratio to the tutorial's: on Daphne, on Uvicorn."""
    ratios = facts["ratios"]
    return [ratios[f"final_{server}"]["tutorial"]["cpu_us"] for server in ("daphne", "uvicorn")]
