#!/usr/bin/env bash
# Daphne and Granian: the headers of websocket.accept do not reach the client.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install daphne==4.2.3 granian==2.8.9 uvicorn==0.54.0 hypercorn==0.18.0 websockets==17.4
run_program <<'PYTHON'
import asyncio
import socket
import subprocess
import sys

from websockets.asyncio.client import connect

FLAGS = {
    "uvicorn": ["--port={}"],
    "hypercorn": ["--bind=127.0.0.1:{}"],
    "daphne": ["--port={}"],
    "granian": ["--interface=asgi", "--port={}"],
}
EXPECTED = "ticket=used"


async def application(scope, receive, send):
    """Accept with a cookie, as the specification allows since version 2.1."""
    if scope["type"] != "websocket":
        return
    await receive()
    cookie = (b"set-cookie", EXPECTED.encode())
    await send({"type": "websocket.accept", "headers": [cookie]})
    await receive()


def start(server):
    """Start a server on a free port; return the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    words = [sys.executable, "-m", server, *(word.format(port) for word in FLAGS[server])]
    with open(f"{server}.log", "w") as log:
        subprocess.Popen([*words, "finding:application"], stdout=log, stderr=log)
    return port


async def cookie_of(server):
    address = f"ws://127.0.0.1:{start(server)}"
    while True:
        try:
            async with connect(address, proxy=None) as websocket:
                return websocket.response.headers.get("set-cookie")
        except ConnectionRefusedError:  # it does not listen yet
            await asyncio.sleep(0.1)


async def main():
    print(f"expected: the handshake is answered with the application's cookie, {EXPECTED}")
    seen = {server: await cookie_of(server) for server in FLAGS}
    for server, cookie in seen.items():
        print(f"seen, {server}: {cookie}")
    dropped = {server for server, cookie in seen.items() if cookie is None}
    if dropped != {"daphne", "granian"} or seen["uvicorn"] != EXPECTED:
        return "Changed: Daphne or Granian sends the cookie, or another one does not."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
