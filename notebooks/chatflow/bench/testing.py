"""How long `scripts/test.sh` takes, and how much processor time, next to an earlier revision."""

import statistics
import subprocess
import time

import psutil

from ..basics.errors import LaunchError
from ..running.processes import Program, RunFolder
from .start import clone_repository

HEAD = ["revision", "seconds", "CPU seconds", "what pytest says"]
LOOK_SECONDS = 0.2


def compare_test_runs(revision, rounds, options):
    """Run the tests of both revisions in turn, and print each run and the ratios of the medians.

    `options` are pytest's, for both. The CPU time is that of the whole machine: nothing else is to
    run there. Raises LaunchError.
    """
    folder = RunFolder("bench")
    try:
        clones = {"before": make_clone(folder, revision), "now": make_clone(folder, "HEAD")}
        runs = run_in_turn(folder, clones, rounds, options)
    finally:
        folder.close()
    before, now = (medians(runs[name]) for name in clones)
    ratios = [f"{after / earlier:.2f}" for earlier, after in zip(before, now, strict=True)]
    print(f"now ÷ {revision}, medians: {ratios[0]} of the time, {ratios[1]} of the CPU time")


def run_in_turn(folder, clones, rounds, options):
    """{name: a run for each round}; a run is what `time_tests` returns."""
    runs = {name: [] for name in clones}
    print(", ".join(HEAD), flush=True)
    for number in range(rounds):
        # Each comes first as many times as the other.
        for name in sorted(clones, reverse=number % 2 == 1):
            run = time_tests(folder, clones[name], options)
            runs[name].append(run)
            print(f"{name}, {run[0]:.0f}, {run[1]:.0f}, {run[2]}", flush=True)
    return runs


def medians(runs):
    return [statistics.median(run[column] for run in runs) for column in (0, 1)]


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
