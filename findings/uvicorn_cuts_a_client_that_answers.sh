#!/usr/bin/env bash
# Uvicorn: a client that answers each ping is cut for not answering, while the application is busy.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install uvicorn==0.54.0 websockets==17.4
run_program <<'PYTHON'
import asyncio
import socket
import subprocess
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

WORK = 6  # seconds
PING = ["--ws-ping-interval=1", "--ws-ping-timeout=2"]  # 20 and 20, if not given


async def application(scope, receive, send):
    """Answer each line after a wait, as for a slow service: the event loop stays free."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] == "websocket.receive":
        await asyncio.sleep(WORK)
        await send({"type": "websocket.send", "text": "an answer"})


def start(implementation):
    """Start a server on a free port; return its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    words = ["uvicorn", f"--ws={implementation}", *PING, f"--fd={listener.fileno()}"]
    with open("uvicorn.log", "a") as log:
        words.append("finding:application")
        subprocess.Popen(words, pass_fds=[listener.fileno()], stdout=log, stderr=log)
    return "ws://{}:{}".format(*listener.getsockname())


async def answer(lines, implementation):
    # This client answers pings by itself, at once.
    async with connect(start(implementation), proxy=None, open_timeout=30) as websocket:
        for _ in range(lines):
            await websocket.send("a line")
        try:
            return await asyncio.wait_for(websocket.recv(), 5 * WORK)
        except ConnectionClosed as error:
            return f"{error.rcvd.code} {error.rcvd.reason}"


async def main():
    print("expected: a client that answers all pings stays connected, however long the application works")
    cases = [(1, "auto"), (2, "auto"), (2, "websockets")]
    seen = await asyncio.gather(*(answer(*case) for case in cases))
    for (lines, implementation), text in zip(cases, seen, strict=True):
        print(f"seen, --ws {implementation}, lines sent at once: {lines}, and back comes: {text}")
    if seen != ["an answer", "1011 keepalive ping timeout", "an answer"]:
        return "Changed: a second line that waits costs no connection, or the first does."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
