#!/usr/bin/env bash
# Hypercorn on Python 3.12 and newer: while a WebSocket is open SIGTERM does not end it.
PYTHON=${PYTHON:-python3.12}
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 12))' ||
  cannot "This is about Python 3.12 and newer. PYTHON=/path/to/python3.13 names one."
install hypercorn==0.18.0 uvicorn==0.54.0 websockets==17.4
run_program <<'PYTHON'
import asyncio
import socket
import subprocess
import sys

from websockets.asyncio.client import connect

GRACE = 1  # seconds: so long a server is to wait for its clients
PATIENCE = 10
FLAGS = {
    "uvicorn": ["--port={}", f"--timeout-graceful-shutdown={GRACE}"],
    "hypercorn": ["--bind=127.0.0.1:{}", f"--graceful-timeout={GRACE}"],
}


async def application(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


def start(server):
    """Start a server on a free port; return the process and the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    words = [sys.executable, "-m", server, *(word.format(port) for word in FLAGS[server])]
    with open(f"{server}.log", "w") as log:
        process = subprocess.Popen([*words, "finding:application"], stdout=log, stderr=log)
    return process, port


async def opened(port):
    while True:
        try:
            return await connect(f"ws://127.0.0.1:{port}", proxy=None)
        except ConnectionRefusedError:  # it does not listen yet
            await asyncio.sleep(0.1)


async def ends(process):
    """Whether it ends by itself in time."""
    try:
        await asyncio.to_thread(process.wait, PATIENCE)
    except subprocess.TimeoutExpired:
        return False
    return True


async def stopped(server):
    """What becomes of a server that is stopped: with a client, and once that client has left."""
    process, port = start(server)
    websocket = await opened(port)
    process.terminate()
    if await ends(process):
        return "it ends"
    await websocket.close()
    return f"it runs on for {PATIENCE} s" + (", and ends when its client leaves" * await ends(process))


async def main():
    print(f"expected: a server with a limit of {GRACE} s for its clients ends soon after SIGTERM")
    seen = {server: await stopped(server) for server in FLAGS}
    for server, what in seen.items():
        print(f"seen, {server}: {what}")
    if seen["uvicorn"] != "it ends" or not seen["hypercorn"].endswith("when its client leaves"):
        return "Changed: Hypercorn keeps its limit, or Uvicorn does not."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
