"""`practice.sh check`: once, at each save, or of many learners."""

import asyncio
import contextlib
import csv
import sys
import textwrap
from pathlib import Path

from ..basics.catalog import shown
from ..basics.errors import UsageError
from ..practice import workspace
from .race import until_stopped
from .terminal import BOLD, GREEN, RED, painted, print_pair, say, width

LOOK_SECONDS = 0.3
GRADE_SECONDS = 60  # for one exercise of one learner


def check_it(options):
    if options.all:
        return grade(options)
    if options.csv or options.limit is not None:
        raise UsageError("--csv and --limit go with --all FOLDER…: they are for many learners.")
    exercise = workspace.begun(options.name)
    work = watch if options.watch else check_once
    return asyncio.run(until_stopped(work(exercise)))


async def check_once(exercise):
    """The first answer; when that is good, the rest of the stage's tests. Returns the exit code."""
    # Only here: what draws and probes takes longer to load than a wrong word to be found.
    from ..practice.checking import check

    print(f"Checking {shown(exercise.folder)} …", flush=True)
    verdict = await check(exercise)
    report(verdict)
    if not verdict.done:
        return 1
    say(f"Done: {exercise.key}.", look=GREEN)
    tell_the_story(exercise)
    return await say_the_rest(exercise)


def tell_the_story(exercise):
    """Of a hunt that is over: what it was, who else has met it, and where it is shown."""
    parts = {"": exercise.was, "Met by others: ": exercise.met, "Shown in ": exercise.cell}
    say(*(f"{start}{text}" for start, text in parts.items() if text))


async def say_the_rest(exercise):
    from ..practice.testing import try_the_rest

    print(f"\nNow the rest of the tests of {exercise.stage.called} (a minute) …", flush=True)
    passed, failed = await try_the_rest(exercise)
    for text in failed:
        say(f"not yet  {text}", look=RED)
    if failed:
        say(f"{passed} other tests pass. These are no part of the exercise, but of the stage.")
        return 1
    say(f"All {passed} of them pass.", look=GREEN)
    return 0


def report(verdict):
    for text in verdict.holds:
        say(f"holds    {text}", look=GREEN)
    for text in verdict.fails:
        say(f"not yet  {text}", look=RED)
    for text in verdict.untried:
        say(f"untried  {text}")
    if verdict.done:
        return
    print()
    say(f"Next: {verdict.next}", look=BOLD)
    show_pictures(verdict)
    sys.stdout.flush()


def show_pictures(verdict):
    """The two flows as text, and where their pictures lie."""
    if len(verdict.pictures) < 2:
        return
    from ..drawing.folding import hop_words, station_titles

    flows = []
    for picture in verdict.pictures:
        titles = station_titles(picture.flow)
        numbered = enumerate(picture.hops, 1)
        flows.append([hop_words(number, hop, titles) for number, hop in numbered])
    print()
    stage = verdict.exercise.stage
    marked = verdict.differs or (None, None)
    print_pair(("Your message", f"As in stage {stage.short}"), flows, marked)
    pictures = dict(zip(("yours", "reference"), verdict.pictures, strict=True))
    paths = workspace.keep_pictures(verdict.exercise, pictures)
    print("\nAs pictures:", *map(shown, paths), sep="\n  ")


async def watch(exercise):
    """Check again whenever a file is saved, even while a check goes on; Ctrl-C ends it."""
    while True:
        seen = saved(exercise.folder)
        checking = asyncio.create_task(check_once(exercise))
        try:
            await next_save(exercise, seen, checking)
        finally:
            checking.cancel()
            await asyncio.wait([checking])
        print(f"\n{'─' * 30}\n")


async def next_save(exercise, seen, checking):
    while saved(exercise.folder) == seen:
        if checking.done():
            checking.result()  # raises what went wrong
        workspace.begun(exercise.word)
        await asyncio.sleep(LOOK_SECONDS)  # nothing portable tells us of a save


def saved(folder):
    """{file: when it was saved} of what the learner writes."""
    found = {}
    for path in workspace.own_files(folder):
        with contextlib.suppress(FileNotFoundError):  # an editor has just put another in its place
            found[path] = path.stat().st_mtime_ns
    return found


# --- many learners --------------------------------------------------------------------------------


def grade(options):
    if options.watch or options.name:
        raise UsageError("--all grades everything in the folders: without --watch, without NAME.")
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit wants seconds, 1 or more, not {options.limit}.")
    from ..practice.grading import learners

    found = learners(options.all)
    with contextlib.ExitStack() as stack:
        # Before the work: that it cannot be written must not be said after an hour of grading.
        file = stack.enter_context(opened(options.csv)) if options.csv else None
        return asyncio.run(until_stopped(grade_all(found, options.limit or GRADE_SECONDS, file)))


def opened(path):
    try:
        return Path(path).open("w", newline="")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}): name another file."
        ) from None


async def grade_all(learners, limit, file):
    from ..practice.grading import DONE, Row, grade

    table = csv.writer(file) if file else None
    if table:
        table.writerow(Row._fields)
    rows = []
    async for row in grade(learners, limit):
        rows.append(row)
        print_row(row, DONE)
        if table:
            table.writerow(row)
            file.flush()
    done = sum(row.state == DONE for row in rows)
    print(f"\n{done} of {len(rows)} done.")
    return 0


def print_row(row, done):
    start = f"{row.learner:<14} {row.exercise:<24} {row.state:<6}"
    text = textwrap.fill(
        row.next, max(width(), 80), initial_indent=f"{start} ", subsequent_indent=" " * 8
    )
    print(painted(text or start, GREEN if row.state == done else None), flush=True)
