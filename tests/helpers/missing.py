"""For tests of what a machine need not have: they are left out there, and that is said once."""

import os
import shutil
from collections import Counter

import pytest

from chatflow.basics.errors import MissingError
from chatflow.basics.hidden import hidden

# The key of a passed test's note that it has left something out.
PARTLY = "left out"


def leave_out(name, reason):
    """Skip the test; but fail in CI, which insists on the program unless CHATFLOW_HIDE names it."""
    insists = os.environ.get("CI") == "true" and name not in hidden()
    (pytest.fail if insists else pytest.skip)(str(reason))


def need(name, find):
    """Leave the test out where `find` raises that there is no such program."""
    try:
        find()
    except MissingError as error:
        leave_out(name, error)


def need_git():
    """Leave the test out where there is no git."""
    if not shutil.which("git"):
        leave_out("git", "No git to be had: install it (Debian: apt install git).")


def left_out(stats):
    """A line for each reason, with how many tests are left out for it, or a part of them."""
    skipped = (report.longrepr[2] for report in stats.get("skipped", []))
    whole = Counter(reason.removeprefix("Skipped: ") for reason in skipped)
    partly = Counter(
        reason
        for report in stats.get("passed", [])
        if report.when == "call"
        for key, reason in report.user_properties
        if key == PARTLY
    )
    reasons = dict.fromkeys([*whole, *partly])
    return [f"{counted(whole[reason], partly[reason])}: {reason}" for reason in reasons]


def counted(whole, partly):
    parts = [f"{whole} test{'s'[: whole != 1]}"] if whole else []
    parts += [f"a part of {partly} test{'s'[: partly != 1]}"] if partly else []
    return " and ".join(parts)
