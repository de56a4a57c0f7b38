"""`--stage-dir`: a learner's own version of a stage is graded by the same tests."""

import asyncio
import subprocess
import sys

import pytest

from chatflow import find_stage, stage
from chatflow.basics.catalog import ROOT
from chatflow.probing.capabilities import try_one
from chatflow.probing.people import NO
from chatflow.running.variants import variant

CELL = "tests/stages/test_capabilities.py::test_stage_can_do_what_the_matrix_says_and_no_more"


def grade(stage_dir, *arguments):
    command = [sys.executable, "-P", "-m", "pytest", "-q", "--stage-dir", stage_dir, *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )


def test_swapped_stage_is_graded_in_words():
    done = grade(f"5={find_stage(4).folder}", f"{CELL}[5-live]")
    assert done.returncode == 1
    assert "another reader sees a message without reloading': it cannot" in done.stdout
    assert "Compare with 05_inmemory_layer" in done.stdout


def test_a_version_that_can_what_the_stage_can_passes(tmp_path):
    (tmp_path / "mine").symlink_to(find_stage(1).folder)
    done = grade(f"1={tmp_path / 'mine'}", f"{CELL}[1-survives_reload]")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("stage_dir", ["5", "5=", "99=steps", "five=steps"])
def test_option_that_says_no_stage_or_no_folder_is_bad_usage(stage_dir):
    done = grade(stage_dir, "--collect-only", "tests/stages/test_stage_dir.py")
    assert done.returncode == 4
    assert "--stage-dir wants N=FOLDER" in done.stderr


async def test_a_version_that_answers_nobody_is_judged_and_not_waited_for():
    sends = 'await self.send_json(event["message"])'
    keys = ["stored_once", "idle_sockets", "full_duplex", "unforgeable", "bad_frames"]
    async with (
        variant(5, "chat/consumers.py", sends, "pass") as folder,
        stage(5, folder=folder) as chat,
        asyncio.timeout(60),
    ):
        found = await asyncio.gather(*(try_one(chat, key) for key in keys))
    assert dict(zip(keys, found, strict=True)) == dict.fromkeys(keys, NO)
