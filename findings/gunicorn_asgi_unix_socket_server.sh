#!/usr/bin/env bash
# gunicorn's ASGI worker behind a Unix socket: the scope's server is the first two letters of its path.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install gunicorn==27.0.1 uvicorn==0.54.0 httpx==0.28.1
run_program <<'PYTHON'
import json
import subprocess
import sys
import time
from pathlib import Path

import httpx

SERVERS = {
    "uvicorn": ["uvicorn", "--uds={}"],
    "gunicorn": ["gunicorn", "--worker-class=asgi", "--no-control-socket", "--bind=unix:{}"],
}


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    body = json.dumps(scope.get("server")).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def server_told(name):
    """What the application is told of its server."""
    path = Path(f"{name}.sock").absolute()
    words = [word.format(path) for word in SERVERS[name]]
    with open(f"{name}.log", "w") as log:
        subprocess.Popen([*words, "finding:application"], stdout=log, stderr=log)
    give_up_at = time.monotonic() + 30
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), trust_env=False) as client:
        while True:
            try:
                return client.get("http://localhost/").json(), str(path)
            except httpx.TransportError:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.1)


def main():
    print("expected: as the specification has it, [path, null], or nothing")
    seen = {name: server_told(name) for name in SERVERS}
    for name, (server, path) in seen.items():
        print(f"seen, {name}: scope['server'] is {server}, for a socket {path[:5]}…")
    server, path = seen["gunicorn"]
    if server != list(path[:2]):
        return "Changed: gunicorn tells something else of its server."
    return None


if __name__ == "__main__":
    sys.exit(main())
PYTHON
