"""chat_final while its parts are killed: nothing acknowledged is lost, nothing comes twice.

In the normal run each fault happens once, to a chat that is quicker to find out that somebody has
gone; `scripts/test.sh --faults` does each ten times to the chat as it ships, compares how long
messages take with and without it, and prints the table of `notebooks/faults.md`.
"""

import asyncio
import contextlib
import os
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from chatflow import Run, find_stage
from chatflow.bench.systems import make_headers
from chatflow.running import ports, postgres, servers
from chatflow.running.environment import OVERLAY
from final import harm as harmful
from final.harm import (
    LOOK_SECONDS,
    PATIENCE,
    PEOPLE,
    Conversation,
    Harm,
    connections,
    eventually,
    inside,
)
from helpers.missing import need

FINAL = find_stage("final").number
CYCLES = 10
SETTINGS = {"DJANGO_SETTINGS_MODULE": "faulty_settings", "PYTHONPATH": str(OVERLAY)}
# In the normal run. A slow reader is let go (4 s) before the kernel does it, or a missed ping.
HASTY = Path(__file__).with_name("hasty")
HASTY_SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "hasty_settings",
    "PYTHONPATH": os.pathsep.join([str(HASTY), str(OVERLAY)]),
    "HEAD_SECONDS": "2",
}
HASTY_PINGS = {"interval": "2", "timeout": "6"}
HASTY_STALLED_MS = 6_000
# Both servers in one fleet: whatever is true of one has to be true of the other.
FLEETS = {
    "pubsub": {"server": ["daphne", "uvicorn", "daphne"]},
    "queue": {"server": ["daphne", "uvicorn"], "redis_layer": "queue"},
    "postgres": {"server": ["daphne", "uvicorn"]},
}
# In the others' p99, at most.
TIMES = 3
# What an instance may hold more in the end: what Python and the C library keep for the next time.
MEGABYTES = 16


@dataclass
class Fault:
    """`spares_others`: it hits one client or one room, and nobody else should notice."""

    title: str
    do: Callable
    fleet: str = "pubsub"
    spares_others: bool = False
    text_length: int = harmful.TEXT_LENGTH


SLOW = {"spares_others": True, "text_length": 2_000}
FAULTS = [
    Fault("Redis is stopped, and started empty", harmful.redis_is_restarted),
    Fault("the same, queue layer", harmful.redis_is_restarted, "queue"),
    Fault("FLUSHALL, queue layer", harmful.redis_is_emptied, "queue"),
    Fault("Redis hangs for 8 s", harmful.redis_hangs),
    Fault("an instance is killed", harmful.instance_is_killed),
    Fault("all instances are restarted in turn", harmful.all_are_restarted),
    Fault("the database is locked for 2 s (SQLite)", harmful.database_is_locked),
    Fault("a room is locked for 2 s (PostgreSQL)", harmful.room_is_locked, "postgres", True),
    Fault("a reader stops reading (Daphne)", harmful.reader_of("daphne"), **SLOW),
    Fault("a reader stops reading (Uvicorn)", harmful.reader_of("uvicorn"), **SLOW),
    Fault("a client vanishes", harmful.client_vanishes, spares_others=True),
    Fault("a client floods", harmful.flood, spares_others=True),
    Fault("all come back at once", harmful.all_come_back_at_once),
    Fault("a clock is two minutes wrong, queue layer", harmful.clock_is_wrong, "queue"),
]


class Fleet:
    """A chat that runs, and the sessions of those who use it."""

    def __init__(self, run):
        self.run = run
        headers = make_headers(run, PEOPLE + 1)
        sessions = [each["Cookie"].removeprefix("sessionid=") for each in headers]
        self.sessions, self.harmful_session = sessions[:PEOPLE], sessions[PEOPLE]
        self.pids, self.warm = set(), None

    def note_programs(self):
        for program in self.run.files.programs:
            self.pids |= {program.pid, program.supervisor.pid}

    async def warm_up(self):
        """What is made with an instance's first sockets, and stays, is no growth."""
        pids = [instance.program.pid for instance in self.run.instances]
        if self.warm != pids:
            async with Conversation(self.run, self.sessions).going_on():
                pass
            await self.until_empty()
        self.warm = pids

    async def until_empty(self):
        def held():
            return [instance.name for instance in self.run.instances if connections(instance)]

        await eventually(lambda: not held(), lambda: f"{held()} hold connections of nobody")

    async def tasks(self):
        """{instance: its tasks, counted by name}, when nobody is there but us."""
        answers = {each.name: await inside(each) for each in self.run.instances}
        return {name: Counter(answer["tasks"]) for name, answer in answers.items()}

    async def until_no_more_than(self, before):
        """Return when no instance has a task that it had not before."""
        give_up_at = time.monotonic() + PATIENCE
        while more := [now - before[name] for name, now in (await self.tasks()).items()]:
            if not any(more):
                return
            assert time.monotonic() < give_up_at, f"there are still {more}"
            await asyncio.sleep(LOOK_SECONDS)

    def memory(self):
        """The most that an instance holds, in bytes."""
        return max(
            psutil.Process(instance.program.pid).memory_info().rss
            for instance in self.run.instances
        )


@pytest.fixture(scope="module")
def in_full(pytestconfig):
    return pytestconfig.getoption("--faults")


@pytest.fixture(scope="module")
def fleets(stage_folders, in_full):
    """Call it with a name of FLEETS."""
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        settings, started = SETTINGS, {}
        if not in_full:
            settings = HASTY_SETTINGS
            patch.setattr(ports, "STALLED_MS", HASTY_STALLED_MS)
            for server, flags in servers.FINAL_FLAGS.items():
                patch.setitem(servers.FINAL_FLAGS, server, hasty(flags))

        def get(name):
            if name not in started:
                started[name] = stack.enter_context(
                    fleet(name, folder=stage_folders.get(FINAL), settings=settings)
                )
            return started[name]

        yield get


def hasty(flags):
    """The same flags, with pings that come and are missed sooner."""
    return re.sub(r"ping-(\w+) \d+", lambda ping: f"ping-{ping[1]} {HASTY_PINGS[ping[1]]}", flags)


@contextlib.contextmanager
def fleet(name, **more):
    with contextlib.ExitStack() as stack:
        options = FLEETS[name] | more
        if more["settings"] is HASTY_SETTINGS:
            options["server"] = options["server"][:2]
        if name == "postgres":
            need("postgresql", postgres.find_binaries)
            server = stack.enter_context(postgres.server())
            options["database"] = server.new_database()
        run = Run(FINAL, **options)
        run.start()
        try:
            started = Fleet(run)
            yield started
            started.note_programs()
        finally:
            run.stop()
    left = [pid for pid in started.pids if psutil.pid_exists(pid)]
    assert not left, f"of all processes none should be left, but {left} are"


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.title)
async def test_after_a_fault_all_have_everything_once(fault, fleets, in_full, record_property):
    fleet = await asyncio.to_thread(fleets, fault.fleet)
    await fleet.warm_up()
    before, memory = await fleet.tasks(), fleet.memory()
    facts = await suffer(fault, fleet, in_full)
    await fleet.until_empty()
    await fleet.until_no_more_than(before)
    facts["memory_mb"] = (fleet.memory() - memory) / 1e6
    record_property("fault", (FAULTS.index(fault), facts))
    assert facts["memory_mb"] < MEGABYTES
    if facts["others_p99"] is not None:
        assert facts["others_p99"] < TIMES, "those in another room should hardly notice"


async def suffer(fault, fleet, in_full):
    """Have a conversation and the fault in it, once or CYCLES times; returns the facts.

    Before each fault all is calm for a while. Only in full is that long enough to compare with.
    """
    cycles, calm, flood = (CYCLES, 2, 5) if in_full else (1, 0.5, 2)
    conversation = Conversation(fleet.run, fleet.sessions, fault.text_length)
    harm, apart = Harm(fleet.run, conversation, fleet.harmful_session, flood), []
    async with conversation.going_on():
        for harm.cycle in range(cycles):
            conversation.begin("calm")
            await asyncio.sleep(calm)
            conversation.begin("fault")
            await fault.do(harm)
            apart.append(await conversation.come_together())
            judged = conversation.judge()
            assert (judged["lost"], judged["twice"]) == (0, 0), f"in cycle {harm.cycle}: {judged}"
            fleet.note_programs()
        ends = sum((Counter(guest.ends) for guest in conversation.guests), harm.ends)
    return {
        "title": fault.title,
        "cycles": cycles,
        **judged,
        "seconds_to_converge": {"median": statistics.median(apart), "most": max(apart)},
        "ends": {str(code): count for code, count in sorted(ends.items())},
        "others_p99": conversation.others_p99() if in_full and fault.spares_others else None,
    }
