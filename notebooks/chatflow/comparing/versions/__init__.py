"""`compare.sh versions`: all stages under several versions of Python, Django and redis-py.

A row for each combination, a column for each stage; and a column for some stages without what their
settings tell redis-py. "green" means that all is as the matrix of steps.toml says, and that Django
has nothing to say about it (`check`, `makemigrations --check`).
"""

import contextlib
import json
import sys
import time

from ...basics.catalog import ROOT
from ...basics.errors import LaunchError, MissingError
from ...running import pythons
from ...running.environment import clean_environment
from ...running.processes import RunFolder, run_to_end
from .. import tables
from . import environments
from .columns import GREEN, NOT_HERE, cell_of, columns, names

# From the oldest that the project takes to the newest that has been released.
MINORS = range(11, 16)
DJANGO, REDIS = ("5.2", "6.1"), ("7", "8")
# What all rows share, as the lock file has it.
SHARED = ["channels", "channels-redis", "daphne", "gunicorn"]
TRYING = "chatflow.comparing.versions.trying"
ROW_SECONDS = 600
# The column that the README tells of.
SURPRISE = "06 untold"


def run(options):
    """Try each combination, and print its row as soon as it is there."""
    found = {minor: pythons.find(minor) for minor in MINORS}
    if not any(found.values()):
        raise MissingError("No Python from 3.11 on was found: put python3.13 on PATH, say.")
    with contextlib.closing(RunFolder("versions")) as folder:
        rows = [row for minor, path in found.items() for row in rows_of(minor, path, folder)]
    tables.report("versions", tables.gathered(names(), rows, SHARED), options.keep)


def rows_of(minor, path, folder):
    """The rows of one Python: a single one, if it is not here."""
    if not path:
        yield told(row([minor], f"Python 3.{minor}", dict.fromkeys(names(), NOT_HERE)))
        return
    for django in DJANGO:
        for redis in REDIS:
            began = time.monotonic()
            found = try_one(minor, path, django, redis, folder)
            yield told(found, f" after {time.monotonic() - began:.0f} s")


def try_one(minor, path, django, redis, folder):
    """The row of a combination, by a run of all stages in an environment of its own."""
    key, title = [minor, django, redis], title_of(f"3.{minor}", django, redis)
    try:
        program = environments.make(path, django, redis)
    except environments.CannotBeInstalled as error:
        print(error, file=sys.stderr)
        cells = dict.fromkeys(names(), error.cell)
        return row(key, title, cells) | {"cannot": error.cell}
    there, unlike = tried(program, folder)
    found = {name: unlike.get(name, {"end": "no"}) for name in names()}
    cells = {name: cell_of(each) for name, each in found.items()}
    reasons = {name: each for name, each in found.items() if each}
    return row(key, title_of(**there), cells) | ({"reasons": reasons} if reasons else {})


def tried(program, folder):
    """The versions that ran, and {column: what was not as it should be}."""
    environment = clean_environment() | {"PYTHONPATH": str(ROOT / "notebooks")}
    done = run_to_end(
        [program, "-P", "-m", TRYING],
        folder=folder,
        within=ROW_SECONDS,
        cwd=ROOT,
        env=environment,
    )
    print(done.stderr, end="", file=sys.stderr)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    if not told:
        raise LaunchError(f"{program} could not try anything: see what it has said above.")
    first, *rest = told
    return first["versions"], {each["column"]: each["unlike"] for each in rest}


def row(key, title, cells):
    minor, *others = key
    return {"key": " ".join([f"3.{minor}", *others]), "title": title, "cells": cells}


def title_of(python, django, redis):
    return f"Python {python}, Django {django}, redis-py {redis}"


def told(row, after=""):
    """Print a row; returns it."""
    print(f"{row['title']}{after}: {in_short(row)}", flush=True)
    return row


def in_short(row):
    cells = row["cells"]
    others = {name: cell for name, cell in cells.items() if cell != GREEN}
    if has_run(row):
        counted = f"{len(cells) - len(others)} of {len(cells)} green"
        return "; ".join([counted, *(f"{name} {cell}" for name, cell in others.items())])
    return next(iter(others.values()))


def has_run(row):
    return not (row.get("cannot") or NOT_HERE in row["cells"].values())


# --- for the page and the README ------------------------------------------------------------------


def in_a_line(facts):
    """What surprises most."""
    ran = [row for row in facts["rows"] if has_run(row)]
    found = {f"{row['cells'][SURPRISE]} with {redis_of(row)}": True for row in ran}
    return (
        f"{' '.join(of_the_stages(facts))} Without what its settings tell redis-py, stage 06 is "
        f"{', and '.join(sorted(found, reverse=True))}."
    )


def redis_of(row):
    return f"redis-py {row['key'].split()[-1]}"


def in_words(facts):
    """What the table says, in sentences."""
    return " ".join([*of_the_stages(facts), *of_those_left_out(facts), *of_the_untold(facts)])


def of_the_stages(facts):
    own = [column.name for column in columns() if not column.untold]
    ran = [row for row in facts["rows"] if has_run(row)]
    wrong = [
        f"{row['title']}: {name} {row['cells'][name]}."
        for row in ran
        for name in own
        if row["cells"][name] != GREEN
    ]
    if wrong:
        return wrong
    return [
        f"Every stage is green in each of the {len(ran)} combinations that could be run: all rows "
        "of its matrix, and Django finds nothing to complain of."
    ]


def of_those_left_out(facts):
    return [f"{row['title']}: {in_short(row)}." for row in facts["rows"] if not has_run(row)]


def of_the_untold(facts):
    """What the four columns show that are not of a stage as it is."""
    found = {}
    for row in filter(has_run, facts["rows"]):
        release = redis_of(row)
        for column in columns():
            if column.untold:
                found.setdefault((release, row["cells"][column.name]), {})[column.name] = True
    yield (
        "*Untold* is a stage whose settings tell redis-py nothing, neither how long to wait nor "
        "which protocol to speak, with two sockets that are left alone; on the queue layer, if not "
        "on *pub/sub*."
    )
    for (release, cell), which in found.items():
        yield f"With {release}, {', '.join(which)}: {cell}."
