"""The measurements of `scripts/bench.sh`: that they measure, not how fast anything is."""

import asyncio
import contextlib
import itertools
import json
import re
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import websockets

from chatflow.basics.errors import LaunchError, MissingError
from chatflow.bench import __main__ as bench
from chatflow.bench import (
    capacity,
    charts,
    fanout,
    growth,
    here,
    load,
    measuring,
    practising,
    report,
    systems,
)
from chatflow.bench.load import BARE, Crowd
from chatflow.bench.systems import chat_final
from chatflow.clients.traffic import Count
from chatflow.practice.checking import check

# --- the load -----------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def serving(answer):
    """A server that sends the number-th frame to all that are in `answer(connections, number)`."""
    connections, numbers = [], itertools.count()

    async def serve(connection):
        connections.append(connection)
        try:
            async for text in connection:
                for receiver in answer(connections, next(numbers)):
                    websockets.broadcast([receiver], text)
        finally:
            connections.remove(connection)

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def pass_on(connections, number):
    return connections


def cut_the_first_off(connections, number):
    yield from connections
    if number == 2:
        connections[0].transport.abort()


# Who is sent which frame, where something goes wrong with the third.
FAULTS = {
    "lose it": lambda everybody, number: everybody[number == 2 :],
    "say it twice": lambda everybody, number: everybody + everybody[: number == 2],
    "say it twice to one, and not to another": lambda everybody, number: (
        [everybody[0], *everybody[1 + (number == 2) :], *everybody[: number == 2]]
    ),
    "cut one off": cut_the_first_off,
}


async def test_load_counts_what_everybody_was_sent():
    async with serving(pass_on) as url, Crowd([url], BARE) as crowd:
        await crowd.connect(["room"] * 5)
        turns = await crowd.take_turns(0.05)
        assert turns.deliveries == 5 * turns.messages > 0
        talk = await crowd.talk(0.05, crowd.clients[:3])
        assert talk.deliveries == 5 * talk.messages > 0
        assert len(talk.latencies) == talk.deliveries
        assert 0 < talk.quantile(0) <= talk.quantile(0.5) <= talk.quantile(1)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_load_notices_a_server_that_does_not_deliver_once_to_all(monkeypatch, fault):
    monkeypatch.setattr(load, "SILENCE_SECONDS", 0.3)
    async with serving(fault) as url, Crowd([url], BARE) as crowd:
        await crowd.connect(["room"] * 3)
        with pytest.raises(LaunchError, match=r"deliveries have not come|heard a message twice"):
            await crowd.take_turns(0.3)


# --- the systems --------------------------------------------------------------------------------


async def test_fanout_measures_chat_final_beside_its_peers(monkeypatch, capsys):
    monkeypatch.setattr(fanout, "CLIENTS", 5)
    monkeypatch.setattr(fanout, "IDLE", 150)
    monkeypatch.setattr(measuring, "ROOM_SIZE", 5)
    monkeypatch.setattr(fanout, "WARM_SECONDS", 0.05)
    # So long that the clock of CPU time, which ticks 100 times per second, does so for each: on a
    # machine under load that may be longer.
    monkeypatch.setattr(fanout, "cost_of_turns", once_the_clock_ticks)
    keys = [key for key in fanout.SYSTEMS if key not in ("tutorial_queue", "final_daphne")]
    facts = await fanout.measure(rounds=1, seconds=0.3, keys=keys)
    fanout.print_more(facts)
    said = capsys.readouterr().out
    # Node may be missing; then it is said, and nobody else is.
    left_out = {"socketio_node"} if "is left out" in said else set()
    assert set(facts["figures"]) == set(keys) - left_out
    for key, figures in facts["figures"].items():
        assert set(figures) == set(fanout.FIGURES)
        # A server may have room for so few idle connections in memory that it has freed meanwhile.
        nothing = [name for name in fanout.FIGURES if figures[name] <= 0 and name != "memory_kb"]
        assert not nothing, f"{key} should cost something: {figures}"
    held = {key: figures["memory_kb"] for key, figures in facts["figures"].items()}
    assert sum(kilobytes > 0 for kilobytes in held.values()) > len(held) / 2, held
    assert facts["ratios"]["baseline"]["baseline"]["cpu_us"] == 1
    assert "chat_final, Uvicorn" in said


async def once_the_clock_ticks(system, crowd, seconds):
    """The cost of turns, measured for as long as it takes to be more than nothing."""
    while not (cost := await measuring.cost_of_turns(system, crowd, seconds))["cpu_us"]:
        seconds *= 2
        assert seconds < 20, f"{system.name} should use CPU time"
    return cost


async def test_users_of_a_load_are_logged_in_each_as_themselves():
    async with chat_final("uvicorn", 3) as system, system.crowd() as crowd:
        await crowd.connect(["room"] * 3)
        assert len({headers["Cookie"] for headers in system.headers}) == 3
        assert (await crowd.talk(0.05, crowd.clients)).messages > 0
        assert crowd.refusals == []


@pytest.mark.skipif(
    not shutil.which("npm"), reason="No npm to be had: install Node.js (Debian: apt install npm)."
)
def test_two_runs_install_the_same_packages_of_node_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(systems, "RUNS", tmp_path)
    # As npm does it, but without a network.
    both_are_there = threading.Barrier(2, timeout=10)
    monkeypatch.setattr(systems, "npm_ci", lambda folder: both_are_there.wait())
    with ThreadPoolExecutor() as threads:
        folders = list(threads.map(lambda _: systems.install_node_packages(), "12"))
    assert list(tmp_path.iterdir()) == folders[:1] == folders[1:]
    assert (folders[0] / "server.mjs").exists()


async def test_what_is_missing_is_left_out_and_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="There is no node here"):
        fanout.SYSTEMS["socketio_node"]()


# --- what is kept, and shown --------------------------------------------------------------------


def test_pages_say_what_the_kept_measurements_say():
    for page, text in report.pages().items():
        assert page.read_text() == text, "run ./scripts/bench.sh report"


@pytest.mark.parametrize("name", report.CHARTS)
def test_chart_is_drawn_from_the_kept_measurements(name):
    committed = (report.PICTURES / name).read_text()
    assert report.chart(name) == committed, "run ./scripts/bench.sh report"


def test_here_puts_a_dot_for_this_machine_into_the_chart(monkeypatch, tmp_path, capsys):
    costs = {"tutorial_uvicorn": 200.0, "final_uvicorn": 20.0}

    async def measure():
        return costs

    monkeypatch.setattr(here, "measure", measure)
    monkeypatch.setattr(here, "CHART", tmp_path / "run" / "here.svg")
    assert not bench.main(["here", "--no-browser"])
    told = capsys.readouterr().out
    assert re.search(r"chat_final, Uvicorn +20\.0 +0\.10 +\d", told), "and its ratio, next to ours"
    assert str(here.CHART) in told
    chart = here.CHART.read_text()
    assert chart.count("here 20.0") == chart.count("here 200.0") == 1
    assert chart != report.chart("fanout.svg")


def test_a_day_of_talk_is_what_was_counted_as_often_as_it_fits_into_a_day():
    costs = {"reloading": Count(88, 88, 100_000, 373_000), "WebSocket": Count(2, 2, 1_500, 1_500)}
    chart = charts.day_of(costs, 40)
    assert repr(chart).splitlines() == [
        "reloading: 88 connections, 473 KB, 1.02 GB a day",
        "WebSocket: 2 connections, 3 KB, 6.48 MB a day",
    ]
    bar = rf'd="M ([\d.]+) \S+ \nL ([\d.]+) [^"]*"[^>]*style="fill: {charts.LIGHT["ours"]}"'
    ends = [(float(start), float(end)) for start, end in re.findall(bar, chart.svg)]
    [few, many, two, all_of_them] = [end - start for start, end in ends]
    assert many / few == pytest.approx(473 / 3, rel=0.01), "to scale"
    assert all_of_them / two == pytest.approx(88 / 2, rel=0.01)


def test_kept_measurements_are_within_what_is_promised():
    """`performance.md` shows these; a new measurement that breaks one is not to be kept unseen."""
    ratios = measuring.kept("fanout")["ratios"]
    figures = measuring.kept("fanout")["figures"]
    assert ratios["final_daphne"]["tutorial"]["cpu_us"] <= 0.27
    assert ratios["final_uvicorn"]["tutorial"]["cpu_us"] <= 0.13
    assert figures["final_uvicorn"]["cpu_us"] < 0.4 * figures["socketio_python"]["cpu_us"]
    costs, memory = measuring.kept("growth")["costs"], measuring.kept("connections")["figures"]
    for server in ("daphne", "uvicorn"):
        assert growth.growth(costs[f"final_{server}"]) <= 1.3
        ours, theirs = memory[f"final_{server}"], memory[f"tutorial_{server}"]
        assert ours["memory_kb"] <= theirs["memory_kb"]


def test_every_verb_that_is_kept_has_its_table():
    for verb, module in report.PARTS.items():
        head, rows = module.table(measuring.kept(verb))
        assert rows
        assert {len(row) for row in rows} == {len(head)}
        assert measuring.kept(verb)["command"] == f"./scripts/bench.sh {verb}"


def test_keeping_overwrites_nothing_but_its_own_file(monkeypatch, tmp_path):
    monkeypatch.setattr(measuring, "KEPT", tmp_path / "measured")
    monkeypatch.setattr(measuring, "ROOT", tmp_path)
    measuring.keep("growth", "./scripts/bench.sh growth", costs={"a": 1.5})
    [path] = (tmp_path / "measured").iterdir()
    kept = json.loads(path.read_text())
    assert (path.name, kept["costs"]) == ("growth.json", {"a": 1.5})
    assert re.fullmatch(r"\d+ cores, \S+ \S+, Python [\d.]+", kept["machine"])


# --- the model of capacity ----------------------------------------------------------------------

COST = capacity.Costs(
    message_us=1000, delivery_us=50, socket_us=10, socket_kb=40, posts_per_second=1000, redis_us=20
)
ASSUMED = capacity.Assumptions(
    online=0.1, posts_an_hour=36, room_size=20, peak=2, filled=0.5, sockets=10_000
)


def test_plan_does_what_one_would_on_paper():
    found = capacity.plan(1_000_000, ASSUMED, COST)
    assert found.sockets == 100_000
    assert found.posts_per_second == 100_000 * 36 / 3600 * 2 == 2000
    assert found.deliveries_per_second == 40_000
    # 2 s for messages, 2 s for deliveries and 1 s for sockets, each second; half full: ten cores.
    assert found.instances == 10
    assert found.memory_gb == pytest.approx(4)
    # Each of 2000 messages goes to 10 instances, at 20 µs: 0.4 s.
    assert found.shards == 1
    assert found.databases == pytest.approx(4)


def test_plan_has_no_instance_with_more_sockets_than_allowed():
    idle = replace(ASSUMED, posts_an_hour=0)
    assert capacity.plan(1_000_000, idle, COST).instances == 10
    assert capacity.plan(10_000_010, idle, COST).instances == 101


def test_costs_are_a_line_through_what_was_measured(monkeypatch):
    kept = {
        "growth": {"costs": {"final_daphne": {"10": 110, "100": 20, "1000": 11}}},
        "connections": {"figures": {"final_daphne": {"cpu_ms": 30, "memory_kb": 35}}},
        "posts": {"rows": [["SQLite", 1, 1, {"rate": 9e9}], ["PostgreSQL", 1, 1, {"rate": 800}]]},
        "instances": {"rows": [[1, 1, {"redis_us": 50}], [2, 1, {"redis_us": 80}]]},
    }
    monkeypatch.setattr(capacity, "kept", kept.get)
    found = capacity.costs()
    assert (found.message_us, found.delivery_us) == pytest.approx((1000, 10))
    assert (found.socket_us, found.socket_kb, found.posts_per_second) == (30, 35, 800)
    assert found.redis_us == 45


# --- the practice track ---------------------------------------------------------------------------

# Seconds for what comes after an answer.
LATER = 0.6
TAKEN = re.compile(r"^(.+?) +(\d+\.\d) s  (.+)$", re.MULTILINE)


def test_first_answer_of_a_check_is_measured_up_to_it(monkeypatch, capsys):
    """Two that are cheap: a stage that does not start, and one that shows its mistake at once."""
    told = []

    def check_slowly(exercise, folder, answered):
        async def checking():
            verdict = await check(exercise, folder, answered)
            told.append(verdict.next)
            await asyncio.sleep(LATER)  # what comes after the answer does not count
            return verdict

        return checking()

    monkeypatch.setattr(practising, "check", check_slowly)
    began = time.monotonic()
    assert not bench.main(["practice", "3", "twice_after_reload"])
    took = time.monotonic() - began
    said = capsys.readouterr().out
    rows = {key: (float(seconds), next_) for key, seconds, next_ in TAKEN.findall(said)}
    assert rows.keys() == {"build 3", "hunt twice_after_reload"}
    assert [next_ for _, next_ in rows.values()] == [each[:64] for each in told]
    seconds = [each for each, _ in rows.values()]
    assert 0 < rows["hunt twice_after_reload"][0] < took - 2 * LATER
    median = float(re.search(r"2 exercises, median (\S+) s", said)[1])
    assert median == pytest.approx(sum(seconds) / 2, abs=0.11), "but for what is rounded off"
    assert f"the longest, {max(rows, key=rows.get)}, {max(seconds):.1f} s" in said


def test_exercise_that_is_not_there_is_not_measured(capsys):
    assert bench.main(["practice", "nowhere"]) == 2
    assert "no exercise 'nowhere'" in capsys.readouterr().err
