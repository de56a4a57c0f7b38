#!/usr/bin/env bash
# Uvicorn and Channels: a client that says a line and leaves at once stays in the group, without disconnect().
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 uvicorn==0.54.0 daphne==4.2.3 websockets==17.4
run_program <<'PYTHON'
import asyncio
import socket
import subprocess
import sys

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter
from django.conf import settings
from websockets.asyncio.client import connect

PEOPLE = 20
SERVERS = {"daphne": ["daphne", "--fd={}"], "uvicorn": ["uvicorn", "--fd={}"]}
LAYER = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
settings.configure(CHANNEL_LAYERS={"default": LAYER})


class Chat(AsyncWebsocketConsumer):
    """A room that answers "who" with the number of its other members."""

    groups = ["room"]  # joined at the handshake, left in disconnect(): Channels does it

    async def receive(self, text_data):
        if text_data == "who":
            await self.send(str(len(get_channel_layer().groups["room"]) - 1))
        else:
            await self.channel_layer.group_send("room", {"type": "chat.message", "text": text_data})

    async def chat_message(self, event):
        await self.send(event["text"])


application = ProtocolTypeRouter({"websocket": Chat.as_asgi()})


def start(server):
    """Start a server on a free port; return its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    words = [word.format(listener.fileno()) for word in SERVERS[server]]
    with open(f"{server}.log", "w") as log:
        words.append("finding:application")
        subprocess.Popen(words, pass_fds=[listener.fileno()], stdout=log, stderr=log)
    return "ws://{}:{}".format(*listener.getsockname())


async def who_is_left(server):
    address = start(server)
    for _ in range(PEOPLE):
        async with connect(address, proxy=None, open_timeout=30) as websocket:
            await websocket.send("bye")
    # The server may take a moment to see the last ones leave.
    for _ in range(15):
        async with connect(address, proxy=None) as websocket:
            await websocket.send("who")
            if (left := int(await websocket.recv())) == 0:
                break
        await asyncio.sleep(0.5)
    return left


async def main():
    print(f"expected: {PEOPLE} people say one line each and leave; the group has no members then")
    seen = {server: await who_is_left(server) for server in SERVERS}
    for server, left in seen.items():
        print(f"seen, {server}: members of the group after that: {left}")
    if seen["daphne"] or not seen["uvicorn"]:
        return "Changed: under Uvicorn they leave the group, or under Daphne they do not."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
