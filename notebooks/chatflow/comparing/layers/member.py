"""A process with a channel layer, which does what it is told: member.py PORT

It runs in the layer's own environment, so it imports nothing of chatflow. CHAT_LAYER says which
layer, as for a stage. On a connection to PORT comes a line of JSON for each thing to do, and goes
one with its answer; several may be under way.
"""

import asyncio
import contextlib
import datetime
import json
import os
import resource
import sys
import time

import django
from django.conf import settings

VALUES = {
    "int_key": {1: "one"},
    "tuple": (1, 2),
    "bytes": b"\x00\xff",
    "datetime": datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC),
    "true_key": {True: "yes"},
}
LINE_LIMIT = 2**20
JOIN_TRIES = 5


def set_up():
    chosen = json.loads(os.environ["CHAT_LAYER"])
    here = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    routed = {"DATABASE_ROUTERS": ["layer_router.LayerRouter"]} if chosen["app"] else {}
    settings.configure(
        INSTALLED_APPS=[chosen["app"]] if chosen["app"] else [],
        CHANNEL_LAYERS={"default": chosen["layer"]},
        DATABASES=here | chosen["databases"],
        USE_TZ=True,
        **routed,
    )
    django.setup()


class Member:
    """What can be asked of a process: the names of these methods, with their arguments."""

    def __init__(self):
        from channels.layers import channel_layers

        # Not get_channel_layer(), which hides a KeyError.
        self.layer = channel_layers["default"]
        self.heard, self.ended, self.tasks, self.joined = {}, {}, {}, []

    async def new_channel(self):
        return await self.layer.new_channel()

    async def join(self, group, channel):
        """Join a group; a layer in a file may fail while others write, and is asked again."""
        for tries_left in reversed(range(JOIN_TRIES)):
            try:
                await self.layer.group_add(group, channel)
                break
            except Exception:
                if not tries_left:
                    raise
        self.joined.append((group, channel))

    async def leave(self, group, channel):
        await self.layer.group_discard(group, channel)

    async def listen(self, channel):
        """From now on hear what comes on a channel."""
        self.heard.setdefault(channel, [])
        self.tasks[channel] = asyncio.create_task(self.hear(channel))

    async def hear(self, channel):
        try:
            while True:
                message = await self.layer.receive(channel)
                self.heard[channel].append(message["value"])
        except Exception as error:
            self.ended[channel] = type(error).__name__

    async def rest(self):
        """Leave all groups and listen to nothing any more, as sockets that were closed."""
        while self.joined:
            await self.layer.group_discard(*self.joined.pop())
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        self.tasks.clear()

    async def block(self, seconds):
        """Do nothing else meanwhile, as a handler with a slow call that is not awaited."""
        time.sleep(seconds)  # noqa: ASYNC251 – to block the event loop is the purpose

    async def heard_on(self, channel, count=0, within=0.0):
        """What has come on a channel, once that is so many, or so many seconds later."""
        give_up_at = asyncio.get_running_loop().time() + within
        while len(self.heard[channel]) < count and channel not in self.ended:
            if asyncio.get_running_loop().time() > give_up_at:
                break
            await asyncio.sleep(0.02)
        return {"heard": self.heard[channel], "ended": self.ended.get(channel)}

    async def send_many(self, kind, name, first, count, gathered=False, within=60.0):
        """Send so many numbers; returns {name of an exception: how many times}."""
        send = getattr(self.layer, kind)
        failed = {}

        async def send_one(number):
            try:
                await send(name, {"type": "a.number", "value": number})
            except Exception as error:
                failed[type(error).__name__] = failed.get(type(error).__name__, 0) + 1

        numbers = range(first, first + count)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                if gathered:
                    await asyncio.gather(*map(send_one, numbers))
                else:
                    for number in numbers:
                        await send_one(number)
        return failed

    async def send_value(self, name, value, within=10.0):
        """Send one of VALUES, or so many bytes of text; returns how it has failed, or None."""
        value = VALUES[value] if isinstance(value, str) else "x" * value
        try:
            async with asyncio.timeout(within):
                await self.layer.send(name, {"type": "a.value", "value": value})
        except Exception as error:
            return type(error).__name__

    async def take(self, channel, within):
        """What the next receive() brings: its value, "nothing" in so many seconds, or its error."""
        try:
            message = await asyncio.wait_for(self.layer.receive(channel), within)
        except TimeoutError:
            return {"nothing": True}
        except Exception as error:
            return {"error": type(error).__name__}
        return {"type": told_type(message["value"]), "value": short(message["value"])}

    async def cpu_seconds(self):
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime


def told_type(value):
    """The type of a value; of a dict, that of its first key."""
    return type(next(iter(value)) if isinstance(value, dict) else value).__name__


def short(value):
    """What is sent back of a value: of a long text its length."""
    return len(value) if isinstance(value, str) else repr(value)[:80]


async def main(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LINE_LIMIT)
    member, doing = Member(), set()

    async def do(number, name, arguments):
        try:
            answer = {"answer": await getattr(member, name)(**arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        writer.write(json.dumps([number, answer]).encode() + b"\n")

    writer.write(b"%d\n" % os.getpid())
    async for line in reader:  # ends with the process that tells us
        task = asyncio.create_task(do(*json.loads(line)))
        doing.add(task)
        task.add_done_callback(doing.discard)
    os._exit(0)  # some layers have threads of their own that never end


if __name__ == "__main__":
    set_up()
    asyncio.run(main(int(sys.argv[1])))
