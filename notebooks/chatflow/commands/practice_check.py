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
from ..practice.exercises import exercises
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
    tell = teller()
    verdict = await check(exercise, answered=tell)
    tell(verdict)
    if not verdict.done:
        say(*(f"untried  {text}" for text in verdict.untried))
        show_pictures(verdict)
        return 1
    say(f"Done: {exercise.key}.", look=GREEN)
    tell_the_story(exercise)
    return await say_the_rest(exercise)


def teller():
    """A function that prints what a verdict says, and not again what it has printed before."""
    told = set()

    def tell(verdict):
        rows = [(f"holds    {text}", GREEN) for text in verdict.holds]
        rows += [(f"not yet  {text}", RED) for text in verdict.fails]
        rows += [(f"\nNext: {verdict.next}\n", BOLD)] if verdict.next else []
        for text, look in rows:
            if text not in told:
                say_between(text, look)
        told.update(text for text, _ in rows)
        sys.stdout.flush()

    return tell


def say_between(text, look):
    """A paragraph, with the empty lines that it has before and after it."""
    before, after = text.startswith("\n"), text.endswith("\n")
    print(end="\n" * before)
    say(text.strip("\n"), look=look)
    print(end="\n" * after)


def tell_the_story(exercise):
    """Of a hunt that is over: what it was, who else has met it, and where it is shown."""
    parts = {"": exercise.was, "Met by others: ": exercise.met, "Shown in ": exercise.cell}
    say(*(f"{start}{text}" for start, text in parts.items() if text))


async def say_the_rest(exercise):
    from ..practice.testing import try_the_rest

    say(after(exercise))
    print(
        f"\nNow the rest of the tests of {exercise.stage.called}: a minute or more. Ctrl-C leaves "
        f"them out: {exercise.key} is done.",
        flush=True,
    )
    passed, failed = await try_the_rest(exercise)
    for text in failed:
        say(f"not yet  {text}", look=RED)
    if failed:
        say(f"{passed} other tests pass. {exercise.key} is done; these ask for more of the stage.")
        return 1
    say(f"All {passed} of them pass.", look=GREEN)
    return 0


def after(exercise):
    """What to do when an exercise is done."""
    later = [each for each in exercises() if each.kind == exercise.kind == "build"]
    later = [each.key for each in later if each.stage.number > exercise.stage.number]
    return f"What is next: ./scripts/practice.sh {' or '.join([*later[:1], 'hunt'])}."


def show_pictures(verdict):
    """The two flows as text, and where their pictures lie; a sentence, if they are alike."""
    if len(verdict.pictures) < 2:
        return
    stage = verdict.exercise.stage
    if verdict.differs is None:
        say(f"Alice's message goes the same way as in {stage.called}: it is not this that differs.")
        return
    from ..drawing.folding import hop_words, station_titles

    flows = []
    for picture in verdict.pictures:
        titles = station_titles(picture.flow)
        numbered = enumerate(picture.hops, 1)
        flows.append([hop_words(number, hop, titles) for number, hop in numbered])
    print()
    print_pair(("Your message", f"As in {stage.called}"), flows, verdict.differs)
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
