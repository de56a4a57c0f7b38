"""The guesses that were written down before a table was made, and how many were right.

Kept beside the tables, as `guesses/NAME.toml`: a table [row] with a guess for each column, in the
words of the table's cells.
"""

import tomllib
from pathlib import Path

from .tables import cells, found

GUESSES = Path(__file__).parent / "guesses"


def guessed(name):
    """{(row's key, column): our guess}."""
    rows = tomllib.loads((GUESSES / f"{name}.toml").read_text())
    return {(key, column): word for key, row in rows.items() for column, word in row.items()}


def share(name, guesses=None):
    """(how many guesses were right, of how many cells that were guessed): ours, or these."""
    seen, ours = cells(found(name)), guessed(name) if guesses is None else guesses
    both = seen.keys() & ours.keys()
    return sum(seen[cell] == ours[cell] for cell in both), len(both)


def in_words(name):
    right, of = share(name)
    believed = "Before the table was made we wrote down what we believed"
    return f"{believed}: of {of} cells we had {right} right."
