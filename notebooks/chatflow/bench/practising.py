"""How long a learner waits for the first answer of `practice.sh check`."""

import asyncio
import contextlib
import shutil
import statistics
import time

from ..practice.checking import check
from ..practice.exercises import exercises
from ..practice.reference import reference_flow
from ..running.processes import RunFolder
from ..running.variants import NOT_OURS


def measure():
    """Check each exercise as it is handed out; print the seconds of each, and their median."""
    with contextlib.closing(RunFolder("bench")) as files:
        taken = {each.key: time_check(each, files.path / each.folder.name) for each in exercises()}
    longest = max(taken, key=taken.get)
    print(f"\n{len(taken)} exercises, median {statistics.median(taken.values()):.1f} s;", end=" ")
    print(f"the longest, {longest}, {taken[longest]:.1f} s", flush=True)


def time_check(exercise, folder):
    shutil.copytree(exercise.start.folder, folder, ignore=NOT_OURS)
    for file, text in exercise.handed_out().items():
        (folder / file).write_text(text)
    # The reference is recorded once for as long as its stage is the same, and not at each check.
    asyncio.run(reference_flow(exercise.stage))
    began = time.monotonic()
    verdict = asyncio.run(check(exercise, folder))
    took = time.monotonic() - began
    print(f"{exercise.key:<28}{took:5.1f} s  {verdict.next[:64]}", flush=True)
    return took
