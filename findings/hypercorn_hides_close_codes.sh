#!/usr/bin/env bash
# Hypercorn: whatever code a client closes its socket with, the application is told 1006.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install hypercorn==0.18.0 uvicorn==0.54.0 websockets==17.4
run_program <<'PYTHON'
import asyncio
import socket
import subprocess
import sys

from websockets.asyncio.client import connect

CODES = [1000, 1001, 4123]
SERVERS = {"uvicorn": ["uvicorn", "--fd={}"], "hypercorn": ["hypercorn", "--bind=fd://{}"]}
told = []


async def application(scope, receive, send):
    """Tell each client with which codes those before it have gone."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": " ".join(map(str, told))})
    while (event := await receive())["type"] != "websocket.disconnect":
        pass
    told.append(event.get("code"))


def start(server):
    """Start a server on a free port; return its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    words = [word.format(listener.fileno()) for word in SERVERS[server]]
    with open(f"{server}.log", "w") as log:
        words.append("finding:application")
        subprocess.Popen(words, pass_fds=[listener.fileno()], stdout=log, stderr=log)
    return "ws://{}:{}".format(*listener.getsockname())


async def codes_told(server):
    address = start(server)
    for code in CODES:
        async with connect(address, proxy=None, open_timeout=30) as websocket:
            await websocket.recv()
            await websocket.close(code)
    # The application may take a moment to hear of the last one.
    codes = []
    while len(codes) < len(CODES):
        async with connect(address, proxy=None) as websocket:
            codes = [int(code) for code in (await websocket.recv()).split()]
    return codes[: len(CODES)]


async def main():
    print(f"expected: clients close with {CODES}, and the application is told these codes")
    seen = {server: await codes_told(server) for server in SERVERS}
    for server, codes in seen.items():
        print(f"seen, {server}: {codes}")
    if seen["uvicorn"] != CODES or seen["hypercorn"] != [1006] * len(CODES):
        return "Changed: Hypercorn tells the client's code, or Uvicorn does not."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
