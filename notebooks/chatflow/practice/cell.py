"""What a notebook shows of an exercise: what the check says, and both pictures beside each other.

await practise(5)
"""

import base64
import html
import os

from ..basics.catalog import shown
from . import workspace
from .checking import check
from .exercises import exercises, find

# What is committed shows no learner's own folder: notebooks.sh and the tests set this.
NOBODY = "CHATFLOW_NOBODY" in os.environ
MINE, OURS = "Your message", "The same message in our stage {}"
# Beside each other where there is room for both, else below each other.
ROW = '<div style="display:flex;flex-wrap:wrap;gap:12px">{}</div>'
FIGURE = (
    '<figure style="margin:0;flex:1 1 420px;min-width:0"><figcaption>{}</figcaption>{}</figure>'
)
IMAGE = '<img alt="{}" src="data:image/svg+xml;base64,{}" style="max-width:100%">'


async def practise(name):
    """Check the exercise that builds stage `name`, if it has been begun; says how to begin if not.

    Returns what the cell shows.
    """
    exercise = find("build", str(name))
    if NOBODY or not exercise.folder.exists():
        return Words(how_to_begin(exercise))
    workspace.begun(exercise.word)
    return Checked(await check(exercise))


def progress():
    """Which exercises are begun and which are done, as a table; says so if none is."""
    kept = workspace.read()
    rows = [] if NOBODY else [row for each in exercises() if (row := table_row(each, kept))]
    if not rows:
        return Words("Nothing is begun: `./scripts/practice.sh list` shows what there is to do.")
    done = f"{len(kept['done'])} of {len(exercises())} are done."
    return Words("\n".join(["| exercise | |", "| --- | --- |", *rows, "", done]))


def table_row(exercise, kept):
    day = kept["done"].get(exercise.key)
    state = f"done on {day}" if day else "begun" if exercise.folder.exists() else ""
    return f"| `{exercise.key}` | {state} |" if state else ""


def how_to_begin(exercise):
    return (
        f"Not begun: type `./scripts/practice.sh {exercise.key}` in a terminal. It gives you a "
        f"folder of your own, {shown(exercise.folder)}. Then run this cell again."
    )


class Words:
    """A sentence, or a table, in Markdown."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text

    def _repr_markdown_(self):
        return self.text


class Checked:
    """A verdict, as a cell shows it."""

    def __init__(self, verdict):
        self.verdict = verdict

    def __repr__(self):
        return "\n".join(lines(self.verdict))

    def _repr_html_(self):
        said = "".join(f"<p>{html.escape(line)}</p>" for line in lines(self.verdict))
        return said + pair(self.verdict)


def lines(verdict):
    """What the check says, line by line."""
    yield from (f"✓ {text}" for text in verdict.holds)
    yield from (f"✗ {text}" for text in verdict.fails)
    yield from (f"– {text} (not tried yet)" for text in verdict.untried)
    yield f"Next: {verdict.next}" if verdict.next else "Done: it does what the stage does."


def pair(verdict):
    """Both pictures as HTML, each with its title; "" if there are none."""
    titles = MINE, OURS.format(verdict.exercise.stage.short)
    part = ": where the two part is ringed in red" if verdict.differs else ""
    # Where the learner's message has left no trace, only ours is there.
    named = zip(titles[-len(verdict.pictures) :], verdict.pictures, strict=False)
    figures = [FIGURE.format(f"{title}{part}.", image(picture)) for title, picture in named]
    return ROW.format("".join(figures)) if figures else ""


def image(picture):
    data = base64.b64encode(picture.svg.encode()).decode()
    return IMAGE.format(html.escape(picture.text), data)
