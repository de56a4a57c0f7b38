#!/usr/bin/env bash
# Channels: WebsocketCommunicator ends the consumer when nothing comes in time.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 daphne==4.2.3 asgiref==3.13.0
run_program <<'PYTHON'
import asyncio
import sys

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.testing import WebsocketCommunicator
from django.conf import settings

settings.configure()
django.setup()


class Consumer(AsyncWebsocketConsumer):
    """Answers what it is told, except "be silent"."""

    async def receive(self, text_data):
        if text_data != "be silent":
            await self.send(text_data=text_data)


async def seen(is_silent):
    """What the answer to "hello" is, after one test that nothing comes."""
    communicator = WebsocketCommunicator(Consumer.as_asgi(), "/")
    assert (await communicator.connect())[0]
    await communicator.send_to(text_data="be silent")
    await is_silent(communicator)
    try:
        await communicator.send_to(text_data="hello")
        return await communicator.receive_from()
    except BaseException as error:
        return type(error).__name__


async def by_timeout(communicator):
    try:
        await communicator.receive_from(timeout=0.2)
    except TimeoutError:
        return
    raise AssertionError("something came")


async def by_receive_nothing(communicator):
    assert await communicator.receive_nothing(timeout=0.2)


async def main():
    print("expected: the consumer that had nothing to say answers what it is asked next")
    patient, timed_out = await seen(by_receive_nothing), await seen(by_timeout)
    print(f"seen, after receive_nothing(): {patient}")
    print(f"seen, after a receive_from() that timed out: {timed_out}")
    if (patient, timed_out) != ("hello", "CancelledError"):
        return "Changed: a consumer goes on after a receive_from() that timed out."
    return None


sys.exit(asyncio.run(main()))
PYTHON
