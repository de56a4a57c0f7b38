"""Many learners' folders, one table: who has what, and where each is stuck."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from ..basics.errors import UsageError
from .checking import check
from .exercises import exercises

DONE, OPEN, NOTHING = "done", "open", "nothing begun"


class Row(NamedTuple):
    """What one learner has of one exercise; `next` is what they are told to do."""

    learner: str
    exercise: str
    state: str
    next: str = ""


def learners(folders):
    """[(name, what they have begun)]; a folder is a `practice/`, or what holds one.

    Raises UsageError.
    """
    return [(name_of(folder), begun_in(folder)) for folder in map(Path, folders)]


async def grade(learners, limit):
    """Yield a Row for each exercise that a learner has begun, as soon as it is known.

    One exercise runs after the other, for so many seconds at most; its end is the end of all that
    the learner's code has started.
    """
    for learner, found in learners:
        if not found:
            yield Row(learner, "–", NOTHING)
        for exercise, folder in found:
            yield await judge(learner, exercise, folder, limit)


async def judge(learner, exercise, folder, limit):
    try:
        async with asyncio.timeout(limit):
            verdict = await check(exercise, folder)
    except TimeoutError:
        return Row(learner, exercise.key, OPEN, f"It was not done within {limit} s.")
    return Row(learner, exercise.key, DONE if verdict.done else OPEN, verdict.next)


def name_of(folder):
    """A learner is called like the folder, or like the one round a `practice/`."""
    folder = folder.resolve()
    return folder.parent.name if folder.name == "practice" else folder.name


def begun_in(folder):
    """[(exercise, its folder)], in the order of the exercises. Raises UsageError."""
    inner = folder / "practice"
    home = (inner if inner.is_dir() else folder).resolve()
    try:
        names = {path.name for path in home.iterdir() if path.is_dir()}
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be read ({error.strerror}): give the folders of learners, each a "
            f"practice/ or what holds one."
        ) from error
    return [(each, home / each.folder.name) for each in exercises() if each.folder.name in names]
