"""practice.sh check in real processes: at each save, of many learners, the rest of the tests."""

import csv
import secrets
import shutil
import signal
import time

import pytest

from chatflow import find_stage
from chatflow.practice import exercises as catalog
from chatflow.practice import testing
from helpers import scripts

BEGUN = "05_inmemory_layer"
SETTINGS = "websockets_channels/settings.py"
# Ends at once, as far as a check can see: the stage does not start.
FAILS = "raise RuntimeError('half done')\n"
CHILD = "import subprocess\nsubprocess.Popen(['sleep', '1000'])\n"
LOOPS = CHILD + "open({!r}, 'w')\nwhile True:\n    pass\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return scripts.copy_repository(tmp_path_factory.mktemp("practice") / scripts.ODD)


def practice(repository, *words, **options):
    """A practice.sh that runs, for a `with` block."""
    output = repository / ".run" / f"said-{secrets.token_hex(4)}"
    command = [repository / "scripts" / "practice.sh", *words]
    return scripts.Script(repository, command, output=output, **options)


def put_before(path, text):
    path.write_text(text + path.read_text())


def begin(home, number):
    """What a learner has who has only just begun to build this stage."""
    folder = home / find_stage(number).name
    shutil.copytree(find_stage(number - 1).folder, folder)
    return folder


def test_own_folder_is_checked_at_each_save_until_ctrl_c_and_runs_by_hand(repository, tmp_path):
    assert scripts.run_script(repository, "practice.sh", "build", "5").returncode == 0
    own = repository / "practice" / BEGUN
    handed_out = (own / SETTINGS).read_text()
    put_before(own / SETTINGS, FAILS)
    with practice(repository, "check", "--watch") as watching:
        watching.wait_until_it_says("half done")
        assert "settings.py, line 1" in watching.said, "whose fault it is"
        beside = scripts.run_script(repository, "practice.sh", "check")
        assert (beside.returncode, beside.stderr) == (1, ""), "another check at the same time"
        (own / SETTINGS).write_text(LOOPS.format(f"{tmp_path}/one") + handed_out)
        wait_until((tmp_path / "one").exists, watching)
        # Both in the midst of a check, while the learner's code runs: a save, and Ctrl-C.
        # Of another length: Python takes a file for the same by its size and the second of a save.
        (own / SETTINGS).write_text(LOOPS.format(f"{tmp_path}/second") + handed_out)
        wait_until((tmp_path / "second").exists, watching)
        assert watching.said.count("Checking") == 3
        watching.send(signal.SIGINT)
        assert watching.process.wait(scripts.STOP_SECONDS) == 130
        scripts.assert_nothing_left(watching)
        assert "Traceback" not in watching.said
    (own / SETTINGS).write_text(handed_out)
    runs_by_hand(repository, own)


def wait_until(is_so, script):
    give_up_at = time.monotonic() + scripts.START_SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at, script.said
        time.sleep(0.02)


def runs_by_hand(repository, own):
    words = ["5", "--folder", f"practice/{BEGUN}", "--flow"]
    with scripts.step(repository, *words, cwd=repository) as running:
        assert f"practice/{BEGUN}\n" in running.said, "which code it is that runs"
        kept = {path.name for path in (repository / ".run").glob("*.sqlite3")}
        assert f"{BEGUN}.sqlite3" not in kept, "a stage's messages and a learner's are never mixed"
        assert any(name.startswith(f"{BEGUN}-") for name in kept)


def test_many_learners_are_graded_into_one_table_whatever_their_code_does(repository, tmp_path):
    loops, fails = begin(tmp_path / "ann", 5), begin(tmp_path / "bob" / "practice", 5)
    put_before(loops / SETTINGS, LOOPS.format(f"{tmp_path}/begun"))
    put_before(fails / SETTINGS, FAILS)
    (tmp_path / "carol").mkdir()
    table = tmp_path / "grades.csv"
    folders = [tmp_path / name for name in ("ann", "bob/practice", "carol")]
    words = ["check", "--all", *folders, "--limit", "3", "--csv", table]
    with practice(repository, *words) as grading:
        assert grading.process.wait(scripts.START_SECONDS) == 0
        scripts.assert_nothing_left(grading)
        assert "0 of 3 done" in grading.said
        assert (tmp_path / "begun").exists(), "or nothing had to be ended"
    with table.open(newline="") as file:
        rows = {row.pop("learner"): row for row in csv.DictReader(file)}
    assert [row["exercise"] for row in rows.values()] == ["build 5", "build 5", "–"]
    assert [row["state"] for row in rows.values()] == ["open", "open", "nothing begun"]
    assert "within 3 s" in rows["ann"]["next"]
    assert "half done" in rows["bob"]["next"]
    assert "settings.py, line 1" in rows["bob"]["next"]


async def test_the_rest_of_the_tests_says_what_fails_in_words(monkeypatch, tmp_path):
    # Two of them, and no second process for them: all take a minute.
    sockets = "tests/stages/test_sockets.py"
    form = f"{sockets}::test_form_post_reaches_every_open_socket_of_the_room[5]"
    monkeypatch.setattr(
        testing, "TESTS", [form, f"{sockets}::test_post_is_answered_with_the_stored_message[5]"]
    )
    monkeypatch.setattr(testing, "JOBS", "0")
    folder = begin(tmp_path, 5)
    passed, failed = await testing.try_the_rest(catalog.find("build", "5"), folder)
    assert passed == 1
    assert failed == ["form post reaches every open socket of the room"], "and never as code"
