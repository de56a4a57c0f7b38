#!/usr/bin/env bash
# gunicorn's ASGI worker: a HEAD request for an event stream is answered when the stream ends.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install gunicorn==27.0.1 uvicorn==0.54.0
run_program <<'PYTHON'
import asyncio
import socket
import subprocess
import sys
import time

SERVERS = {
    "uvicorn": "uvicorn --fd {} --lifespan off",
    "gunicorn": "gunicorn --bind fd://{} --worker-class asgi --no-control-socket",
}
PIECES, PAUSE = 40, 0.1


async def application(scope, receive, send):
    """An event stream of four seconds, for GET and HEAD alike, as frameworks do it."""
    if scope["type"] == "lifespan":
        raise ValueError("There is no lifespan here.")
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(PIECES):
        await send({"type": "http.response.body", "body": b": hello\n\n", "more_body": True})
        await asyncio.sleep(PAUSE)
    await send({"type": "http.response.body", "body": b""})


def start(server):
    """Start a server on a free port; return its address, once it answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    words = SERVERS[server].format(listener.fileno()).split()
    with open(f"{server}.log", "w") as log:
        words.append("finding:application")
        subprocess.Popen(words, pass_fds=[listener.fileno()], stdout=log, stderr=log)
    seconds_until_answered(listener.getsockname(), "GET")
    return listener.getsockname()


def seconds_until_answered(address, method):
    """How long it takes until the first byte of an answer comes."""
    with socket.create_connection(address) as client:
        client.settimeout(30)
        before = time.monotonic()
        client.sendall(f"{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        return time.monotonic() - before


def main():
    print("expected: the header of an event stream comes at once, for GET and for HEAD")
    seen = {}
    for server in SERVERS:
        address = start(server)
        for method in ("GET", "HEAD"):
            seen[server, method] = seconds_until_answered(address, method)
            print(f"seen, {server}: {method} is answered after {seen[server, method]:.1f} s")
    late = [which for which, seconds in seen.items() if seconds > PIECES * PAUSE / 2]
    if late != [("gunicorn", "HEAD")]:
        return "Changed: gunicorn answers HEAD at once, or another one is late."
    return None


if __name__ == "__main__":
    sys.exit(main())
PYTHON
