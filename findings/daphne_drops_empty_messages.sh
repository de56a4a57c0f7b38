#!/usr/bin/env bash
# Daphne: an empty message of the application is not sent.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install daphne==4.2.3 twisted==26.10.0 uvicorn==0.54.0 gunicorn==27.0.1 websockets==17.4
run_program <<'PYTHON'
import asyncio
import socket
import subprocess
import sys

from websockets.asyncio.client import connect

SERVERS = {
    "daphne": ["daphne", "--fd={}"],
    "uvicorn": ["uvicorn", "--fd={}"],
    "gunicorn": ["gunicorn", "--worker-class=asgi", "--bind=fd://{}"],
}
LINES = ["one", "", "three"]


async def application(scope, receive, send):
    """Send each text of a WebSocket back."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})


def start(server):
    """Start a server on a free port; return its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    words = [word.format(listener.fileno()) for word in SERVERS[server]]
    with open(f"{server}.log", "w") as log:
        words.append("finding:application")
        subprocess.Popen(words, pass_fds=[listener.fileno()], stdout=log, stderr=log)
    return "ws://{}:{}".format(*listener.getsockname())


async def echoes(server):
    seen = []
    async with connect(start(server), proxy=None, open_timeout=30) as websocket:
        for line in LINES:
            await websocket.send(line)
        # The last line is the sign that no more will come.
        while LINES[-1] not in seen:
            seen.append(await asyncio.wait_for(websocket.recv(), 10))
    return seen


async def main():
    print(f"expected: each text that the application sends arrives, be it empty: {LINES}")
    seen = {server: await echoes(server) for server in SERVERS}
    for server, texts in seen.items():
        print(f"seen, {server}: {texts}")
    if list(seen.values()) != [["one", "three"], LINES, LINES]:
        return "Changed: it is not Daphne alone that sends no empty text."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
