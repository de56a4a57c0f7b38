"""chat_final next to another chat on the same Redis, under the settings that both come with."""

import contextlib
import sqlite3

import pytest

from chatflow.probing.people import new_room
from final.helpers import FINAL, at, at_each, is_heard_typing, next_answer, post, sees, send, until

# As each site has it that sets no prefix of its own: the launcher would.
SETTINGS = {"REDIS_PREFIX": "chat", "HEAD_SECONDS": "1"}
# Which layer, and which of the databases of its Redis servers for the second site; and whether that
# began as a copy of the first.
BESIDE = {
    "as they come": ("pubsub", 1, False),
    "one a copy of the other, over two servers": ("pubsub", 1, True),
    "queue layer, on one database": ("queue", 0, False),
}


@pytest.fixture(scope="module")
def first_sites(started_once):
    """Call it with a layer for a site of two instances that runs under it."""
    with (
        started_once(settings=SETTINGS, redis_layer="pubsub", redis_shards=2) as pubsub,
        started_once(settings=SETTINGS, redis_layer="queue") as queue,
    ):
        yield lambda layer: {"pubsub": pubsub, "queue": queue}[layer](FINAL)


@contextlib.asynccontextmanager
async def people(chat, room_name, *names):
    """Open sockets of these, at one instance after the other, who all see each other."""
    async with at_each(chat, room_name, *names) as sockets:
        for socket in sockets:
            await sees(socket, *names)
        yield sockets


def copy_of(database, path):
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(path)) as target,
    ):
        source.backup(target)
    return path


@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE.keys())
async def test_two_sites_on_one_redis_show_each_other_nothing(first_sites, start, tmp_path, beside):
    layer, number, is_copy = beside
    room_name, one = new_room(), first_sites(layer)
    urls = [server.url.removesuffix("/0") for server in one.redis]
    options = {"redis_layer": layer, "redis_url": ",".join(f"{url}/{number}" for url in urls)}
    async with people(one, room_name, "alice", "dora") as (alice, dora):
        # Whatever a site makes of itself at first, it has made.
        if is_copy:
            options["database"] = copy_of(one.database, tmp_path / "copy.sqlite3")
        async with (
            start(FINAL, instances=2, settings=SETTINGS, **options) as other,
            people(other, room_name, "bob", "carol") as (bob, carol),
        ):
            ours = [await post(alice, f"ours {each}") for each in range(3)]
            assert [await next_answer(dora) for _ in ours] == ours
            await is_heard_typing(alice, dora, "alice")
            theirs = await post(bob, "theirs")
            assert theirs["seq"] == 1, "their room has a row of numbers of its own"
            assert await next_answer(carol) == theirs, "nothing of ours comes first"
            await send(bob, "typing")
            sign = await until(carol, lambda event: event.get("author"))
            assert sign == {"type": "typing", "author": "bob"}, "before it comes nothing of ours"
            for socket in (bob, carol):
                await sees(socket, "bob", "carol")
            for socket in (alice, dora):
                await sees(socket, "alice", "dora")
            assert (await post(alice, "ours 3"))["seq"] == 4
            assert (await next_answer(dora))["text"] == "ours 3"


async def test_instances_of_one_site_that_write_its_addresses_differently_hear_each_other(
    first_sites, start
):
    here, room_name = first_sites("pubsub"), new_room()
    urls = [one.url.replace("127.0.0.1", "localhost").removesuffix("/0") for one in here.redis]
    options = {"redis_url": ",".join(urls), "database": here.database, "settings": SETTINGS}
    async with (
        start(FINAL, **options) as there,
        at(here, room_name, "alice") as alice,
        people(there, room_name, "bob") as [bob],
    ):
        # That goes by hints alone.
        await is_heard_typing(bob, alice, "bob")
        await is_heard_typing(alice, bob, "alice")
        await sees(bob, "alice", "bob")
