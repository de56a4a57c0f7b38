"""The rest of a stage's tests, on the learner's folder, in a process of their own."""

import asyncio
import os
import re
import sys

from ..basics.errors import LaunchError
from ..basics.interrupts import finish
from ..running.processes import Program, RunFolder

LIMIT_SECONDS = 300
TESTS, JOBS = ["tests/stages"], str(max(2, os.cpu_count() or 2))
CELL = "tests/stages/test_capabilities.py::test_stage_can_do_what_the_matrix_says_and_no_more"
# Of the lines at its end: what has failed, and why, and how many did.
FAILED = re.compile(
    r"^(?:FAILED|ERROR) \S+::(?P<name>\w+?)(?:\[(?P<of>\S+)\])?(?: - (?P<why>.*))?$"
)
# Not in words: the test's own code, or the first line of many.
CODE = ("assert ", "Traceback ")
PASSED = re.compile(r"(\d+) passed")


async def try_the_rest(exercise, folder=None):
    """Run the stage's tests, but those of the checks; returns (how many pass, what fails, why).

    Raises LaunchError if they do not end, or cannot be run.
    """
    # A supervised program: it ends with us, and what it has started with it.
    files = await asyncio.to_thread(RunFolder, "practice-tests")
    try:
        program = Program(
            command(exercise, folder or exercise.folder),
            folder=files,
            log=files.path / "tests.log",
            env=os.environ | {"COLUMNS": "300"},  # or a line would lose its end
        )
        if not await asyncio.to_thread(program.ends, LIMIT_SECONDS):
            raise LaunchError(f"The tests were not done within {LIMIT_SECONDS} s.")
        if program.poll() not in (0, 1):
            raise program.failure("The tests cannot be run")
        said = program.said()
    finally:
        await finish(files.close)
    return passed(said), failures(said)


def command(exercise, folder):
    stage = exercise.stage
    words = [sys.executable, "-P", "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider"]
    words += ["-n", JOBS, "--stage", stage.key, "--stage-dir", f"{stage.number}={folder}"]
    for key in (*exercise.checks, *exercise.keeps):
        words += ["--deselect", f"{CELL}[{stage.number}-{key}]"]  # it was tried first
    return [*words, *TESTS]


def passed(said):
    found = PASSED.search(said)
    return int(found[1]) if found else 0


def failures(said):
    """What each failed test is about, in the words of its name, and the first line of why."""
    found = [FAILED.match(line) for line in said.splitlines()]
    return [in_words(**line.groupdict("")) for line in found if line]


def in_words(name, of, why):
    about = name.removeprefix("test_").replace("_", " ")
    of = re.sub(r"^\d+-?", "", of).replace("_", " ")  # the stage's number says nothing new
    why = why.removeprefix("AssertionError: ")
    if why.startswith(CODE):
        why = ""
    return f"{about}{f' ({of})' if of else ''}{f': {why}' if why else ''}"
