"""What ends a connection, or makes it deaf, though nobody has left: what notebook 06 leaves out."""

import asyncio
import time
from collections import Counter
from importlib.metadata import metadata
from types import SimpleNamespace

import pytest
import redis.asyncio
import websockets
from channels_redis import core
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from chatflow.probing.people import new_room
from chatflow.running.servers import ASGI_SERVERS
from labs.careless_proxy import careless_proxy
from labs.two_clocks import after_the_day
from stages.helpers import lone_redis


@pytest.fixture(scope="module")
def server():
    with lone_redis() as server:
        yield server


async def test_jobs_are_sorted_by_the_clocks_of_those_who_give_them(server, monkeypatch):
    layer = RedisChannelLayer(hosts=[server.url], prefix="clocks")
    await layer.send("bot", {"type": "bot.command", "text": "first"})
    slow = SimpleNamespace(time=lambda: time.time() - 5)
    with monkeypatch.context() as another_machine:
        another_machine.setattr(core, "time", slow)
        await layer.send("bot", {"type": "bot.command", "text": "second"})
    assert [(await layer.receive("bot"))["text"] for _ in range(2)] == ["second", "first"]
    await layer.close_pools()


async def test_one_message_costs_these_commands(server):
    """Of the sender: four round trips, as the commands from MULTI to EXEC go together. As many of
    the process that fetches: EVAL and BZPOPMIN to wait, ZADD and ZPOPMIN to put aside."""
    sender, process = RedisChannelLayer(hosts=[server.url]), RedisChannelLayer(hosts=[server.url])
    channel = await process.new_channel()
    await process.group_add("room", channel)
    async with redis.asyncio.from_url(server.url) as client:
        await client.config_resetstat()
        await sender.group_send("room", {"type": "chat.message"})
        await process.receive(channel)
        await process.wait_received()
        stats = await client.info("commandstats")
    ours = {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}
    for name in ("config|resetstat", "client|setinfo", "info", "hello"):
        ours.pop(name, None)
    of_the_sender = {"zremrangebyscore": 2, "zrange": 1, "multi": 1, "exec": 1, "eval": 1}
    in_its_script = {"zcount": 1, "zadd": 1, "expire": 1}
    of_the_process = {"eval": 1, "bzpopmin": 1, "zadd": 1, "zpopmin": 1}
    in_the_script_of_it = {"zrange": 1, "del": 1}
    parts = (of_the_sender, in_its_script, of_the_process, in_the_script_of_it)
    assert Counter(ours) == sum(map(Counter, parts), Counter())
    await asyncio.gather(sender.close_pools(), process.close_pools())


async def test_pubsub_layer_is_beta_forgets_nobody_and_has_no_limit(server):
    text = " ".join(metadata("channels_redis").get_payload().split())
    assert "This layer is currently at *Beta* status" in text
    layer = RedisPubSubChannelLayer(hosts=[server.url], capacity=3, group_expiry=1)
    channel = await layer.new_channel()
    await layer.group_add("room", channel)
    await asyncio.sleep(2.1)  # by the queue layer it would be forgotten
    for number in range(200):
        await layer.group_send("room", {"type": "chat.message", "number": number})
    async with asyncio.timeout(20):
        got = [(await layer.receive(channel))["number"] for _ in range(200)]
    assert got == list(range(200))
    await layer.flush()


async def test_no_server_but_daphne_ends_a_socket_that_its_layer_has_forgotten():
    # Daphne too: here its own day has a day's length.
    ends = await asyncio.gather(*(after_the_day(server) for server in ASGI_SERVERS))
    deaf_and_cured = (None, "the last word")
    assert ends == [deaf_and_cured] * len(ASGI_SERVERS), dict(zip(ASGI_SERVERS, ends, strict=True))


async def test_handshake_through_a_proxy_that_drops_upgrade_is_a_get_for_no_page(running):
    chat, path = running(4), f"/ws/chat/{new_room()}/"
    async with careless_proxy(chat) as url:
        with pytest.raises(websockets.InvalidStatus, match="HTTP 404"):
            await websockets.connect(f"{url}{path}")
    log = chat.instances[0].program.said()
    assert f"Not Found: {path}" in log
    assert f"WSCONNECTING {path}" not in log, "Daphne has seen no WebSocket"
