"""How long `scripts/test.sh` takes, and how much processor time, next to an earlier revision."""

import contextlib
import statistics
import subprocess
import time

import psutil

from ..basics.errors import LaunchError
from ..running.processes import Program, RunFolder
from .start import clone_repository

LOOK_SECONDS = 0.2


def compare_test_runs(options):
    """Run the tests of both revisions in turn, and print each run and the ratios of the medians.

    `options` are those of `bench.sh tests`. The CPU time is that of the whole machine: nothing else
    is to run there. Raises LaunchError.
    """
    with contextlib.closing(RunFolder("bench")) as folder:
        clones = {"before": make_clone(folder, options.against), "now": make_clone(folder, "HEAD")}
        runs = run_in_turn(folder, clones, options.rounds, options.options)
    ratios = []
    for column, what in enumerate(("time", "CPU time")):
        before, now = (statistics.median(run[column] for run in runs[name]) for name in clones)
        ratios.append(f"{now / before:.2f} of the {what}")
    print(f"now ÷ {options.against}, medians: {', '.join(ratios)}")


def run_in_turn(folder, clones, rounds, options):
    """{name: (seconds, CPU seconds) for each round}."""
    runs = {name: [] for name in clones}
    print("revision, seconds, CPU seconds, what pytest says", flush=True)
    for number in range(rounds):
        # Each comes first as many times as the other.
        for name in sorted(clones, reverse=number % 2 == 1):
            *times, said = time_tests(folder, clones[name], options)
            runs[name].append(times)
            print(f"{name}, {times[0]:.0f}, {times[1]:.0f}, {said}", flush=True)
    return runs


def make_clone(folder, revision):
    """A clone at a revision, with its environment made. Raises LaunchError."""
    target = folder.path / revision
    clone_repository(target)
    for words in (["git", "checkout", "--quiet", revision], ["scripts/bootstrap.sh"]):
        done = subprocess.run(words, cwd=target, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LaunchError(f"{' '.join(words)} failed:\n{done.stderr.strip()}")
    return target


def time_tests(folder, clone, options):
    """(seconds, CPU seconds, pytest's last line) of one run of all tests."""
    began, used = time.monotonic(), busy_seconds()
    program = Program(
        [clone / "scripts" / "test.sh", "-q", *options],
        folder=folder,
        log=folder.path / f"tests-{began}.log",
        cwd=clone,
        grace=20,
    )
    try:
        while program.poll() is None:
            time.sleep(LOOK_SECONDS)  # it tells nobody when it ends
    finally:
        program.stop()
    seconds, cpu = time.monotonic() - began, busy_seconds() - used
    if program.poll() not in (0, 1):
        raise program.failure("The tests did not run")
    return seconds, cpu, program.last_lines(1)


def busy_seconds():
    """What all processors of the machine have worked since it started."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0)
    # Linux counts a guest's time among the user's, too.
    return sum(times) - idle - getattr(times, "guest", 0) - getattr(times, "guest_nice", 0)
