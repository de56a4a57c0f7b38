"""What a delivery costs in CPU: all processes that take part, next to the queue layer's."""

import contextlib
import statistics
from dataclasses import dataclass

import psutil

from ...running.launcher import stage
from .members import members
from .probes import SOON, Deaf, Pair

ROUNDS, READERS = 3, 5
# Messages at a time, fewer than any layer loses; and when a round is long enough, by its CPU.
BATCH, MOST, ENOUGH_SECONDS = 50, 1000, 0.4
# A ratio is told by the nearest of these.
WORDS = {0.25: "¼", 0.5: "½", 1: "about the same"} | {2**n: f"{2**n} ×" for n in range(1, 7)}


@dataclass
class Meter:
    """A layer whose deliveries are counted, and what they cost its processes and its broker."""

    chat: object
    pair: Pair

    async def per_delivery(self):
        """Seconds of CPU for each message that came to each reader, however often it came."""
        group = self.pair.group()
        channels = [await self.pair.receiver.member_channel(group) for _ in range(READERS)]
        before, heard, first = await self.cpu_seconds(), 0, 0
        while await self.cpu_seconds() - before < ENOUGH_SECONDS and first < MOST:
            numbers = {"first": first, "count": BATCH}
            await self.pair.sender.do("send_many", kind="group_send", name=group, **numbers)
            first += BATCH
            wait = {"count": first, "within": SOON}
            found = [
                await self.pair.receiver.do("heard_on", channel=channel, **wait)
                for channel in channels
            ]
            heard = sum(len(set(told["heard"])) for told in found)
        used = await self.cpu_seconds() - before
        await self.pair.rest()
        if not heard:
            raise Deaf
        return used / heard

    async def cpu_seconds(self):
        members = {id(member): member for member in (self.pair.sender, self.pair.receiver)}
        used = [await member.do("cpu_seconds") for member in members.values()]
        broker = self.chat.broker or next(iter(self.chat.redis), None)
        return sum(used) + (cpu_of(broker.program.pid) if broker else 0)


def cpu_of(pid):
    """Of a process and all that it has started."""
    process = psutil.Process(pid)
    used = 0.0
    for each in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            used += times.user + times.system
    return used


@contextlib.asynccontextmanager
async def reference():
    """The Meter of the queue layer of channels_redis."""
    async with (
        stage(6, layer="redis-queue") as chat,
        members(chat, 2, "reference") as (sender, receiver),
    ):
        yield Meter(chat, Pair(sender, receiver))


async def ratio(meter, reference):
    """In a word: medians of rounds that take turns."""
    await meter.per_delivery(), await reference.per_delivery()  # the first is no measure
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(await meter.per_delivery())
        theirs.append(await reference.per_delivery())
    return in_words(statistics.median(ours) / statistics.median(theirs))


def in_words(ratio):
    """The nearest of WORDS, as steps of a half and of a double are seen."""
    return WORDS[min(WORDS, key=lambda known: max(known / ratio, ratio / known))]
