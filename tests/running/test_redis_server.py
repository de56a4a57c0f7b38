"""Losing Redis and getting it back: the private server itself, and what stage 06 makes of it."""

import asyncio
import itertools
import json
import socket
import time

import httpx
import psutil
import pytest
import redis
import websockets

from chatflow import post, websocket_reader
from chatflow.basics.addresses import NO_TLS
from chatflow.basics.catalog import LIVE_SECONDS
from chatflow.basics.errors import LaunchError
from chatflow.running import redis_server
from chatflow.running.processes import RunFolder
from chatflow.tracing.monitor import Monitor, clock_offset
from final.helpers import eventually
from helpers.talking import write

ROOM = "lobby"
# The layer tries for up to a second to reach its Redis again; the rest is for a busy machine.
LOSS_SECONDS = 10


@pytest.fixture
def server():
    folder = RunFolder("test")
    yield redis_server.start(folder)
    folder.close()


def process_id(server):
    with server.connect() as connection:
        return connection.info("server")["process_id"]


@pytest.mark.parametrize("end", ["kill", "stop", "restart"])
def test_restart_puts_an_empty_server_in_the_place_of_the_old_one(server, end):
    url, old = server.url, process_id(server)
    with server.connect() as connection:
        connection.set("key", "value")
    getattr(server, end)()
    assert not psutil.pid_exists(old)
    server.restart()
    assert server.url == url
    assert process_id(server) == server.program.pid != old
    with server.connect() as connection:
        assert connection.dbsize() == 0


def test_restart_says_so_if_the_port_is_taken(server, monkeypatch):
    server.kill()
    with socket.create_server(("127.0.0.1", server.port)):
        with pytest.raises(LaunchError, match=f"another program listens on its port {server.port}"):
            server.restart()
        assert server.program.poll() is not None
        with monkeypatch.context() as in_that_moment:
            in_that_moment.setattr(redis_server, "can_listen", lambda port: True)
            with pytest.raises(LaunchError, match=r"did not come back(.|\n)*already in use"):
                server.restart()
        assert server.program.poll() is not None
    server.restart()
    assert process_id(server) == server.program.pid


def test_frozen_server_answers_nobody_and_thawed_has_lost_nothing(server):
    with server.connect(socket_timeout=0.2) as connection:
        connection.set("key", "value")
        server.freeze()
        with pytest.raises(redis.TimeoutError):
            connection.ping()
        server.thaw()
        assert connection.get("key") == b"value"


def test_what_a_server_was_told_before_it_died_is_recorded_though_it_comes_late(
    server, tmp_path, monkeypatch
):
    keep = Monitor.keep

    def keep_later(*told):
        time.sleep(0.1)  # as if the machine had other things to do
        keep(*told)

    monkeypatch.setattr(Monitor, "keep", keep_later)
    monitor = Monitor(server, tmp_path)
    with server.connect() as asking:
        asking.set("last", "words")
    server.kill()
    monitor.catch_up()
    assert "SET last words" in monitor.path.read_text()


def test_who_was_there_before_the_monitor_is_known_by_name(server, tmp_path):
    # As after a restart, to which an instance may come back before the monitor does.
    with server.connect(client_name="A") as early:
        early.ping()
        monitor = Monitor(server, tmp_path)
        early.set("tea", "ready")
        monitor.catch_up()
        commands = [json.loads(line) for line in monitor.path.read_text().splitlines()]
        [name] = [one for one in commands if one["words"] == "CLIENT SETNAME A"]
        [written] = [one for one in commands if one["words"] == "SET tea ready"]
    assert name["client"] == written["client"]
    assert name["at"] < written["at"]


def test_clocks_are_compared_though_the_processor_is_away_between_two_looks(monkeypatch):
    looks, monotonic_ns = itertools.count(), time.monotonic_ns

    def interrupted():
        if next(looks) % 5 == 1:
            time.sleep(0.02)
        return monotonic_ns()

    right = clock_offset()
    monkeypatch.setattr(time, "monotonic_ns", interrupted)
    assert abs(clock_offset() - right) < 2_000_000


def connect(instance):
    return websockets.connect(f"{instance.ws_url}/ws/chat/{ROOM}/")


async def close_code(connection):
    """The code with which the server closes the socket; whatever comes before it is not read."""
    async with asyncio.timeout(LOSS_SECONDS):
        await connection.wait_closed()
    return connection.close_code


async def page(instance):
    async with httpx.AsyncClient(base_url=instance.url, verify=NO_TLS) as http:
        return (await http.get(f"/chat/{ROOM}/")).text


async def assert_crosses(here, there, text):
    """A message from a new socket here is heard on a new socket there."""
    async with websocket_reader(here, ROOM) as alice, websocket_reader(there, ROOM) as bob:
        await alice.post("alice", text)
        heard = await bob.next()
        assert heard is not None, f"{text!r} did not cross within {LIVE_SECONDS} s"
        assert heard["text"] == text


async def test_without_redis_every_socket_of_the_queue_layer_closes_and_posts_are_stored(start):
    async with start(6, instances=2) as chat:
        here, there = chat.instances
        async with connect(here) as alice, connect(there) as bob:
            chat.redis[0].kill()
            assert [await close_code(alice), await close_code(bob)] == [1011, 1011]
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await connect(here)
        assert refusal.value.response.status_code == 500
        assert (await post(here, ROOM, "alice", "while it is away")).status_code == 500
        assert "while it is away" in await page(there), "durable, though not live"
        chat.redis[0].restart()
        await assert_crosses(here, there, "it is back")
        # Now it hangs before it dies.
        async with connect(here) as alice, connect(there) as bob:
            chat.redis[0].freeze()
            await write(alice, "to nobody")
            async with asyncio.timeout(LOSS_SECONDS):
                while "to nobody" not in await page(there):
                    pass
            chat.redis[0].kill()
            assert [await close_code(alice), await close_code(bob)] == [1011, 1011]
            with pytest.raises(websockets.ConnectionClosed):
                await bob.recv()
        chat.redis[0].restart()
        await assert_crosses(here, there, "it is back again")
        assert "to nobody" in await page(there)


async def test_without_redis_only_the_poster_s_socket_of_the_pubsub_layer_closes(start):
    async with start(6, instances=2, redis_layer="pubsub") as chat:
        here, there = chat.instances
        async with connect(there) as alice, websocket_reader(there, ROOM) as bob:
            chat.redis[0].kill()
            await write(alice, "to nobody")
            assert await close_code(alice) == 1011
            assert "to nobody" in await page(here)
            chat.redis[0].restart()
            # Until the one instance with open sockets listens to this Redis again.
            with chat.redis[0].connect() as connection:
                await eventually(asyncio.to_thread, connection.pubsub_channels, f"*{ROOM}*")
            await assert_crosses(here, there, "it is back")
            assert (await bob.next())["text"] == "it is back", "the gap is lost without a word"


def test_redis_cuts_off_a_subscriber_that_is_as_far_behind_as_the_readmes_say(server):
    with server.connect() as connection:
        [text] = connection.config_get("client-output-buffer-limit").values()
    megabyte = 1024 * 1024
    assert f"pubsub {32 * megabyte} {8 * megabyte} 60" in text
