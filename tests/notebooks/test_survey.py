"""Measuring all stages on whatever machine: few at a time, and never all for nothing."""

import asyncio
import re
import subprocess
from types import SimpleNamespace

import pytest

from chatflow import capabilities, find_stage, stages
from chatflow.lesson import notebooks
from chatflow.probing import matrix, survey
from chatflow.probing.capabilities import PROBES
from chatflow.probing.survey import AT_LEAST, Survey, at_a_time

SAYS_NOTHING = "says nothing within 60 s"
# In place of the first notebook's servers: stages that answer at once, but for 7, which does not
# start, and a probe at 5 that hangs.
STAND_IN = """
from types import SimpleNamespace
import contextlib
from chatflow.probing import race as racing
from chatflow.probing.capabilities import PROBES
from chatflow.basics.errors import LaunchError

def stand_in(key):
    async def probe(chat):
        if (chat.stage.number, key) == (5, "live"):
            raise TimeoutError("SAYS_NOTHING")
        return chat.stage.can[key]
    return probe

PROBES.update({key: stand_in(key) for key in capabilities()})

@contextlib.asynccontextmanager
async def stand_in_stage(number, instances, trace):
    if number == 7:
        raise LaunchError("Stage 7 did not start.\\nIts last lines")
    ended = SimpleNamespace(program=SimpleNamespace(poll=lambda: 0))
    facts = {"stage": find_stage(number), "worker": None, "processes": lambda: [ended] * instances}
    yield SimpleNamespace(**facts)

async def send(race, chat):
    number = chat.stage.number
    names = {1: [], 2: ["bob"], 3: ["bob"], 4: [], 5: ["bob"]}.get(number, ["bob", "carol"])
    race.heard[number] = "WebSocket", names

racing.stage, racing.Race.send = stand_in_stage, send
""".replace("SAYS_NOTHING", SAYS_NOTHING)


@pytest.fixture
def answers(monkeypatch):
    """{(stage number, capability): what is raised}; all other probes find what steps.toml says."""
    errors = {}

    def stand_in(key):
        async def probe(chat):
            await asyncio.sleep(0)
            if error := errors.get((chat.stage.number, key)):
                raise error
            return chat.stage.can[key]

        return probe

    for key in PROBES:
        monkeypatch.setitem(PROBES, key, stand_in(key))
    return errors


async def take(found, show=None, fails=None):
    """Measure all stages; number `fails` does not start."""

    async def visit(number):
        if number == fails:
            raise OSError("no room\nfor it")
        await found.measure(SimpleNamespace(stage=find_stage(number)))

    await found.take(visit, show)
    return found


def a_machine(monkeypatch, cores, load):
    monkeypatch.setattr(survey.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(survey.os, "getloadavg", lambda: (load, 0, 0))


@pytest.mark.parametrize(
    ("cores", "load", "at_once"),
    [(2, 0.0, 4), (2, 6.0, AT_LEAST), (1, 0.0, AT_LEAST), (8, 0.5, 15), (8, 5.0, 6)],
)
def test_as_many_at_a_time_as_there_are_cores_with_nothing_to_do(monkeypatch, cores, load, at_once):
    a_machine(monkeypatch, cores, load)
    assert at_a_time() == at_once


async def test_no_more_stages_run_at_once_than_the_machine_bears(monkeypatch):
    a_machine(monkeypatch, cores=2, load=0.0)
    running, most = set(), []

    async def visit(number):
        running.add(number)
        most.append(len(running))
        for _ in range(5):
            await asyncio.sleep(0)
        running.remove(number)

    await Survey().take(visit)
    assert max(most) == 4
    assert len(most) == len(stages()), "each should have its turn"


def test_the_stage_with_most_to_try_begins_early():
    assert Survey([1, 2, 5, 10]).order() == [1, 10, 2, 5]
    assert Survey([4]).order() == [4]


async def test_what_is_measured_is_the_matrix_and_progress_is_seen_from_the_first_second(answers):
    shown = []
    found = await take(Survey(), lambda survey: shown.append((survey.table(), survey.progress)))
    assert found.measured == {stage.number: stage.can for stage in stages()}
    [first, progress], [last, nothing] = shown[0], shown[-1]
    total = len(stages()) * len(capabilities())
    assert progress.startswith(f"0 of {total} cells"), "before anything has answered"
    assert "…" in first, "cells that are still open"
    assert last == found.table() == matrix.table(), "the same on every machine"
    assert nothing == "", "it is over"


async def test_probe_that_fails_is_a_cell_with_its_reason_below(answers):
    answers[5, "another_process"] = subprocess.TimeoutExpired(["manage.py", "say"], 60)
    answers[6, "live"] = ValueError("one line\nand a traceback of two screens")
    found = await take(Survey())
    assert found.measured[5]["another_process"] == found.measured[6]["live"] == "?"
    assert found.measured[5]["live"] == "yes", "the others are what they are"
    table, *reasons = found.table().split("\n\n")
    assert table.count("?") == 2
    assert reasons == [
        "? stage 5, another process can post into a room: "
        "TimeoutExpired: Command '['manage.py', 'say']' timed out after 60 seconds",
        "? stage 6, another reader sees a message without reloading: ValueError: one line",
    ]


async def test_stage_that_does_not_start_is_a_column_with_its_reason_below(answers):
    found = await take(Survey([1, 2]), fails=2)
    assert set(found.measured[2].values()) == {"?"}
    assert found.measured[1] == find_stage(1).can
    assert found.table().endswith("\n\n? stage 2, all the rest: OSError: no room")


async def test_first_notebook_goes_on_where_a_stage_and_a_probe_fail(tmp_path):
    # Only here: it takes seconds, as findings/nbformat_builds_39_parsers.sh shows.
    import nbformat

    first = notebooks.read(notebooks.FOLDER / "00_start_here.ipynb")
    sources = [cell.source for cell in first.cells if cell.cell_type == "code"]
    begin, end = (
        [text in source for source in sources].index(True)
        for text in ("my_guess = ", "each ended with its block")
    )
    cells = [sources[0], STAND_IN, *sources[begin : end + 1]]
    changed = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    nbformat.write(changed, tmp_path / "first.ipynb")
    done = await asyncio.to_thread(notebooks.execute, tmp_path / "first.ipynb")
    [shown] = [output.data for cell in done.cells for output in cell.outputs if is_race(output)]
    reasons = [
        f"? stage 5, another reader sees a message without reloading: TimeoutError: {SAYS_NOTHING}",
        "? stage 7, all the rest: LaunchError: Stage 7 did not start.",
    ]
    html = shown["text/html"]
    assert re.findall("<p>(.*?)</p>", html) == reasons
    assert html.count(">?</td>") == 1 + len(capabilities()), "a cell, and a column"
    assert "07 A background worker: broke off: LaunchError" in html, "and its lane"
    assert shown["text/plain"].endswith("\n\n".join(reasons))


def is_race(output):
    return "text/html" in output.get("data", {})
