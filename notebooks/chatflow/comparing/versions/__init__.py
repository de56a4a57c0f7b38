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
from ...running.environment import clean_environment
from ...running.processes import RunFolder, run_to_end
from .. import tables
from . import environments, pythons
from .columns import GREEN, NOT_DONE, NOT_HERE, cell_of, names

# From the oldest that the project takes to the newest that has been released.
MINORS = range(11, 16)
DJANGO, REDIS = ("5.2", "6.1"), ("7", "8")
# What all rows share, as the lock file has it.
SHARED = ["channels", "channels-redis", "daphne", "gunicorn"]
TRYING = "chatflow.comparing.versions.trying"
ROW_SECONDS = 400


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
        return row(key, title, dict.fromkeys(names(), error.cell))
    there, unlike = tried(program, folder)
    cells = {name: cell_of(unlike[name]) if name in unlike else NOT_DONE for name in names()}
    reasons = {name: found for name, found in unlike.items() if found}
    return row(key, title_of(*there), cells, reasons)


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


def row(key, title, cells, reasons=None):
    minor, *others = key
    facts = {"key": " ".join([f"3.{minor}", *others]), "title": title, "cells": cells}
    return facts | ({"reasons": reasons} if reasons else {})


def title_of(python, django, redis):
    return f"Python {python}, Django {django}, redis-py {redis}"


def told(row, after=""):
    """Print a row; returns it."""
    others = {name: cell for name, cell in row["cells"].items() if cell != GREEN}
    if len(set(others.values())) == 1 and len(others) == len(row["cells"]):
        words = next(iter(others.values()))
    else:
        words = ", ".join(
            [f"{len(row['cells']) - len(others)} green", *map(": ".join, others.items())]
        )
    print(f"{row['title']}{after}: {words}", flush=True)
    return row
