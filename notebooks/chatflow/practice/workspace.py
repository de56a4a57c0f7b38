"""The learner's folder `practice/`: what is handed out, and what is remembered of it.

practice/05_inmemory_layer/   the learner's own stage
practice/progress.json        what is done, how many hints were asked for, what is worked on
practice/pictures/            the pictures of the last check of each exercise
practice/before/              what stood where an exercise was begun again: nothing is lost
"""

import contextlib
import fcntl
import itertools
import json
import os
import shutil
from datetime import datetime
from pathlib import Path

from ..basics.catalog import shown
from ..basics.errors import UsageError
from ..running.variants import NOT_OURS
from . import exercises as catalog

# What is remembered, as long as there is nothing to remember.
NOTHING = {"done": {}, "hints": {}, "current": ""}


def home():
    """The folder `practice/`, made if it is not there. Raises UsageError if it cannot be used."""
    with usable():
        catalog.PRACTICE.mkdir(exist_ok=True)
    return catalog.PRACTICE


@contextlib.contextmanager
def usable():
    """Say in one sentence why something in `practice/` cannot be written or read."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{shown(catalog.PRACTICE)}/ cannot be used ({error}): it must be a folder that you "
            f"may read and write."
        ) from error


# --- what is remembered ---------------------------------------------------------------------------


@contextlib.contextmanager
def progress():
    """What is remembered, to be read and changed in the block; nobody else changes it meanwhile."""
    folder = home()
    with usable(), (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = read()
        yield kept
        draft = folder / "progress.json.new"
        draft.write_text(json.dumps(kept, indent=1))
        draft.replace(folder / "progress.json")  # nobody reads half of it


def read():
    """What is remembered. Raises UsageError if it makes no sense."""
    file = catalog.PRACTICE / "progress.json"
    try:
        with usable():
            kept = json.loads(file.read_text()) if file.exists() else {}
    except ValueError as error:
        raise garbage(file, error) from None
    if not makes_sense(kept):
        raise garbage(file, "it is not what practice.sh has written")
    return {key: kept.get(key, type(empty)()) for key, empty in NOTHING.items()}


def makes_sense(kept):
    if not isinstance(kept, dict):
        return False
    if any(not isinstance(kept.get(key, empty), type(empty)) for key, empty in NOTHING.items()):
        return False
    return all(type(count) is int for count in kept.get("hints", {}).values())


def garbage(file, why):
    return UsageError(
        f"{shown(file)} cannot be read ({why}): mend it, or remove it; your folders stay."
    )


# --- an exercise ----------------------------------------------------------------------------------


def hand_out(exercise):
    """Copy what an exercise starts from into its folder, if that is not there; True if it was."""
    if exercise.folder.exists():
        return False
    # Beside it at first: a copy that is broken off must not look like one.
    draft = home() / f".{exercise.folder.name}.new"
    with usable():
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(exercise.start.folder, draft, ignore=NOT_OURS)
        for file, text in exercise.handed_out().items():
            (draft / file).write_text(text)
        draft.rename(exercise.folder)
    return True


def choose(exercise):
    """Make this the exercise that `check` and `hint` are about."""
    with progress() as kept:
        kept["current"] = exercise.key


def current():
    """The exercise that is worked on; None if none is."""
    key = read()["current"]
    return next((each for each in catalog.exercises() if each.key == key), None)


def begun(word=None):
    """The exercise that is worked on, or the one that is named, with its folder in place.

    Raises UsageError with what to type.
    """
    exercise = catalog.find_any(word) if word else current()
    if exercise is None:
        raise UsageError(
            "No exercise is begun: type ./scripts/practice.sh build 5, or ./scripts/practice.sh "
            "list to see them all."
        )
    if not exercise.folder.exists():
        raise UsageError(
            f"There is no {shown(exercise.folder)}: if it has another name now, give it this one; "
            f"or type ./scripts/practice.sh {exercise.key} to begin."
        )
    if not (exercise.folder / "manage.py").is_file():
        raise UsageError(
            f"{shown(exercise.folder)} has no manage.py any more: put it back, or type "
            f"./scripts/practice.sh reset {exercise.word} to begin again."
        )
    return exercise


def set_aside(exercise):
    """Move the learner's folder out of the way; returns where it is now."""
    with progress() as kept:
        before = home() / "before"
        before.mkdir(exist_ok=True)
        places = (before / f"{exercise.folder.name}-{number}" for number in itertools.count(1))
        place = next(place for place in places if not place.exists())
        exercise.folder.rename(place)
        kept["hints"].pop(exercise.key, None)
    return place


def note_done(exercise):
    with progress() as kept:
        kept["done"].setdefault(exercise.key, f"{datetime.now():%Y-%m-%d}")


def next_hint(exercise):
    """(number, hint) that is due; after the last one, that one again."""
    with progress() as kept:
        number = min(kept["hints"].get(exercise.key, 0) + 1, len(exercise.hints))
        kept["hints"][exercise.key] = number
    return number, exercise.hints[number - 1]


def keep_pictures(exercise, pictures):
    """Write {name: picture} as SVG files; returns their paths."""
    folder = home() / "pictures"
    paths = []
    with usable():
        folder.mkdir(exist_ok=True)
        for name, picture in pictures.items():
            path = folder / f"{exercise.folder.name}_{name}.svg"
            path.write_text(picture.svg)
            paths.append(path)
    return paths


def own_files(folder):
    """The files of a stage, without what Python, Django or an editor writes beside them."""
    for parent, folders, names in os.walk(folder):
        ignored = NOT_OURS(parent, [*folders, *names])
        folders[:] = sorted(set(folders) - ignored)
        yield from (Path(parent, name) for name in sorted(set(names) - ignored) if is_kept(name))


def is_kept(name):
    # Hidden is, above all, the swap file that some editors write at every tenth stroke.
    return not name.startswith(".") and not name.endswith("~")
