"""What a worker process runs: a consumer without a connection, on a channel of its own.

`manage.py runworker --layer jobs bot` fetches the jobs. The sender of a job hears no more of it: a
job that a worker has taken is gone from Redis, so if the worker dies halfway, the job is lost.
"""

import asyncio
import random
import re

from channels.consumer import AsyncConsumer

from .groups import room_group_name, say_as_bot

ROLL = re.compile(r"/roll ([1-9][0-9]?)d([1-9][0-9]{0,2})")
REMIND = re.compile(r"/remind ([0-9]{1,4}) (.{1,1000})")
MATCH = "/match"
HELP = "I know /roll 2d6, /remind 5 tea (in 5 seconds), and /match for a made-up football match."

# A match of 90 minutes, played in about 18 seconds.
MINUTES_A_TICK, TICK_SECONDS = 5, 1


class BotConsumer(AsyncConsumer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.tasks = set()
        self.playing_in = set()

    def start(self, coroutine):
        """Run something in the background: the next jobs would wait for a handler to return."""
        task = asyncio.create_task(coroutine)
        # asyncio itself would let a running task be garbage-collected.
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def bot_command(self, job):
        room_name, author = job["room_name"], job["author"]
        if found := ROLL.fullmatch(job["text"]):
            await say_as_bot(room_name, f"{author} rolls {roll(*map(int, found.groups()))}")
        elif found := REMIND.fullmatch(job["text"]):
            self.start(remind(room_name, int(found[1]), f"{author}: {found[2]}"))
        elif job["text"] == MATCH and room_name in self.playing_in:
            await say_as_bot(room_name, "A match is on already.")
        elif job["text"] == MATCH:
            self.playing_in.add(room_name)
            self.start(self.play(room_name))
        else:
            await say_as_bot(room_name, HELP)

    async def play(self, room_name):
        """Push score after score to a room's sockets. None is stored: the next one replaces it."""
        score = {"home": 0, "away": 0}
        for minute in range(0, 91, MINUTES_A_TICK):
            if random.random() < 0.2:
                score[random.choice(["home", "away"])] += 1
            event = {"type": "chat.score", "score": {"minute": minute, **score}}
            await self.channel_layer.group_send(room_group_name(room_name), event)
            await asyncio.sleep(TICK_SECONDS)
        self.playing_in.remove(room_name)


def roll(count, sides):
    dice = [random.randint(1, sides) for _ in range(count)]
    return f"{' + '.join(map(str, dice))} = {sum(dice)}"


async def remind(room_name, seconds, text):
    await asyncio.sleep(seconds)
    await say_as_bot(room_name, text)
