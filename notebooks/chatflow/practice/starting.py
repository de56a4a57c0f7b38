"""Why the learner's stage does not start, and what it needs before it can: one sentence each."""

import re

from .evidence import ERROR, last_error

NEEDED = ("manage.py", "websockets_channels/settings.py", "chat/models.py")

# What a program says that cannot go on, and what it means for who writes a stage.
MEANS = {
    r"No module named 'websockets_channels\.asgi'": (
        "There is no websockets_channels/asgi.py yet: an ASGI server asks it for the application."
    ),
    r"No module named 'websockets_channels\.wsgi'": (
        "There is no websockets_channels/wsgi.py: a WSGI server asks it for the application."
    ),
    r"do not have any CHANNEL_LAYERS configured|The connection jobs doesn't exist|layer 'jobs'": (
        "The worker does not start: the settings know no channel layer of the name jobs."
    ),
    r"cannot import name 'application'": (
        "The server finds no `application` in the module that it loads: it asks for this name."
    ),
    r"did not start \(TimeoutError": (
        "The stage does not answer: something in your code waits, or loops, while it is loaded."
    ),
    r"OperationalError: no such (?:table|column)": (
        "The database lacks what your models say: no migration makes it. Run makemigrations."
    ),
}


def why_not_started(error, folder):
    """One sentence, with a line of the learner's file where the log names one."""
    text = str(error)
    for pattern, sentence in MEANS.items():
        if re.search(pattern, text):
            return sentence
    if found := last_error(text, folder):
        return f"Your code does not load: {found}"
    if ends := [line for line in text.splitlines() if ERROR.match(line)]:
        return f"The stage does not start: {ends[-1]}"
    first, *log = text.strip().splitlines()
    return f"The stage does not start. The last line of its log: {log[-1]}" if log else first


def missing_file(folder):
    """A sentence about the first file that a stage cannot do without, or None."""
    lacks = [name for name in NEEDED if not (folder / name).is_file()]
    return f"Your folder has no {lacks[0]}, and no stage can do without it." if lacks else None


def missing_migration(exercise, run):
    """A sentence if the models have changed and no migration says so, else None."""
    models = "chat/models.py"
    if (run.folder / models).read_text() == (exercise.start.folder / models).read_text():
        return None
    if "Migrations for" not in run.manage("makemigrations", "--check", "--dry-run").stdout:
        return None
    return "Your models have changed, and no migration tells the database: run makemigrations."
