"""Losing Redis and getting it back: the private server itself, and what stage 06 makes of it."""

import asyncio
import contextlib
import itertools
import json
import socket
import time

import httpx
import psutil
import pytest
import redis
import websockets
from redis.backoff import NoBackoff
from redis.retry import Retry

from chatflow import post, websocket_reader
from chatflow.basics.catalog import LIVE_SECONDS
from chatflow.basics.errors import LaunchError
from chatflow.running import redis_server
from chatflow.running.processes import RunFolder
from chatflow.tracing.monitor import Monitor, clock_offset

ROOM = "lobby"
# The layer tries for up to a second to reach its Redis again; the rest is for a busy machine.
LOSS_SECONDS = 10


@pytest.fixture
def server():
    folder = RunFolder("test")
    try:
        yield redis_server.start(folder)
    finally:
        folder.close()


@contextlib.contextmanager
def client(server):
    retry = Retry(NoBackoff(), 0)
    with redis.Redis.from_url(server.url, socket_timeout=0.2, retry=retry) as connection:
        yield connection


def process_id(server):
    with client(server) as connection:
        return connection.info("server")["process_id"]


@pytest.mark.parametrize("end", ["kill", "stop", "restart"])
def test_restart_puts_an_empty_server_in_the_place_of_the_old_one(server, end):
    url, old = server.url, process_id(server)
    with client(server) as connection:
        connection.set("key", "value")
    getattr(server, end)()
    assert not psutil.pid_exists(old)
    server.restart()
    assert server.url == url
    assert process_id(server) == server.program.pid != old
    with client(server) as connection:
        assert connection.dbsize() == 0


def test_restart_says_so_if_the_port_is_taken(server):
    server.kill()
    with socket.create_server(("127.0.0.1", server.port)):
        with pytest.raises(LaunchError, match=f"another program listens on its port {server.port}"):
            server.restart()
        assert server.program.poll() is not None
    server.restart()
    assert process_id(server) == server.program.pid


def test_restart_shows_the_last_lines_if_the_port_is_taken_in_that_moment(server, monkeypatch):
    monkeypatch.setattr(redis_server, "can_listen", lambda port: True)
    server.kill()
    with (
        socket.create_server(("127.0.0.1", server.port)),
        pytest.raises(LaunchError, match=r"did not come back(.|\n)*already in use"),
    ):
        server.restart()
    assert server.program.poll() is not None


def test_frozen_server_answers_nobody_and_thawed_has_lost_nothing(server):
    with client(server) as connection:
        connection.set("key", "value")
        server.freeze()
        with pytest.raises(redis.TimeoutError):
            connection.ping()
        server.thaw()
        assert connection.get("key") == b"value"


# --- stage 06 -------------------------------------------------------------------------------------


def test_what_a_server_was_told_before_it_died_is_recorded_though_it_comes_late(
    server, tmp_path, monkeypatch
):
    keep = Monitor.keep

    def keep_later(*told):
        time.sleep(0.1)  # as if the machine had other things to do
        keep(*told)

    monkeypatch.setattr(Monitor, "keep", keep_later)
    monitor = Monitor(server, tmp_path)
    with client(server) as asking:
        asking.set("last", "words")
    server.kill()
    monitor.catch_up()
    assert "SET last words" in monitor.path.read_text()


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


async def send(connection, text):
    await connection.send(json.dumps({"type": "post", "author": "alice", "text": text}))


async def close_code(connection):
    """The code with which the server closes the socket; whatever comes before it is not read."""
    async with asyncio.timeout(LOSS_SECONDS):
        await connection.wait_closed()
    return connection.close_code


async def page(instance):
    async with httpx.AsyncClient(base_url=instance.url) as http:
        return (await http.get(f"/chat/{ROOM}/")).text


async def wait_until_stored(instance, text):
    give_up_at = time.monotonic() + LOSS_SECONDS
    while text not in await page(instance):
        assert time.monotonic() < give_up_at, f"{text!r} was never stored"


async def assert_crosses(here, there, text):
    """A message from a new socket here is heard on a new socket there."""
    async with websocket_reader(here, ROOM) as alice, websocket_reader(there, ROOM) as bob:
        await alice.post("alice", text)
        heard = await bob.next()
        assert heard is not None, f"{text!r} did not cross within {LIVE_SECONDS} s"
        assert heard["text"] == text


async def test_without_redis_every_socket_of_the_queue_layer_closes_and_forms_still_store(start):
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


async def test_what_is_posted_to_a_redis_that_hangs_and_dies_is_stored_and_closes_with_1011(start):
    async with start(6, instances=2) as chat:
        here, there = chat.instances
        async with connect(here) as alice, connect(there) as bob:
            chat.redis[0].freeze()
            await send(alice, "to nobody")
            await wait_until_stored(there, "to nobody")
            chat.redis[0].kill()
            assert await close_code(alice) == 1011
            assert await close_code(bob) == 1011
            with pytest.raises(websockets.ConnectionClosed):
                await bob.recv()
        chat.redis[0].restart()
        await assert_crosses(here, there, "it is back")
        assert "to nobody" in await page(there)


async def test_without_redis_only_the_poster_s_socket_of_the_pubsub_layer_closes(start):
    async with start(6, instances=2, redis_layer="pubsub") as chat:
        here, there = chat.instances
        async with connect(there) as alice, websocket_reader(there, ROOM) as bob:
            chat.redis[0].kill()
            await send(alice, "to nobody")
            assert await close_code(alice) == 1011
            assert "to nobody" in await page(here)
            chat.redis[0].restart()
            await wait_until_subscribed(chat.redis[0])
            await assert_crosses(here, there, "it is back")
            assert (await bob.next())["text"] == "it is back", "the gap is lost without a word"


async def wait_until_subscribed(server):
    """Come back when the one instance with open sockets listens to this Redis again."""
    give_up_at = time.monotonic() + LOSS_SECONDS
    with client(server) as connection:
        while not connection.pubsub_channels(f"*{ROOM}*"):
            assert time.monotonic() < give_up_at, "no instance has subscribed again"
            await asyncio.sleep(0.05)


# --- what Redis keeps for those who are slow ------------------------------------------------------


def test_redis_cuts_off_a_subscriber_that_is_as_far_behind_as_the_readmes_say(server):
    with client(server) as connection:
        [text] = connection.config_get("client-output-buffer-limit").values()
    megabyte = 1024 * 1024
    assert f"pubsub {32 * megabyte} {8 * megabyte} 60" in text
