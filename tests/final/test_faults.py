"""chat_final while its parts are killed: nothing acknowledged is lost, nothing comes twice.

In the normal run each fault happens once; `scripts/test.sh --faults` does each ten times, compares
how long messages take with and without it, and prints the table of `notebooks/faults.md`.
"""

import asyncio
import contextlib
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psutil
import pytest

from chatflow import Run, find_stage
from chatflow.basics.errors import MissingError
from chatflow.bench.systems import make_headers
from chatflow.running import postgres
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
from helpers.missing import leave_out

FINAL = find_stage("final").number
CYCLES = 10
# Before each fault, to compare with.
CALM_SECONDS = 2
SETTINGS = {"DJANGO_SETTINGS_MODULE": "faulty_settings", "PYTHONPATH": str(OVERLAY)}
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


FAULTS = [
    Fault("Redis is stopped, and started empty", harmful.redis_is_restarted),
    Fault("the same, queue layer", harmful.redis_is_restarted, "queue"),
    Fault("FLUSHALL, queue layer", harmful.redis_is_emptied, "queue"),
    Fault("Redis hangs for 8 s", harmful.redis_hangs),
    Fault("an instance is killed", harmful.instance_is_killed),
    Fault("all instances are restarted in turn", harmful.all_are_restarted),
    Fault("the database is locked for 2 s (SQLite)", harmful.database_is_locked),
    Fault(
        "a room is locked for 2 s (PostgreSQL)",
        harmful.room_is_locked,
        "postgres",
        spares_others=True,
    ),
    *(
        Fault(
            f"a reader stops reading ({server.title()})",
            partial(harmful.reader_stops, server=server),
            spares_others=True,
            text_length=2_000,
        )
        for server in ("daphne", "uvicorn")
    ),
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
        self.pids = set()

    def note_programs(self):
        for program in self.run.files.programs:
            self.pids |= {program.pid, program.supervisor.pid}

    async def warm_up(self):
        """What is made with the first sockets, and stays, is no growth."""
        async with Conversation(self.run, self.sessions).going_on():
            pass
        await self.until_empty()

    async def until_empty(self):
        def held():
            return [instance.name for instance in self.run.instances if connections(instance)]

        await eventually(lambda: not held(), lambda: f"{held()} hold connections of nobody")

    async def tasks(self):
        """{instance: its tasks, counted by name}, when nobody is there but who asks."""
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
def fleets(stage_folders):
    """Call it with a name of FLEETS."""
    with contextlib.ExitStack() as stack:
        started = {}

        def get(name):
            if name not in started:
                started[name] = stack.enter_context(fleet(name, stage_folders.get(FINAL)))
            return started[name]

        yield get


@contextlib.contextmanager
def fleet(name, folder):
    with contextlib.ExitStack() as stack:
        options = FLEETS[name]
        if name == "postgres":
            try:
                server = stack.enter_context(postgres.server())
            except MissingError as error:
                leave_out("postgresql", error)
            options = options | {"database": server.new_database()}
        run = Run(FINAL, folder=folder, settings=SETTINGS, **options)
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
async def test_after_a_fault_all_have_everything_once(fault, fleets, pytestconfig, record_property):
    in_full = pytestconfig.getoption("--faults")
    fleet = await asyncio.to_thread(fleets, fault.fleet)
    await fleet.warm_up()
    before, memory = await fleet.tasks(), fleet.memory()
    facts = await suffer(fault, fleet, cycles=CYCLES if in_full else 1)
    await fleet.until_empty()
    await fleet.until_no_more_than(before)
    facts["memory_mb"] = (fleet.memory() - memory) / 1e6
    record_property("fault", (FAULTS.index(fault), facts))
    assert facts["memory_mb"] < MEGABYTES
    if in_full and fault.spares_others:
        assert facts["others_p99"] < TIMES, "those in another room should hardly notice"


async def suffer(fault, fleet, cycles):
    """Have a conversation and the fault in it so many times; returns the facts."""
    conversation = Conversation(fleet.run, fleet.sessions, fault.text_length)
    harm, apart = Harm(fleet.run, conversation, fleet.harmful_session), []
    async with conversation.going_on():
        for harm.cycle in range(cycles):
            conversation.begin("calm")
            await asyncio.sleep(CALM_SECONDS)
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
        "others_p99": conversation.others_p99() if fault.spares_others else None,
    }
