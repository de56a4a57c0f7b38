"""A test of the tests: each breakage of the list turns the tests red that are named with it.

The normal run tries one of each area, chosen by the day; `test.sh --breakages` tries all of them,
and then also that the same tests are green with the patch taken away.
"""

import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys

import psutil
import pytest

from breakages.listing import CHOICE, breakages, chosen, of_the_day
from chatflow.basics.catalog import ROOT
from chatflow.running.processes import Program, RunFolder
from helpers.missing import need_git
from helpers.scripts import copy_migrated

pytestmark = pytest.mark.timeout(300)

AREAS = ["drawing", "final", "launcher", "practice", "stages", "tracing"]
FEWEST = 80
NOT_COPIED = shutil.ignore_patterns(
    *(".git", ".run", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "*.sqlite3*", "mine.py")
)
# All that a run of tests starts has it in its environment, and so is found whatever is broken.
MARK = "MARK_OF_A_BREAKAGE"
# What our own run of pytest says of itself; and that Python is to compile everything each time.
NOT_TOLD = ("PYTEST_", "PYTHONDONTWRITEBYTECODE", CHOICE)
# With these a test has not noticed what is broken: it could not run, or did not end.
NOT_MEANT = ("SyntaxError", "ImportError", "NameError", "did not start", "Timeout (>")


class Copy:
    """A copy of the repository, to be broken."""

    def __init__(self, files):
        self.files, self.path = files, files.path / "copy"
        shutil.copytree(ROOT, self.path, ignore=NOT_COPIED)
        (self.path / ".venv").symlink_to(sys.prefix)
        copy_migrated(self.path)
        # A repository of its own: what it asks git is answered for the copy, not for what it is in.
        subprocess.run(["git", "init", "--quiet"], cwd=self.path, check=True)

    def apply(self, patch, *options):
        """Apply a patch; returns what git has to say against it."""
        words = ["git", "apply", "--unidiff-zero", *options, patch]
        done = subprocess.run(words, cwd=self.path, capture_output=True, text=True, check=False)
        return done.stderr

    def pytest(self, *words):
        """Run pytest in the copy, whatever surrounds us; returns its exit code, and all it says."""
        mark = secrets.token_hex(8)
        usual = {key: value for key, value in os.environ.items() if not key.startswith(NOT_TOLD)}
        command = [sys.executable, "-P", "-m", "pytest", "-n", "0", "-rfEs", "-p", "no:randomly"]
        command += ["-p", "no:cacheprovider", "--basetemp", self.files.path / "tmp", *words]
        # So wide that of a test that fails it also says how.
        options = {"cwd": self.path, "env": {**usual, MARK: mark, "COLUMNS": "300"}}
        program = Program(command, folder=self.files, log=self.files.path / "said", **options)
        try:
            program.supervisor.wait()
            return program.poll(), program.said()
        finally:
            program.stop()
            end_marked(mark, self.files)


def end_marked(mark, files):
    """End what is left: of a breakage that lets programs go on, nobody else would."""
    for process in psutil.process_iter():
        if process.pid == files.sweeper.pid:
            continue  # it has to remove the folder, which is why it is told its path
        with contextlib.suppress(psutil.Error):
            # Redis writes its title over its environment, but begins it with its own path.
            path = str(files.path)
            if process.environ().get(MARK) == mark or path in " ".join(process.cmdline()):
                process.kill()


@pytest.fixture(scope="module")
def copy():
    need_git()
    files = RunFolder("breakages")
    yield Copy(files)
    files.close()
    assert not files.path.exists(), "the copy should be gone"


def test_list_has_breakages_of_each_area():
    assert sorted({each.area for each in breakages().values()}) == AREAS
    assert len(breakages()) >= FEWEST
    for each in breakages().values():
        assert each.tests, f"{each.name} names no test"
        assert each.sentence.endswith("."), f"{each.name} should begin with a sentence"
        assert "\n" not in each.sentence


def test_choice_of_a_day_stays_and_changes_with_the_day(monkeypatch):
    monkeypatch.setenv("CHATFLOW_DAY", "2026-11-28")
    first = of_the_day()
    assert of_the_day() == first
    assert [name.partition("/")[0] for name in first] == AREAS
    monkeypatch.setenv("CHATFLOW_DAY", "2026-11-29")
    assert of_the_day() != first


def test_every_patch_fits(copy):
    told = {each.name: copy.apply(each.path, "--check") for each in breakages().values()}
    assert {name: words for name, words in told.items() if words} == {}


def test_every_test_that_is_named_exists(copy, request):
    named = {test for each in breakages().values() for test in each.tests}
    # In a run of all tests they are here already. Else, and for those left out of it, look again.
    if unseen := named - {item.nodeid for item in request.session.items}:
        code, said = copy.pytest("--collect-only", "-q", *sorted(unseen))
        assert code == 0, said


@pytest.mark.parametrize("breakage", chosen(), ids=lambda each: each.name)
def test_breakage_turns_its_tests_red(copy, breakage):
    told = copy.apply(breakage.path)
    assert not told, f"The patch does not fit: {told}"
    try:
        code, said = copy.pytest(*breakage.tests)
    finally:
        told = copy.apply(breakage.path, "--reverse")
    assert not told, f"The patch cannot be taken away: {told}"
    # Without a browser, say, the tests themselves are left out.
    if code == 0 and (skipped := re.search(r"^SKIPPED .*?: (.*)", said, re.MULTILINE)):
        pytest.skip(skipped[1])
    assert code == 1, (
        f"{breakage.sentence} Nobody notices, or nothing ran (exit code {code}):\n{said}"
    )
    for test in breakage.tests:
        told = [line for line in said.splitlines() if line.startswith(f"FAILED {test} - ")]
        assert told, f"{breakage.sentence} {test} does not fail:\n{said}"
        assert not any(word in told[0] for word in NOT_MEANT), f"It fails in another way:\n{said}"
    if os.environ.get(CHOICE):
        code, said = copy.pytest(*breakage.tests)
        assert code == 0, f"With the patch taken away it stays red:\n{said}"
