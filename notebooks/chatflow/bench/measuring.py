"""What is measured of a system, and how the figures are printed and kept."""

import contextlib
import json
import os
import platform
import sys

from ..basics.catalog import ROOT

# What was measured when performance.md and faults.md were written; they show these figures only.
KEPT = ROOT / "notebooks" / "measured"
# So many clients share a room, where there are more than one room is meant to hold.
ROOM_SIZE = 50
WARM_SECONDS = 0.5


def describe_machine():
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {system}, Python {platform.python_version()}"


async def cost_of_turns(system, crowd, seconds):
    """Figures by name, one message under way at a time; `own_share` is what the load took."""
    load, used = await watched(system, crowd.take_turns(seconds))
    return {
        "cpu_us": used * 1e6 / load.deliveries,
        "p50_ms": load.quantile(0.5) * 1e3,
        "p99_ms": load.quantile(0.99) * 1e3,
        "own_share": load.own_share,
    }


async def watched(system, loading):
    """Await a load; returns it, and the seconds of CPU that the system has used meanwhile."""
    before = system.cpu_seconds()
    load = await loading
    return load, system.cpu_seconds() - before


@contextlib.asynccontextmanager
async def idle_connections(system, count):
    """Hold so many, in rooms of ROOM_SIZE; yields the KB that the server holds for each."""
    async with system.crowd() as crowd:
        await crowd.connect(["warm"] * ROOM_SIZE)  # what is made with the first ones, and stays
    async with system.crowd() as crowd:
        before = system.memory()
        await crowd.connect([f"idle-{number // ROOM_SIZE}" for number in range(count)])
        yield (system.memory() - before) / 1024 / count


def print_table(head, rows):
    """Rows of words, in columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        cells = [word.rjust(width) for word, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *cells]), flush=True)


def keep(verb, command, **facts):
    """Keep what was measured, for the pages that `report` writes."""
    KEPT.mkdir(exist_ok=True)
    told = {"command": command, "machine": describe_machine(), **facts}
    path = KEPT / f"{verb}.json"
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    print(f"Kept in {path.relative_to(ROOT)}.", file=sys.stderr)


def kept(verb):
    return json.loads((KEPT / f"{verb}.json").read_text())
