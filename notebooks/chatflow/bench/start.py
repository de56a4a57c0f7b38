"""How long it takes from a clone to the first message."""

import contextlib
import json
import re
import shutil
import statistics
import subprocess
import time

from websockets.sync.client import connect

from ..basics.catalog import ROOT
from ..basics.errors import LaunchError, MissingError
from ..running.environment import clean_environment
from ..running.processes import Program, RunFolder

WARM_STARTS = 5
GIVE_UP_SECONDS = 600
RUN_STEP = ["scripts/run_step.sh", "6", "--instances", "2", "--port", "0"]


def measure():
    """Returns the facts to keep: the seconds from a clone, and from each start after that."""
    # Its sweeper removes the clone and the caches, even if we are killed.
    with contextlib.closing(RunFolder("bench")) as folder:
        print("Cloning ...", flush=True)
        cloning = time.monotonic()
        clone_repository(folder.path / "clone")
        cloned = time.monotonic() - cloning
        print("Starting it with empty caches ...", flush=True)
        cold = cloned + time_start(folder)
        print("Starting it again ...", flush=True)
        return {"cold": cold, "warm": [time_start(folder) for _ in range(WARM_STARTS)]}


def table(facts):
    count = len(facts["warm"])
    return ["until a message has gone from instance A of stage 06 to B", "seconds"], [
        ["from `git clone`, with empty caches", f"{facts['cold']:.1f}"],
        [f"from a start after that, median of {count}", f"{statistics.median(facts['warm']):.1f}"],
    ]


def in_words(facts):
    return "The first one also depends on the network: it installs all packages."


def clone_repository(target):
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        raise MissingError("A fresh clone is to be measured: git and a git repository are needed.")
    subprocess.run(["git", "clone", "--quiet", ROOT, target], check=True)
    if subprocess.check_output(["git", "status", "--porcelain"], cwd=ROOT):
        print("(What is not committed is not in the clone.)", flush=True)


def time_start(folder):
    """Run run_step.sh in the clone; return the seconds until a message has crossed instances."""
    clone = folder.path / "clone"
    # As with somebody who has just come: no caches, and Python may keep its own.
    names = ("UV_CACHE_DIR", "PIP_CACHE_DIR", "XDG_CACHE_HOME", "JUPYTER_DATA_DIR")
    environment = clean_environment() | {name: str(folder.path / name.lower()) for name in names}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.monotonic()
    program = Program(
        [clone / RUN_STEP[0], *RUN_STEP[1:]],
        folder=folder,
        log=folder.path / f"start-{started}.log",
        cwd=clone,
        env=environment,
        grace=10,
    )
    try:
        if not program.wait_until(lambda: "\nReady in " in program.said(), GIVE_UP_SECONDS):
            raise program.failure(f"{' '.join(RUN_STEP)} did not start")
        send_a_message(*re.findall(r"instance \w +(http\S+)", program.said()))
        return time.monotonic() - started
    finally:
        program.stop()


def send_a_message(*urls):
    """From the first instance to the last."""
    addresses = [f"{url.replace('http', 'ws', 1)}ws/chat/lobby/" for url in urls]
    with contextlib.ExitStack() as stack:
        # A proxy that the environment names has no part in it.
        sockets = [stack.enter_context(connect(each, proxy=None)) for each in addresses]
        sockets[0].send('{"type": "post", "author": "alice", "text": "the first"}')
        if json.loads(sockets[-1].recv(timeout=10))["text"] != "the first":
            raise LaunchError("The first message was another one.")
