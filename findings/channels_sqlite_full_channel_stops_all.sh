#!/usr/bin/env bash
# channels-sqlite: one channel whose reader is busy keeps all others of its process from hearing.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 channels-sqlite==0.1
run_program <<'PYTHON'
import asyncio
import sys

import django
from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer
from django.conf import settings
from django.core.management import call_command

CAPACITY = 10


def set_up():
    engine = "django.db.backends.sqlite3"
    databases = {
        "default": {"ENGINE": engine, "NAME": "site.sqlite3"},
        "channels": {"ENGINE": engine, "NAME": "layer.sqlite3"},
    }
    apps = ["channels", "channels_sqlite"]
    settings.configure(DATABASES=databases, INSTALLED_APPS=apps, USE_TZ=True)
    django.setup()
    call_command("migrate", "channels_sqlite", database="channels", verbosity=0)


async def send_many(layer, channel, count):
    for _ in range(count):
        try:
            await layer.send(channel, {"type": "chat.message"})
        except ChannelFull:
            return "ChannelFull"
    return "no error"


async def neighbour(layer):
    """How a sender hears of a busy reader's full channel, and whether another channel hears."""
    busy, other = await layer.new_channel(), await layer.new_channel()
    waiting = asyncio.create_task(layer.receive(other))
    await asyncio.sleep(0.5)  # it has asked, and waits
    told = await send_many(layer, busy, 3 * CAPACITY)
    # It takes one, and is busy with that from now on.
    await layer.receive(busy)
    await asyncio.sleep(0.5)  # so that what waits for it is fetched
    await send_many(layer, other, 1)
    try:
        await asyncio.wait_for(waiting, 5)
    except TimeoutError:
        return told, False
    return told, True


async def main():
    # Only after set_up(), as this has models.
    from channels_sqlite.layers import SqliteChannelLayer

    print(f"expected: above its capacity of {CAPACITY} a channel is full, and the others go on")
    seen = []
    for layer in (InMemoryChannelLayer(capacity=CAPACITY), SqliteChannelLayer(capacity=CAPACITY)):
        told, heard = await neighbour(layer)
        seen.append((told, heard))
        print(f"seen, {type(layer).__name__}: the sender gets {told}, another channel hears: {heard}")
    if seen != [("ChannelFull", True), ("no error", False)]:
        return "Changed: the other channel hears, or does not in memory."
    return None


set_up()
sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
