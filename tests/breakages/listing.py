"""The list of breakages: small mistakes, each a patch, with the tests that have to turn red.

A file AREA/NAME.patch begins with a sentence that says what goes wrong; then comes a line
`test: NODE_ID` for each test that must notice, and then the diff. Name the fewest and quickest
tests. Write the diff with little context (`git diff -U1`), so that it still fits when the code
around it has changed.
"""

import os
import random
import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import groupby
from pathlib import Path

from chatflow.basics.errors import UsageError

HERE = Path(__file__).parent
# Says which breakages are tried: "all", or names. Without it, those of the day.
CHOICE = "CHATFLOW_BREAKAGES"
# A day for another choice of those, as 2026-11-28; for the same day it is always the same.
DAY = "CHATFLOW_DAY"


@dataclass(frozen=True)
class Breakage:
    """One mistake. `name` is "AREA/NAME"; `tests` are node ids as pytest prints them."""

    name: str
    path: Path
    sentence: str
    tests: tuple[str, ...]

    @property
    def area(self):
        return self.name.partition("/")[0]


@cache
def breakages():
    """{name: Breakage} of the whole list, sorted by name."""
    paths = sorted(HERE.glob("*/*.patch"))
    return {found.name: found for found in map(read, paths)}


def read(path):
    preamble = path.read_text().partition("\n--- ")[0]
    name = path.relative_to(HERE).with_suffix("").as_posix()
    tests = re.findall(r"^test: (.+)$", preamble, re.MULTILINE)
    return Breakage(name, path, preamble.partition("\n\n")[0], tuple(tests))


def chosen():
    """The breakages to be tried. Raises UsageError for a name that none has."""
    names = os.environ.get(CHOICE, "").split() or of_the_day()
    if names == ["all"]:
        return list(breakages().values())
    if unknown := [name for name in names if name not in breakages()]:
        raise UsageError(f"tests/breakages/ has no {unknown[0]}: give AREA/NAME, as its files.")
    return [breakages()[name] for name in names]


def of_the_day():
    """The names of one breakage of each area, the same for the whole day."""
    dice = random.Random(os.environ.get(DAY) or date.today().isoformat())
    names = list(breakages())  # sorted, and so by area
    return [dice.choice(list(area)) for _, area in groupby(names, lambda name: name.split("/")[0])]
