"""How long a learner waits for the first answer of `practice.sh check`."""

import asyncio
import contextlib
import os
import shutil
import statistics
import time

from ..practice.checking import check
from ..practice.exercises import exercises, find_any
from ..running.processes import RunFolder
from ..running.variants import NOT_OURS


def measure(names=()):
    """Check these exercises, or all, as they are handed out; print the seconds of each, and their
    median.
    """
    chosen = [find_any(name) for name in names] or list(exercises())
    with contextlib.closing(RunFolder("bench")) as files:
        taken = {each.key: time_check(each, files.path / each.folder.name) for each in chosen}
    longest = max(taken, key=taken.get)
    print(f"\n{len(taken)} exercises, median {statistics.median(taken.values()):.1f} s;", end=" ")
    print(f"the longest, {longest}, {taken[longest]:.1f} s;", end=" ")
    print(f"processes that wanted a core, at the end: {os.getloadavg()[0]:.1f}", flush=True)


def time_check(exercise, folder):
    """Seconds from the begin of a check until it says what to do next."""
    shutil.copytree(exercise.start.folder, folder, ignore=NOT_OURS)
    for file, text in exercise.handed_out().items():
        (folder / file).write_text(text)
    began, answers = time.monotonic(), []
    verdict = asyncio.run(check(exercise, folder, lambda _: answers.append(time.monotonic())))
    # A stage that does not start is answered at the end.
    took = (answers or [time.monotonic()])[0] - began
    print(f"{exercise.key:<28}{took:5.1f} s  {verdict.next[:64]}", flush=True)
    return took
