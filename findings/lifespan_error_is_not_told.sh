#!/usr/bin/env bash
# Uvicorn and gunicorn: an error that ends an application's lifespan is not told, Hypercorn tells it.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install uvicorn==0.54.0 gunicorn==27.0.1 hypercorn==0.18.0
run_program <<'PYTHON'
import socket
import subprocess
import sys
import time

SERVERS = {
    "hypercorn": "hypercorn --bind fd://{}",
    "uvicorn": "uvicorn --fd {}",
    "gunicorn": "gunicorn --bind fd://{} --worker-class asgi --no-control-socket",
}
MISTAKE = "the listener has died"


async def application(scope, receive, send):
    """Its lifespan starts a listener, which works at first."""
    await receive()
    if scope["type"] == "lifespan":
        await send({"type": "lifespan.startup.complete"})
        raise RuntimeError(MISTAKE)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


def log_of(server):
    """What a server has logged when it has answered a request, and then has been ended."""
    listener = socket.create_server(("127.0.0.1", 0))
    words = SERVERS[server].format(listener.fileno()).split()
    with open(f"{server}.log", "w+") as log:
        program = subprocess.Popen(
            [*words, "finding:application"], pass_fds=[listener.fileno()], stdout=log, stderr=log
        )
        with socket.create_connection(listener.getsockname()) as client:
            client.settimeout(30)
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := client.recv(4096):
                answer += piece
        assert b" 200 " in answer and b"here" in answer, answer
        time.sleep(1)  # for what is still to be logged
        program.terminate()
        program.wait(30)
        log.seek(0)
        return log.read()


def main():
    print("expected: an error that ends the lifespan of an application stands in the log")
    logs = {server: log_of(server) for server in SERVERS}
    for server, log in logs.items():
        told = "its text stands in the log" if MISTAKE in log else "not a word of it"
        if "appears unsupported" in log:
            told += ", but: ASGI 'lifespan' protocol appears unsupported."
        print(f"seen, {server}: {told}")
    told = [server for server, log in logs.items() if MISTAKE in log]
    if told != ["hypercorn"] or "appears unsupported" not in logs["uvicorn"]:
        return "Changed: others tell of it, or Hypercorn does not."
    return None


if __name__ == "__main__":
    sys.exit(main())
PYTHON
