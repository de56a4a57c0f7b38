#!/usr/bin/env bash
# Daphne: a limit for incoming messages, as its help has it, limits the outgoing ones, too.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install daphne==4.2.3 autobahn==26.10.2 twisted==26.10.0 uvicorn==0.54.0 websockets==17.4
run_program <<'PYTHON'
import asyncio
import socket
import subprocess
import sys

from websockets.asyncio.client import connect

LIMIT = 10_000
SERVERS = {
    "daphne": ["daphne", f"--websocket-max-message-size={LIMIT}", "--fd={}"],
    "uvicorn": ["uvicorn", f"--ws-max-size={LIMIT}", "--fd={}"],
}


async def application(scope, receive, send):
    """Answer a WebSocket's first line with a text over the limit, or with what prevents it."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    await receive()
    try:
        await send({"type": "websocket.send", "text": "x" * (LIMIT + 1)})
    except RuntimeError as error:
        what = f"none: send() raises {type(error).__name__}, a RuntimeError"
        await send({"type": "websocket.send", "text": what})


def start(server):
    """Start a server on a free port; return its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    words = [word.format(listener.fileno()) for word in SERVERS[server]]
    with open(f"{server}.log", "w") as log:
        words.append("finding:application")
        subprocess.Popen(words, pass_fds=[listener.fileno()], stdout=log, stderr=log)
    return "ws://{}:{}".format(*listener.getsockname())


async def answer(server):
    async with connect(start(server), proxy=None, open_timeout=30) as websocket:
        await websocket.send("a short line")
        text = await asyncio.wait_for(websocket.recv(), 10)
    return f"{len(text)}" if text.startswith("x") else text


async def main():
    print(f"expected: a limit of {LIMIT} is for what a client sends; the application may send more")
    seen = {server: await answer(server) for server in SERVERS}
    for server, text in seen.items():
        print(f"seen, {server}: of {LIMIT + 1} letters sent the client gets {text}")
    if seen["uvicorn"] != str(LIMIT + 1):
        return "Changed: Uvicorn limits what the application sends, too."
    if not seen["daphne"].startswith("none"):
        return "Changed: Daphne lets the application send more than the limit."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
