#!/usr/bin/env bash
# django-tasks with Channels: enqueue() in a consumer returns as always, and the task has failed.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 daphne==4.2.3 django-tasks==0.12.0
run_program <<'PYTHON'
import asyncio
import logging
import sys

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings

BACKEND = "django_tasks.backends.immediate.ImmediateBackend"
LAYER = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
settings.configure(
    INSTALLED_APPS=["channels", "django_tasks"],
    CHANNEL_LAYERS={"default": LAYER},
    TASKS={"default": {"BACKEND": BACKEND}},
)
django.setup()
logging.getLogger("django_tasks").addHandler(logging.NullHandler())  # its traceback is not shown

from django_tasks import task


@task()
async def tell_the_room(text):
    await get_channel_layer().group_send("room", {"type": "told", "text": text})


class Consumer(AsyncWebsocketConsumer):
    groups = ["room"]

    async def receive(self, text_data=None, bytes_data=None):
        if text_data == "enqueue":
            result = tell_the_room.enqueue("news")
        else:
            result = await tell_the_room.aenqueue("news")
        await self.send(result.status)

    async def told(self, event):
        await self.send(event["text"])


async def said(how):
    """All that the client hears after it has asked for this."""
    communicator = WebsocketCommunicator(Consumer.as_asgi(), "/")
    await communicator.connect()
    await communicator.send_to(how)
    heard = [await communicator.receive_from()]
    while not await communicator.receive_nothing(0.5):
        heard.append(await communicator.receive_from())
    await communicator.disconnect()
    return sorted(heard)


async def main():
    print("expected: an `async def` task that a consumer enqueues tells the room, or enqueue() raises")
    by_enqueue, by_aenqueue = await said("enqueue"), await said("aenqueue")
    print(f"seen: enqueue() raises nothing, and the client hears {by_enqueue}")
    print(f"seen: after await aenqueue() it hears {by_aenqueue}")
    if by_enqueue != ["FAILED"] or by_aenqueue != ["SUCCESSFUL", "news"]:
        return "Changed: enqueue() in a coroutine does the task, or raises."
    return None


sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
