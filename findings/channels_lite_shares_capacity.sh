#!/usr/bin/env bash
# channels-lite: the capacity that should be each socket's is shared by all sockets of a process.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 channels-lite==0.4.0
run_program <<'PYTHON'
import asyncio
import sys

import django
from channels.layers import InMemoryChannelLayer
from django.conf import settings
from django.core.management import call_command

MEMBERS = 60


def set_up():
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": "layer.sqlite3"}
    apps = ["channels", "channels_lite"]
    settings.configure(DATABASES={"default": database}, INSTALLED_APPS=apps, USE_TZ=True)
    django.setup()
    call_command("migrate", verbosity=0)


async def count(layer, channel, counts):
    """Count the messages of a channel, by their numbers, until none comes for a while."""
    try:
        while True:
            event = await asyncio.wait_for(layer.receive(channel), 5)
            counts[event["number"]] += 1
    except TimeoutError:
        return


async def reached(layer):
    """How many of a process's members of a group get each of three messages in a row?"""
    members = [await layer.new_channel() for _ in range(MEMBERS)]
    for member in members:
        await layer.group_add("room", member)
    for number in range(3):
        await layer.group_send("room", {"type": "chat.message", "number": number})
    counts = [0, 0, 0]
    await asyncio.gather(*(count(layer, member, counts) for member in members))
    return counts


async def main():
    # Only after set_up(), as this has a model.
    from channels_lite.layers.core import SQLiteChannelLayer

    # Both have a capacity of 100 if none is given.
    layers = [InMemoryChannelLayer(), SQLiteChannelLayer(database="default")]
    print("expected: 100 messages may wait for each member, so three messages reach all members")
    seen = [await reached(layer) for layer in layers]
    for layer, counts in zip(layers, seen, strict=True):
        print(f"seen, {type(layer).__name__}: of {MEMBERS} members they reach {counts}")
    if seen[0] != [MEMBERS] * 3 or seen[1] == [MEMBERS] * 3:
        return "Changed: the three messages reach all members, or do not in memory."
    return None


set_up()
sys.exit(asyncio.run(asyncio.wait_for(main(), 90)))
PYTHON
