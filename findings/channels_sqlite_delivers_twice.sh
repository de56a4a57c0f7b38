#!/usr/bin/env bash
# channels-sqlite: a receive() that follows at once is given the message of the one before once more.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 channels-sqlite==0.1
run_program <<'PYTHON'
import asyncio
import sys
from collections import Counter

import django
from channels.layers import InMemoryChannelLayer
from django.conf import settings
from django.core.management import call_command

MESSAGES = 200


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


async def send_all(layer, channel):
    for number in range(MESSAGES):
        await layer.send(channel, {"type": "chat.message", "number": number})
        # So that none is more than the reader can take at a time.
        await asyncio.sleep(0.005)


async def count(layer):
    """How many times each message comes to the only reader of a channel."""
    times, channel = Counter(), await layer.new_channel()
    sending = asyncio.create_task(send_all(layer, channel))
    try:
        while True:
            event = await asyncio.wait_for(layer.receive(channel), 5)
            times[event["number"]] += 1
    except TimeoutError:
        await sending
        return times


async def main():
    # Only after set_up(), as this has models.
    from channels_sqlite.layers import SqliteChannelLayer

    print(f"expected: each of {MESSAGES} messages comes once to the only reader of its channel")
    known, seen = await count(InMemoryChannelLayer()), await count(SqliteChannelLayer())
    for _ in range(4):  # how many it are is a matter of luck
        if max(seen.values()) > 1:
            break
        seen = await count(SqliteChannelLayer())
    for name, times in (("InMemoryChannelLayer", known), ("SqliteChannelLayer", seen)):
        more = sum(number > 1 for number in times.values())
        print(f"seen, {name}: {len(times)} come, {more} of them more than once")
    if max(known.values()) > 1 or len(known) < MESSAGES or max(seen.values()) == 1:
        return "Changed: messages come once, or not so in memory."
    return None


set_up()
sys.exit(asyncio.run(asyncio.wait_for(main(), 90)))
PYTHON
