"""`scripts/compare.sh layers`: what each channel layer does, each cell by real processes.

From outside: `column`, all that is seen of one layer, `ROWS`, and `run`.
"""

import asyncio

from websockets import InvalidStatus

from ...basics.errors import LaunchError
from ...running.launcher import stage
from ...running.layers import find_layer, layers
from ...running.layers.environments import version_of
from .. import tables
from . import cost, probes, refused, stage_probes
from .members import members

# Each row's key, and what it says, by what heads them; in the order of the table.
GROUPS = {
    "Two processes": {
        "stage_6": "stage 06 runs on it, unchanged",
        "crosses": "crosses processes",
        "largest": "largest of 1, 10, 40 MB, reader is busy",
    },
    "Many messages": {
        "burst": "500 messages, a reader is busy: it finds",
        "order": "order of what it finds",
        "gathered": "500 at once, three read: they hear",
        "twice": "one of these comes twice",
        "full": "send(): a reader is busy, 30 for 10 places",
        "capacity": "group_send(): the same",
    },
    "Time, and other processes": {
        "expiry": "a message older than expiry is",
        "group_expiry": "after group_expiry a member is",
        "idle": "a socket idle for 8 s",
        "foreign": "taken out by another process, it is",
        "cancelled": "what follows a receive() with timeout",
        "workers": "600 jobs, two workers: each done",
    },
    "The broker is restarted": {
        "restart": "a socket after the broker's restart",
        "new_socket": "a new socket after that",
        "away": "who sends meanwhile gets",
    },
    "What becomes of values": {
        "int_key": "{1: …} comes with a key of type",
        "true_key": "{True: …} comes with a key of type",
        "tuple": "(1, 2) comes as",
        "bytes": "bytes come as",
        "datetime": "a datetime comes as",
    },
    "Cost": {"cpu": "CPU per delivery, to redis-queue"},
}
ROWS = {key: title for rows in GROUPS.values() for key, title in rows.items()}
MEANS = {
    "largest": "Redis and Valkey cut off a pub/sub reader that is 32 MB behind, and the layer says "
    "nothing of it.",
    "burst": "A busy consumer misses what is more than `capacity`, where the layer has one, "
    "and nobody is told.",
    "group_expiry": "Where it is out, a socket stays open and deaf after `group_expiry`, a day if "
    "you set nothing: join again from time to time.",
    "foreign": "Where it is still in, only a socket's own process can take it out of a room.",
    "cancelled": "Where it is lost, do not put `receive()` into `wait_for()`.",
    "workers": "For jobs that must not be lost or done twice, see notebook 15b.",
    "new_socket": "A socket that is closed comes back. One that is open and deaf is lost, and "
    "nobody notices.",
    "int_key": "Send what JSON can write: dicts with text as keys, lists, text, numbers, None.",
}
# What is measured, and so may be another word on another day.
MEASURED = {"cpu"}
# A layer that cannot be started, or does not let anybody in.
FAILS = (LaunchError, InvalidStatus)
# In one process after the other, each alone; and those that wait for a time to be over, at once.
IN_TURN = ["burst", "gathered", "foreign", "cancelled", "types"]
LIMITS = {
    "capacity": probes.CAPACITY,
    "expiry": probes.EXPIRY_SECONDS,
    "group_expiry": probes.EXPIRY_SECONDS,
}


async def column(name, reference=None):
    """{row: word} of one layer. `reference` is the Meter of the layer that costs are told by."""
    async with (
        stage(6, layer=name, instances=2) as chat,
        members(chat, 6, "plain") as plain,
        members(chat, 2, "tight", **LIMITS) as tight,
        members(chat, 3, "jobs", capacity=probes.JOBS) as jobs,
    ):
        seen = {"crosses": await probes.crosses(probes.Pair(plain[0], plain[1]))}
        is_shared = seen["crosses"] == "yes"
        spare = plain[2:4] if is_shared else [plain[0]] * 2
        pair = probes.Pair(plain[0], plain[is_shared], spare=spare)
        await asyncio.gather(*(member.do("rest") for member in plain[:2]))
        found = [in_turn(pair), limits(tight, is_shared), stage_probes.sockets(chat)]
        found += [of_jobs(jobs), heavy(probes.Pair(plain[4], plain[4 + is_shared]))]
        # A file that all write to would be busy with one probe while another one waits.
        together = (each_alone if chat.layer.broker == "file" else asyncio.gather)(*found)
        for told in await together:
            seen |= told
        if reference:
            meter = cost.Meter(chat, pair)
            seen["cpu"] = await probes.word_of(cost.ratio, meter, reference)
        seen |= await stage_probes.restarted(chat, pair)
    return seen


async def each_alone(*probes):
    return [await probe for probe in probes]


async def of_jobs(members):
    sender, *workers = members
    return {"workers": await probes.word_of(probes.workers, probes.Pair(sender, sender, workers))}


async def heavy(pair):
    return {"largest": await probes.word_of(probes.largest, pair)}


async def in_turn(pair):
    seen = {}
    for name in IN_TURN:
        told = await probes.word_of(getattr(probes, name), pair)
        seen |= told if isinstance(told, dict) else {name: told}
        await pair.rest()
    return seen


async def limits(members, is_shared):
    """The rows for which capacity is 10, and all that expires does so in 3 seconds."""
    first, second = members
    there = probes.Pair(first, members[is_shared])
    back = probes.Pair(second, members[not is_shared])
    seen = {}
    for name in ("full", "capacity"):
        seen[name] = await probes.word_of(getattr(probes, name), there)
        await there.rest()
    waiting = probes.word_of(probes.expiry, there), probes.group_expiry(back)
    seen["expiry"], seen["group_expiry"] = await asyncio.gather(*waiting)
    return seen


def rows(columns):
    """The rows of a table, from {layer: {row: word}}."""
    return [
        {
            "key": key,
            "group": group,
            "title": title,
            "cells": {name: columns[name][key] for name in columns},
            **({"means": MEANS[key]} if key in MEANS else {}),
        }
        for group, titles in GROUPS.items()
        for key, title in titles.items()
    ]


def run(options):
    """Measure all layers, print their table and keep it, if that is asked for."""
    columns, left_out = asyncio.run(measure())
    facts = tables.gathered(columns, rows(columns), ["django", "channels", "daphne", "redis"])
    facts["versions"] |= {
        find_layer(name).package: version_of(find_layer(name)) for name in columns
    }
    facts["left_out"] = left_out
    tables.report("layers", facts, options.keep)
    for name, why in left_out.items():
        print(f"{name}: {why}")


async def measure():
    """({layer: {row: word}}, {layer that cannot be had: why})."""
    columns, left_out = {}, await refused.reasons()
    async with cost.reference() as reference:
        for name in layers():
            try:
                columns[name] = await column_or_again(name, reference)
            except FAILS as error:
                left_out[name] = str(error)
            print(f"{name}: {columns.get(name) or left_out[name]}", flush=True)
    return columns, left_out


async def column_or_again(name, reference):
    """A column; a layer that fails, as one whose file is locked, is tried once more."""
    try:
        return await column(name, reference)
    except FAILS as error:
        print(f"{name}: {error}; it is tried again.", flush=True)
        return await column(name, reference)


# --- for the page and the README ------------------------------------------------------------------


def having(facts, key, word):
    """The layers that have this word in a row."""
    [row] = tables.only(facts, key)["rows"]
    return [column for column in facts["columns"] if row["cells"][column] == word]


def in_words(facts):
    others = " ".join(f"*{name}*: {why}" for name, why in facts["left_out"].items())
    return f"These were installed and tried, too, and do not carry a message: {others}"


def in_a_line(facts):
    """What surprises most."""
    across, once = having(facts, "crosses", "yes"), having(facts, "workers", "once")
    deaf = " and ".join(having(facts, "new_socket", "deaf"))
    return (
        f"Of {len(across)} that cross processes, {len(once)} give each job to one of two workers, "
        f"once. After a restart of its broker, the layer {deaf} lets people in and tells them "
        "nothing."
    )
