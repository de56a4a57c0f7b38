"""chat_final beside another chat on the same Redis, under the settings that both come with."""

import contextlib
import shutil

import pytest

from chatflow.clients.sockets import connect
from chatflow.probing.people import new_room
from final.helpers import FINAL, caught_up, next_answer, post, sees, send, session_of, until
from final.test_service import is_heard_typing

# As each site has it that sets no prefix of its own: the launcher would.
SETTINGS = {"REDIS_PREFIX": "chat", "HEAD_SECONDS": "1"}
# Which layer, over how many Redis servers, which database of theirs for the second site; and
# whether that began as a copy of the first.
BESIDE = {
    "as they come": ("pubsub", 1, 1, False),
    "one a copy of the other, over two servers": ("pubsub", 2, 1, True),
    "queue layer, on one database": ("queue", 1, 0, False),
}


@contextlib.asynccontextmanager
async def people(chat, room_name, *names):
    """Open sockets of these, at one instance after the other, who all see each other."""
    async with contextlib.AsyncExitStack() as stack:
        sockets = []
        for instance, name in zip(chat.instances, names, strict=True):
            session = await session_of(instance, name)
            opening = connect(instance, room_name, name, session=session)
            sockets.append(await stack.enter_async_context(opening))
            await caught_up(sockets[-1])
        for socket in sockets:
            await sees(socket, *names)
        yield sockets


@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE.keys())
async def test_two_sites_on_one_redis_show_each_other_nothing(start, tmp_path, beside):
    layer, shards, number, is_copy = beside
    room_name, options = new_room(), {"redis_layer": layer, "settings": SETTINGS, "instances": 2}
    async with start(FINAL, redis_shards=shards, **options) as one:
        async with people(one, room_name, "alice", "dora"):
            pass  # whatever a site makes of itself at first, it has made
        if is_copy:
            options["database"] = tmp_path / "copy.sqlite3"
            shutil.copyfile(one.database, options["database"])
        urls = [server.url.removesuffix("/0") for server in one.redis]
        options["redis_url"] = ",".join(f"{url}/{number}" for url in urls)
        async with (
            start(FINAL, **options) as other,
            people(one, room_name, "alice", "dora") as (alice, dora),
            people(other, room_name, "bob", "carol") as (bob, carol),
        ):
            ours = [await post(alice, f"ours {each}") for each in range(3)]
            assert [await next_answer(dora) for _ in ours] == ours
            await is_heard_typing(alice, dora, "alice")
            theirs = await post(bob, "theirs")
            assert theirs["seq"] == 1, "their room has a row of numbers of its own"
            assert await next_answer(carol) == theirs, "nothing of ours comes first"
            heard = await everything_until_typing(carol, bob)
            assert {event.get("author") for event in heard} <= {None, "bob"}, heard
            for socket in (bob, carol):
                await sees(socket, "bob", "carol")
            for socket in (alice, dora):
                await sees(socket, "alice", "dora")
            assert (await post(alice, "ours 3"))["seq"] == 4
            assert (await next_answer(dora))["text"] == "ours 3"


async def everything_until_typing(socket, bob):
    """All that comes to a socket, up to the sign that bob types."""
    heard = []

    def is_last(event):
        heard.append(event)
        return event == {"type": "typing", "author": "bob"}

    await send(bob, "typing")
    await until(socket, is_last)
    return heard


async def test_instances_of_one_site_that_write_its_addresses_differently_hear_each_other(start):
    room_name, options = new_room(), {"settings": SETTINGS}
    async with start(FINAL, **options) as here:
        url = here.redis[0].url.replace("127.0.0.1", "localhost").removesuffix("/0")
        options |= {"redis_url": url, "database": here.database}
        async with start(FINAL, **options) as there:
            session = await session_of(here, "alice")
            async with (
                connect(here, room_name, "alice", session=session) as alice,
                people(there, room_name, "bob") as [bob],
            ):
                # That goes by hints alone.
                await is_heard_typing(bob, alice, "bob")
                await is_heard_typing(alice, bob, "alice")
                await sees(bob, "alice", "bob")
