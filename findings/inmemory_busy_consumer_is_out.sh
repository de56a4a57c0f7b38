#!/usr/bin/env bash
# Channels, in-memory layer: a consumer that is busy for longer than the expiry is out of its groups for good.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 uvicorn==0.54.0 websockets==17.4
run_program <<'PYTHON'
import asyncio
import socket
import subprocess
import sys

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter
from django.conf import settings
from websockets.asyncio.client import connect

EXPIRY = 2  # seconds; 60 if not given
LAYER = {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"expiry": EXPIRY}}
settings.configure(CHANNEL_LAYERS={"default": LAYER})


class Chat(AsyncWebsocketConsumer):
    """A room in which one kind of line takes long."""

    groups = ["room"]  # joined at the handshake, left in disconnect(): Channels does it

    async def receive(self, text_data):
        if text_data == "work":
            await asyncio.sleep(2 * EXPIRY)
        else:
            await self.channel_layer.group_send("room", {"type": "chat.message", "text": text_data})

    async def chat_message(self, event):
        await self.send(event["text"])


application = ProtocolTypeRouter({"websocket": Chat.as_asgi()})


def start():
    """Start a server on a free port; return its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    words = ["uvicorn", f"--fd={listener.fileno()}", "finding:application"]
    with open("uvicorn.log", "w") as log:
        subprocess.Popen(words, pass_fds=[listener.fileno()], stdout=log, stderr=log)
    return "ws://{}:{}".format(*listener.getsockname())


async def lines(websocket):
    """All that comes, until the last line is there or nothing more comes."""
    seen = []
    try:
        while "the end" not in seen:
            seen.append(await asyncio.wait_for(websocket.recv(), 3 * EXPIRY))
    except TimeoutError:
        pass
    return seen


async def main():
    address = start()
    async with (
        connect(address, proxy=None, open_timeout=30) as alice,
        connect(address, proxy=None) as bob,
    ):
        await bob.send("work")
        # Alice goes on talking until Bob has long finished.
        for number in range(12):
            await alice.send(str(number))
            await asyncio.sleep(EXPIRY / 4)
        await alice.send("the end")
        heard = [await lines(person) for person in (alice, bob)]
    print("expected: Bob misses what is too old when he has finished, and hears what follows")
    print(f"seen, Alice hears: {heard[0]}")
    print(f"seen, Bob hears: {heard[1]}")
    if ["the end" in texts for texts in heard] != [True, False]:
        return "Changed: Bob hears the last line, or Alice does not."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
