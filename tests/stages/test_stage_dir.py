"""`--stage-dir`: a learner's own version of a stage is graded by the same tests."""

import asyncio
import subprocess
import sys

import pytest

from chatflow import capabilities, find_stage
from chatflow.basics.catalog import ROOT
from chatflow.probing import stage_probes
from chatflow.probing.capabilities import try_one
from chatflow.probing.people import NO
from stages.helpers import changed

CELL = "tests/stages/test_capabilities.py::test_stage_can_do_what_the_matrix_says_and_no_more"


def grade(stage_dirs, *arguments):
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-n", "0", *arguments]
    command += [word for each in stage_dirs for word in ("--stage-dir", each)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )


def test_swapped_stages_are_graded_in_words_and_one_that_can_what_its_stage_can_passes(tmp_path):
    (tmp_path / "mine").symlink_to(find_stage(1).folder)
    # Both are among those that are tried at a time.
    swapped = [f"4={find_stage(3).folder}", f"1={tmp_path / 'mine'}"]
    done = grade(swapped, f"{CELL}[4-accepts_websocket]", f"{CELL}[1-survives_reload]")
    assert done.returncode == 1
    assert f"{capabilities()['accepts_websocket']!r}: it cannot" in done.stdout
    assert "Compare with 04_websocket_consumer" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


BAD = ["5", "5=", "99=steps", "five=steps"]


@pytest.mark.parametrize("stage_dir", BAD)
def test_option_that_says_no_stage_or_no_folder_is_bad_usage(pytestconfig, stage_dir):
    conftests = pytestconfig.pluginmanager.get_plugins()
    read = next(one.read_stage_dir for one in conftests if hasattr(one, "read_stage_dir"))
    with pytest.raises(pytest.UsageError, match="--stage-dir wants N=FOLDER"):
        read(stage_dir)


def test_bad_usage_ends_before_any_test():
    done = grade(BAD[:1], "--collect-only")
    assert done.returncode == 4
    assert "--stage-dir wants N=FOLDER" in done.stderr


async def test_a_version_that_answers_nobody_is_judged_and_not_waited_for(monkeypatch):
    for name in ("ANSWER_SECONDS", "IDLE_SECONDS", "SILENCE_SECONDS"):
        monkeypatch.setattr(stage_probes, name, 1)
    sends = 'await self.send_json(event["message"])'
    keys = ["stored_once", "idle_sockets", "full_duplex", "unforgeable", "bad_frames"]
    async with changed(5, "chat/consumers.py", sends, "pass") as chat, asyncio.timeout(30):
        found = await asyncio.gather(*(try_one(chat, key) for key in keys))
    assert dict(zip(keys, found, strict=True)) == dict.fromkeys(keys, NO)
