"""How long it takes from a clone to a chat that answers."""

import re
import shutil
import statistics
import subprocess
import time

import httpx

from ..catalog import ROOT
from ..errors import LaunchError, MissingError
from ..processes import Program, RunFolder
from ..servers import clean_environment

COLD_BAR, WARM_BAR = 60, 3
WARM_STARTS = 5
GIVE_UP_SECONDS = 600
RUN_STEP = ["scripts/run_step.sh", "6", "--instances", "2", "--port", "0"]


def measure_start():
    """Print the seconds from a fresh clone, and then from a warm one, to two instances serving."""
    # Its sweeper removes the clone and the caches, even if we are killed.
    folder = RunFolder("bench")
    try:
        print("Cloning ...", flush=True)
        clone_repository(folder.path / "clone")
        print("Starting it with empty caches ...", flush=True)
        cold = time_start(folder)
        print(f"fresh clone, empty caches: {cold:.1f} s (meant: under {COLD_BAR} s)", flush=True)
        warm = [time_start(folder) for _ in range(WARM_STARTS)]
    finally:
        folder.close()
    each = ", ".join(f"{seconds:.1f}" for seconds in warm)
    median = f"{statistics.median(warm):.1f} s (meant: under {WARM_BAR} s)"
    print(f"again, median of {WARM_STARTS}:        {median}; each: {each}")


def clone_repository(target):
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        raise MissingError("A fresh clone is to be measured: git and a git repository are needed.")
    subprocess.run(["git", "clone", "--quiet", ROOT, target], check=True)
    changed = subprocess.run(
        ["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, check=True
    )
    if changed.stdout:
        print("(What is not committed is not in the clone.)", flush=True)


def time_start(folder):
    """Run run_step.sh in the clone; return the seconds until all its instances have answered."""
    clone = folder.path / "clone"
    started = time.monotonic()
    program = Program(
        [clone / RUN_STEP[0], *RUN_STEP[1:]],
        folder=folder,
        log=folder.path / f"start-{started}.log",
        cwd=clone,
        env=fresh_environment(folder.path),
        grace=10,
    )
    try:
        for url in wait_for_urls(program):
            httpx.get(url).raise_for_status()
        return time.monotonic() - started
    finally:
        program.stop()


def fresh_environment(path):
    """The environment of somebody who has just come: no caches, and Python may keep its own."""
    names = ("UV_CACHE_DIR", "PIP_CACHE_DIR", "XDG_CACHE_HOME", "JUPYTER_DATA_DIR")
    fresh = clean_environment() | {name: str(path / name.lower()) for name in names}
    fresh.pop("PYTHONDONTWRITEBYTECODE", None)
    return fresh


def wait_for_urls(program):
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while program.poll() is None and time.monotonic() < give_up_at:
        said = program.log.read_text(errors="replace")
        if "\nReady in " in said:
            return re.findall(r"instance \w +(http\S+)", said)
        time.sleep(0.02)
    raise LaunchError(f"{' '.join(RUN_STEP)} did not start:\n{program.last_lines()}")
