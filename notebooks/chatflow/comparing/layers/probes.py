"""What two processes see of a channel layer: each probe is a row of the table.

A probe gets a Pair, and returns a word for its cell, or {row: word} where it fills several.
"""

import asyncio
import itertools
import secrets
from collections import Counter
from dataclasses import dataclass, field

from .members import Member

BURST, JOBS, MANY, CAPACITY = 500, 600, 30, 10
EXPIRY_SECONDS = 3
# What is under way has come by then, on a machine under load too.
SOON = 2.0
MEGABYTES = (1, 10, 40)
LARGE_SECONDS, BLOCK_SECONDS = 8.0, 1.5
TRIES = 5


WAYS = {frozenset({1}): "once", frozenset({2}): "by both"}


class Deaf(Exception):
    """A process hears nothing, not even on a channel of its own: what was before has ended that."""


@dataclass
class Pair:
    """The process that sends, and the one that receives: the same one, where none else hears it.

    `others` are two that work beside each other; `spare` are two to which anything may happen.
    """

    sender: Member
    receiver: Member
    others: list[Member] = field(default_factory=list)
    spare: list[Member] = field(default_factory=list)

    def group(self):
        # Of this probe alone: some layers know no prefix.
        return f"group-{secrets.token_hex(4)}"

    async def rest(self):
        for member in (self.sender, self.receiver, *self.others):
            await member.do("rest")


async def crosses(pair):
    """Whether a message comes from one process to the other."""
    group = pair.group()
    channel = await pair.receiver.member_channel(group)
    await pair.sender.do("send_many", kind="group_send", name=group, first=0, count=1)
    told = await pair.receiver.do("heard_on", channel=channel, count=1, within=SOON)
    return "yes" if told["heard"] else "no"


async def burst(pair):
    """500 messages to a group whose member is busy: which does it find later, and in order?"""
    group = pair.group()
    channel = await busy_channel(pair, group)
    await pair.sender.do("send_many", kind="group_send", name=group, first=0, count=BURST)
    heard = [number for number in await listened(pair.receiver, channel, BURST) if number >= 0]
    once = list(dict.fromkeys(heard))
    order = "kept" if once == sorted(once) else "mixed"
    return {"burst": which(sorted(once), BURST), "order": order}


async def gathered(pair):
    """500 messages to a group of three that read, sent all at once: has each all, and once?"""
    group = pair.group()
    # All at once, as when a server has just been restarted.
    joining = [pair.receiver.member_channel(group) for _ in range(3)]
    channels = await asyncio.gather(*joining)
    await pair.sender.do(
        "send_many", kind="group_send", name=group, first=0, count=BURST, gathered=True
    )
    asking = [settled(pair.receiver, channel, BURST) for channel in channels]
    lists = await asyncio.gather(*asking)
    once = [set(heard) for heard in lists]
    twice = "never" if [*map(len, once)] == [*map(len, lists)] else "yes"
    return {"gathered": kept(once), "twice": twice}


async def settled(member, channel, count):
    """What has come on a channel, when nothing more comes."""
    heard = []
    while True:
        told = await member.do("heard_on", channel=channel, count=len(heard) + 1, within=SOON)
        if len(told["heard"]) == len(heard):
            return heard
        heard = told["heard"]


def kept(lists):
    fewest = min(map(len, lists))
    return "all" if fewest == BURST else "some" if fewest else "none"


async def busy_channel(pair, group=None):
    """A channel whose reader has heard something, and then reads no more: it is busy.

    It joins a group first, as a process with channels-rabbitmq is not connected before that.
    """
    channel = await pair.receiver.do("new_channel")
    await pair.receiver.do("join", group=group or pair.group(), channel=channel)
    for _ in range(TRIES):
        await pair.sender.do("send_many", kind="send", name=channel, first=-1, count=1)
        if "type" in await pair.receiver.do("take", channel=channel, within=SOON):
            return channel
    raise Deaf


async def full(pair):
    """30 times send() to a channel whose reader is busy; what it finds then."""
    return await overfill(pair, "send", channel := await busy_channel(pair), channel)


async def capacity(pair):
    """The same by group_send()."""
    group = pair.group()
    return await overfill(pair, "group_send", group, await busy_channel(pair, group))


async def overfill(pair, kind, name, channel):
    failed = await pair.sender.do("send_many", kind=kind, name=name, first=0, count=MANY)
    heard = await listened(pair.receiver, channel, MANY)
    return next(iter(failed), None) or which(sorted(set(heard)))


async def listened(member, channel, count):
    """What has waited on a channel, which is listened to from now on."""
    await member.do("listen", channel=channel)
    return await settled(member, channel, count)


def which(heard, many=MANY):
    """Which of so many numbers are there, in words."""
    if heard == list(range(many)):
        return "keeps all"
    if not heard:
        return "none"
    count = len(heard)
    for word, numbers in (("first", range(count)), ("last", range(many - count, many))):
        if heard == list(numbers):
            return f"{word} {count}"
    return f"{count} of {many}"


async def expiry(pair):
    """Whether a message that has waited for longer than `expiry` comes all the same."""
    channel = await busy_channel(pair)
    await pair.sender.do("send_many", kind="send", name=channel, first=0, count=1)
    await asyncio.sleep(EXPIRY_SECONDS + 1)
    taken = await pair.receiver.do("take", channel=channel, within=SOON)
    return "gone" if taken.get("nothing") else "still there"


async def group_expiry(pair):
    """Whether a member is still one when `group_expiry` is over."""
    group = pair.group()
    channel = await pair.receiver.member_channel(group)
    await asyncio.sleep(EXPIRY_SECONDS + 1)
    return await is_member(pair, group, channel)


async def is_member(pair, group, channel):
    await pair.sender.do("send_many", kind="group_send", name=group, first=0, count=1)
    told = await pair.receiver.do("heard_on", channel=channel, count=1, within=SOON)
    return "still in" if told["heard"] else "out"


async def foreign(pair):
    """Whether one process can take the other's channel out of a group."""
    group = pair.group()
    channel = await pair.receiver.member_channel(group)
    await pair.sender.do("leave", group=group, channel=channel)
    return await is_member(pair, group, channel)


async def cancelled(pair):
    """Whether what comes after a receive() that has timed out is there for the next one."""
    channel = await busy_channel(pair)
    await pair.receiver.do("take", channel=channel, within=0.3)
    await pair.sender.do("send_many", kind="send", name=channel, first=0, count=1)
    await asyncio.sleep(0.3)
    taken = await pair.receiver.do("take", channel=channel, within=SOON)
    return "lost" if taken.get("nothing") else taken.get("error", "kept")


async def workers(pair):
    """600 jobs at once, on a channel that two other processes read: is each done once?"""
    for member in pair.others:
        await member.do("listen", channel="jobs")
    if failed := await wake(pair):
        return failed
    await pair.sender.do("send_many", kind="send", name="jobs", first=0, count=JOBS)
    lists = await asyncio.gather(*(settled(member, "jobs", JOBS) for member in pair.others))
    return how_often(Counter(job for job in itertools.chain(*lists) if job >= 0))


async def wake(pair):
    """Send jobs until both workers have had one, or none comes; returns how that has failed."""
    for _ in range(TRIES * len(pair.others)):
        failed = await pair.sender.do("send_many", kind="send", name="jobs", first=-1, count=1)
        if failed:
            return next(iter(failed))
        told = [
            await member.do("heard_on", channel="jobs", count=1, within=0.2)
            for member in pair.others
        ]
        if all(each["heard"] for each in told):
            break


def how_often(times):
    """In words, {job: how many times it was done}."""
    if not times:
        return "no job"
    found = {times[job] for job in range(JOBS)}
    return WAYS.get(frozenset(found), "some lost or twice")


async def types(pair):
    """What becomes of values that JSON does not know.

    What cannot be read may end more than its message: such a reader is asked nothing else.
    """
    seen = {}
    for name in ("tuple", "bytes", "datetime"):
        seen[name] = await word_of(sent_value, pair, name)
    for name, reader in zip(("int_key", "true_key"), pair.spare, strict=True):
        there = Pair(pair.sender, reader)
        seen[name] = await word_of(sent_value, there, name)
    return seen


async def sent_value(pair, value):
    channel = await busy_channel(pair)
    failed = await pair.sender.do("send_value", name=channel, value=value)
    if failed:
        return failed
    taken = {"value": "-1"}
    while taken.get("value") == "-1":  # where messages come twice, this one does
        taken = await pair.receiver.do("take", channel=channel, within=SOON)
    return taken.get("type") or taken.get("error", "lost")


async def word_of(probe, *arguments):
    """What a probe returns; "hears nothing" where that is all that there is to see."""
    try:
        return await probe(*arguments)
    except Deaf:
        return "hears nothing"


async def largest(pair):
    """The largest message, of 1, 10 and 40 MB, that comes to a process that is busy meanwhile."""
    reached = "under 1 MB"
    for megabytes in MEGABYTES:
        if not await comes(pair, megabytes * 10**6):
            return reached
        reached = f"{megabytes} MB"
    return reached


async def comes(pair, size):
    channel = await busy_channel(pair)
    wait = {"channel": channel, "within": LARGE_SECONDS}
    taking = asyncio.create_task(pair.receiver.do("take", **wait))
    # What a quick reader takes off at once may be larger than the broker would keep for a slow one.
    blocking = asyncio.create_task(pair.receiver.do("block", seconds=BLOCK_SECONDS))
    await asyncio.sleep(BLOCK_SECONDS / 5)
    await pair.sender.do("send_value", name=channel, value=size, within=LARGE_SECONDS)
    taken, _ = await asyncio.gather(taking, blocking)
    return "type" in taken
