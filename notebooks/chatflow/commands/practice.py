"""`scripts/practice.sh`: write a stage yourself, or hunt a mistake in one."""

import difflib
import os
import sys
import textwrap
from functools import partial

from ..basics.catalog import shown
from ..basics.errors import LaunchError, UsageError
from ..practice import workspace
from ..practice.exercises import exercises, find, find_any
from .practice_check import after, check_it
from .run_step import Parser, open_standard_streams
from .terminal import BOLD, GREEN, WIDEST, painted, print_diff, say, width

COMMAND = "./scripts/practice.sh"
NARROW = 80  # columns of a list, at least


def make_parser():
    parser = Parser(
        prog="practice.sh",
        description="Write a stage yourself, or hunt a mistake in one. Without a verb it says what "
        "to do next. NAME is 5, or the name of a hunt; otherwise it is the exercise begun last.",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="[VERB]")
    verbs.add_parser("list", help="all exercises, and which are done")
    build = verbs.add_parser("build", help="write a stage yourself: 2 to 9")
    build.add_argument("name", metavar="N")
    hunt = verbs.add_parser("hunt", help="hunt a mistake: by its name, or the next one")
    hunt.add_argument("name", nargs="?", metavar="NAME")
    check = verbs.add_parser("check", help="what holds, and the one thing to do next")
    check.add_argument("--watch", action="store_true", help="again at each save, until Ctrl-C")
    check.add_argument("--all", nargs="+", metavar="FOLDER", help="grade many learners' folders")
    check.add_argument("--csv", metavar="FILE", help="with --all: write the table to a file, too")
    check.add_argument(
        "--limit", type=int, metavar="S", help="with --all: seconds for each exercise (60)"
    )
    hint = verbs.add_parser("hint", help="a question; then a direction, then nearly the answer")
    show = verbs.add_parser("show", help="how the stage differs from what you have")
    reset = verbs.add_parser("reset", help="begin an exercise again; what you have is kept")
    for verb in (check, hint, show, reset):
        verb.add_argument("name", nargs="?", metavar="NAME")
    return parser


def main(arguments=None):
    open_standard_streams()
    try:
        options = make_parser().parse_args(arguments)
        return VERBS[options.verb](options)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output has gone; nothing may be written to it any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


# --- what there is, and what to do ----------------------------------------------------------------


def say_what_is_next(options):
    """Three lines."""
    exercise = workspace.current()
    if exercise is None:
        print(f"Write a stage yourself:  {COMMAND} build 5     (any of 2 to 9)")
        print(f"Or find a mistake:       {COMMAND} hunt")
        print(f"All there is to do:      {COMMAND} list")
    elif exercise.key in workspace.read()["done"]:
        print(f"{exercise.key} is done. {after(exercise)}")
        print(f"Or try another way in {shown(exercise.folder)}, then: {COMMAND} check")
        print(f"All there is to do:  {COMMAND} list")
    else:
        print(f"You are at {exercise.key}: change the files in {shown(exercise.folder)}, then type")
        print(f"  {COMMAND} check     (or check --watch, beside your editor)")
        print("If you are stuck: hint. For something else: list, then build N or hunt NAME.")


def list_all(options):
    kept = workspace.read()
    wide = max(len(each.key) for each in exercises()) + 2
    for each in exercises():
        state, look = state_of(each, kept)
        about = textwrap.shorten(about_it(each), room_for_words() - wide - 7, placeholder=" …")
        print(f"{each.key:<{wide}}{painted(f'{state:<7}', look)}{about}")
    done = sum(each.key in kept["done"] for each in exercises())
    print(f"\n{done} of {len(exercises())} done.")


def room_for_words():
    return min(max(width(), NARROW), WIDEST)


def about_it(exercise):
    lacks = f"(no {' and no '.join(missing)} here) " if (missing := exercise.missing()) else ""
    return lacks + (exercise.goal or f"{exercise.stage.called}: {exercise.symptom}")


def state_of(exercise, kept):
    if exercise.key in kept["done"]:
        return "done", GREEN
    return ("begun", BOLD) if exercise.folder.exists() else ("", None)


def begin(options):
    exercise = find(options.verb, options.name) if options.name else next_hunt()
    if missing := exercise.missing():
        raise UsageError(
            f"{exercise.key} needs {' and '.join(missing)}, which this machine does not have: "
            f"install it, or take another one of practice.sh list."
        )
    is_new = workspace.hand_out(exercise)
    workspace.choose(exercise)
    if not is_new:
        say(f"You have begun {exercise.key} before: go on with it, or type reset to begin again.")
    tell(exercise)


def next_hunt():
    done = workspace.read()["done"]
    left = [each for each in exercises() if each.kind == "hunt" and each.key not in done]
    if found := next((each for each in left if not each.missing()), None):
        return found
    if left:
        lacks = sorted({name for each in left for name in each.missing()})
        raise UsageError(
            f"All hunts are done that this machine can try: the others need {', '.join(lacks)}."
        )
    raise UsageError("All hunts are done: give the name of one, as practice.sh list has them.")


def tell(exercise):
    """What to do, in a few lines."""
    folder = shown(exercise.folder)
    if exercise.kind == "build":
        tell_build(exercise)
    else:
        say(f"Somebody who uses {exercise.stage.called} says: “{exercise.symptom}”", look=BOLD)
    print(f"\nYour folder   {folder}")
    print(f"What is next  {COMMAND} check     (or check --watch; hint, if you are stuck)")
    flow = " --flow" if exercise.traced else ""
    print(f"Run it        ./scripts/run_step.sh {exercise.stage.key} --folder {folder}{flow}")


def tell_build(build):
    start, goal = build.start.called, build.stage.called
    say(f"Your folder is a copy of {start}. Make it {goal}: {build.goal}", look=BOLD)
    for line in build.contract:
        say(f"- {line}")
    files = ", ".join(map(partial(or_new, build), build.stage.changed))
    say(f"Files that usually change: {files}.")
    say(f"What it is about: notebooks/{build.stage.notebook}.")


def or_new(build, file):
    return file if (build.start.folder / file).exists() else f"{file} (new)"


# --- help -----------------------------------------------------------------------------------------


def hint(options):
    exercise = workspace.begun(options.name)
    number, text = workspace.next_hint(exercise)
    say(f"Hint {number} of {len(exercise.hints)} for {exercise.key}: {text}")
    print("Another one: hint." if number < len(exercise.hints) else "That was the last one: show.")


def show(options):
    exercise = workspace.begun(options.name)
    print_diff(differences(exercise.folder, exercise.stage.folder))


def differences(own, ours):
    """The lines of a diff from the learner's folder to the stage."""
    files = {path.relative_to(root) for root in (own, ours) for path in workspace.own_files(root)}
    for name in sorted(files):
        before, after = lines_of(own / name), lines_of(ours / name)
        yield from difflib.unified_diff(before, after, f"yours/{name}", f"stage/{name}")


def lines_of(path):
    return path.read_text(errors="replace").splitlines() if path.is_file() else []


def reset(options):
    exercise = find_any(options.name) if options.name else workspace.begun()
    if exercise.folder.exists():
        say(f"What you had is in {shown(workspace.set_aside(exercise))}.")
    workspace.hand_out(exercise)
    workspace.choose(exercise)
    tell(exercise)


VERBS = {
    None: say_what_is_next,
    "list": list_all,
    "build": begin,
    "hunt": begin,
    "check": check_it,
    "hint": hint,
    "show": show,
    "reset": reset,
}
