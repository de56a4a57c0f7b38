"""What each file of tests costs in processor time: `test.sh --cpu`."""

import itertools
import os
from collections import Counter

import pytest

MOST = 25


def used():
    """What this process has used so far, and what its children had used when they ended."""
    times = os.times()
    return times.user + times.system, times.children_user + times.children_system


class Costs:
    """Notes with each test what was used since the one before.

    What a process used is counted where it ends: that of a stage which all tests of a worker share,
    in the last of them.
    """

    def pytest_collection_finish(self):
        self.before = used()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_teardown(self, item):
        yield
        now = used()
        item.user_properties.append(("cpu", [now[0] - self.before[0], now[1] - self.before[1]]))
        self.before = now


def of_files(stats):
    """[(file, seconds of the tests themselves, and of what they started)], the dearest first."""
    own, started = Counter(), Counter()
    for report in itertools.chain(*stats.values()):
        if getattr(report, "when", None) == "teardown":
            file = report.nodeid.partition("::")[0]
            for mine, theirs in (cpu for name, cpu in report.user_properties if name == "cpu"):
                own[file] += mine
                started[file] += theirs
    return [(file, own[file], started[file]) for file, _ in (own + started).most_common()]


def print_costs(terminalreporter):
    if rows := of_files(terminalreporter.stats):
        total = sum(own + started for _, own, started in rows)
        terminalreporter.section(f"{total:.0f} s of CPU: the tests' own, and what they start")
        for file, own, started in rows[:MOST]:
            terminalreporter.write_line(f"{own:8.1f} {started:8.1f}  {file}")
