#!/usr/bin/env bash
# Daphne: Python's warnings, "coroutine … was never awaited" among them, are printed nowhere.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install daphne==4.2.3 twisted==26.10.0 uvicorn==0.54.0 httpx==0.28.1
run_program <<'PYTHON'
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

SERVERS = {
    "daphne": ["daphne", "--fd={}"],
    "daphne -v 2": ["daphne", "-v", "2", "--fd={}"],
    "uvicorn": ["uvicorn", "--fd={}"],
}
WARNING = "RuntimeWarning: coroutine 'forgotten' was never awaited"


async def forgotten():
    pass


async def application(scope, receive, send):
    """Answer a request, and forget an `await` on the way."""
    if scope["type"] != "http":
        return
    forgotten()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"answered"})


def log_of(server):
    """What a server has printed once it has answered a request."""
    path, listener = Path(f"{server}.log"), socket.create_server(("127.0.0.1", 0))
    words = [word.format(listener.fileno()) for word in SERVERS[server]]
    with path.open("w") as log:
        words.append("finding:application")
        program = subprocess.Popen(words, pass_fds=[listener.fileno()], stdout=log, stderr=log)
    url = "http://{}:{}/".format(*listener.getsockname())
    answer = httpx.get(url, timeout=30, trust_env=False)
    assert answer.text == "answered"
    give_up_at = time.monotonic() + 3
    while WARNING not in path.read_text() and time.monotonic() < give_up_at:
        time.sleep(0.1)
    program.terminate()
    program.wait(10)
    return path.read_text()


def main():
    print("expected: Python warns of a coroutine that is thrown away, whichever server runs the code")
    seen = {server: WARNING in log_of(server) for server in SERVERS}
    for server, warned in seen.items():
        print(f"seen, {server}: its output {'has' if warned else 'does not have'} the warning")
    if seen != {"daphne": False, "daphne -v 2": True, "uvicorn": True}:
        return "Changed: it is not Daphne alone, as it is usually started, that prints no warning."
    return None


if __name__ == "__main__":
    sys.exit(main())
PYTHON
