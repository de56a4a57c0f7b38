"""`compare.sh servers`: the five servers do what the kept table says."""

import asyncio
import contextlib
import copy
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from chatflow.basics.addresses import HOST
from chatflow.basics.catalog import ROOT
from chatflow.basics.errors import LaunchError
from chatflow.comparing import guessing, servers, tables
from chatflow.comparing.servers import asking, rows, serving
from chatflow.comparing.servers.notes import Notes
from chatflow.running.servers import ASGI_SERVERS

KEPT = tables.found("servers")
# What a probe may say, and no server has said.
NEVER_SEEN = {"over 64 MiB", "no limit", "RuntimeError", "1001"}


def test_each_server_does_what_the_table_says():
    """All probes: half a minute, most of it for a ping that comes after 20 seconds."""
    now = servers.measure()
    lines = tables.differences(KEPT, now)
    assert not lines, "\n".join([*lines, f"with {now['versions']}"])
    assert [row["key"] for row in now["rows"]] == [row["key"] for row in KEPT["rows"]]


async def test_a_wrong_cell_is_found_and_asked_a_second_time(monkeypatch):
    wrong = copy.deepcopy(KEPT)
    next(row for row in wrong["rows"] if row["key"] == "scheme")["cells"]["daphne"] = "ws"
    which, asked = ("scheme", "daphne"), []
    ask_all = asking.ask_all

    async def only_this(wanted):
        asked.append(wanted)
        return tables.cells(KEPT) | await ask_all({which})

    monkeypatch.setattr(asking, "ask_all", only_this)
    seen = await asking.ask_twice(tables.cells(wrong))
    assert asked[1] == {which}
    assert seen[which] == "none"
    assert tables.differences(wrong, KEPT) == ["scheme, daphne: it was 'ws', and is 'none'"]


async def test_a_cell_that_was_wrong_once_only_is_not_told(monkeypatch):
    answers = iter([{("scheme", "daphne"): "late"}, {("scheme", "daphne"): "none"}])

    async def ask_all(wanted):
        return next(answers)

    monkeypatch.setattr(asking, "ask_all", ask_all)
    seen = await asking.ask_twice(tables.cells(KEPT))
    assert seen == {("scheme", "daphne"): "none"}


async def test_a_probe_that_is_late_says_so_in_a_sentence():
    async def late(site):
        raise TimeoutError

    program = SimpleNamespace(last_lines=lambda: "its last line")
    site = SimpleNamespace(name="daphne-plain", instance=SimpleNamespace(program=program))
    with pytest.raises(LaunchError, match=r"daphne-plain did not answer .* to 'pings'.*busy"):
        await asking.cell(site, SimpleNamespace(probe=late, title="pings"))


async def test_a_refused_handshake_is_no_cell():
    """A connection that never opened looks like one that has ended without a close frame."""

    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, HOST, 0) as refusing:
        site = serving.Site("uvicorn", "plain", None, Notes())
        site.instance = SimpleNamespace(port=refusing.sockets[0].getsockname()[1])
        with pytest.raises(ConnectionError, match="403"):
            await rows.ROWS["raises_late"].probe(site)
        assert await rows.ROWS["refused"].probe(site) == "403"


def test_ctrl_c_leaves_nothing():
    words = [sys.executable, "-P", "-m", "chatflow.commands.compare", "servers"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "notebooks")}
    process = subprocess.Popen(
        words, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    ours = psutil.Process(process.pid)
    until_servers_run(ours)
    begun = ours.children(recursive=True)
    assert begun
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")
    _, alive = psutil.wait_procs(begun, timeout=10)
    assert not alive


def until_servers_run(process):
    while not any(map(is_a_server, process.children(recursive=True))):
        assert process.is_running(), "it has ended before any server ran"
        time.sleep(0.05)


def is_a_server(process):
    with contextlib.suppress(psutil.Error):  # it has just ended
        return "probed:application" in process.cmdline()


# --- the rows, and what we had guessed ------------------------------------------------------------


def test_a_row_has_a_cell_for_each_server():
    for row in KEPT["rows"]:
        assert set(row["cells"]) == set(ASGI_SERVERS)
        assert all(0 < len(word) <= 24 for word in row["cells"].values()), row


def test_the_kept_rows_are_those_of_the_probes():
    """Titles and meanings are kept, too: a new one is not to be forgotten there."""
    kept = [(row["key"], row["title"], row.get("means", "")) for row in KEPT["rows"]]
    assert kept == [(row.key, row.title, row.means) for row in rows.all_rows()]


def test_we_have_guessed_each_cell_in_words_of_the_table():
    guesses, cells = guessing.guessed("servers"), tables.cells(KEPT)
    assert guesses.keys() == cells.keys()
    assert set(guesses.values()) <= {*cells.values(), *NEVER_SEEN}
