"""Checks of hunts: a proxy before the stage, a neighbour beside it, a page that comes back."""

import asyncio
import contextlib
import tempfile
from pathlib import Path

import redis.asyncio
import websockets

from ..clients.browser import chromium
from ..clients.readers import websocket_reader
from ..clients.sockets import connect, frame, next_of, until_in_room
from ..clients.traffic import network
from ..clients.visitor import Visitor, post
from ..probing.people import new_room
from ..running import nginx
from ..running.launcher import stage
from .checks import SOON, Checks

CHECKS = Checks()
# Attempts within SOON that are too many; a page that waits longer each time makes three.
TOO_MANY = 8
# Sockets of a server that ends. Closed within so many seconds, half of them were so at once.
CROWD, AT_ONCE = 40, 0.4
# What is ephemeral may be lost: it is said again after so many seconds.
TRY_AGAIN = 0.5


@CHECKS.add
async def hears_no_neighbour(run):
    """Another site on the same Redis, with a prefix of its own, is not heard here."""
    here, room_name = run.instances[0], new_room()
    settings = {"REDIS_PREFIX": "next-door"}
    options = {"folder": run.folder, "redis_url": run.redis_urls, "settings": settings}
    async with (
        stage(run.stage.number, **options) as neighbours,
        websocket_reader(here, room_name, "bob") as bob,
    ):
        await post(neighbours.instances[0], room_name, "carol", "hello, next door")
        await post(here, room_name, "alice", "for us")
        # Had the neighbour's message come here, it would have come first.
        return await bob.next_text() == "for us"


@CHECKS.add
async def another_scheme_is_another_site(run):
    """A page of the same address under https, where the site is http, opens no socket."""
    elsewhere = run.url.replace("http://", "https://")
    try:
        async with connect(run, new_room(), "alice", origin=elsewhere):
            return False
    except websockets.InvalidStatus:
        return True


@CHECKS.add
async def proxy_lets_sockets_through(run):
    """In production, too, a room's socket opens."""
    # There is an nginx, which deploy/ configures.
    shipped = run.folder / "deploy" / "nginx.conf"
    ports = [run.instances[number % len(run.instances)].port for number in range(3)]
    # Only here: few hunts need a certificate, and that loads all of Twisted.
    from labs.http2_over_tls import make_certificate

    with tempfile.TemporaryDirectory() as place:
        certificate, key = make_certificate(Path(place))
        with nginx.server(ports, certificate, key, shipped=shipped) as proxy:
            async with connect(proxy, new_room(), "alice"):
                return True


@CHECKS.add
async def page_comes_back_gently(run):
    """A server that was away has time to start: nobody knocks many times a second."""
    attempts, enough, room_name = [], asyncio.Event(), new_room()

    def count(socket):
        attempts.append(socket.url)
        if len(attempts) > TOO_MANY:
            enough.set()

    async with network(run.instances[0]) as phone, chromium() as browser:
        page = await browser.new_page()
        await page.context.add_cookies(await cookies_of("alice", phone))
        # Each wait as long as it may be: so that no luck is in it.
        await page.add_init_script("Math.random = () => 0.999")
        page.on("websocket", count)
        await page.goto(f"{phone.url}/chat/{room_name}/")
        await page.get_by_text("Live", exact=True).wait_for()
        phone.cut()
        try:
            async with asyncio.timeout(SOON):
                await enough.wait()
        except TimeoutError:
            return len(attempts) > 1
    return False


@CHECKS.add
async def is_heard_when_groups_were_lost(run):
    """When Redis has lost a room's group, its people hear the other server again soon."""
    options = {"instances": 2, "redis_layer": "queue", "settings": {"HEAD_SECONDS": "0.5"}}
    room_name = new_room()
    async with (
        stage(run.stage.number, folder=run.folder, **options) as own,
        connect(own.instances[0], room_name, "alice") as alice,
        connect(own.instances[1], room_name, "bob") as bob,
    ):
        await asyncio.gather(until_in_room(alice), until_in_room(bob))
        await forget_group(own, room_name)
        async with asyncio.timeout(SOON):
            # A word that no database knows: it comes by the layer, or never.
            while not await comes(bob, "typing"):
                await alice.send(frame("typing"))
    return True


async def forget_group(run, room_name):
    """Take a room's group out of Redis, and nothing else: it may be somebody else's Redis."""
    async with redis.asyncio.Redis.from_url(run.redis_urls) as client:
        for key in [key async for key in client.scan_iter(f"*:group:*{room_name}")]:
            await client.delete(key)


async def comes(socket, kind):
    try:
        async with asyncio.timeout(TRY_AGAIN):
            return await next_of(socket, kind) is not None
    except TimeoutError:
        return False


@CHECKS.add
async def leaves_a_few_at_a_time(run):
    """When a server ends, its people are not all sent away in the same moment."""
    settings = {"SOCKETS_PER_USER": f"{CROWD}"}
    async with (
        stage(run.stage.number, folder=run.folder, settings=settings) as own,
        contextlib.AsyncExitStack() as all_,
    ):
        here, room_name = own.instances[0], new_room()
        opening = [connect(here, room_name, "alice", max_queue=None) for _ in range(CROWD)]
        crowd = [await all_.enter_async_context(each) for each in opening]
        await asyncio.gather(*map(until_in_room, crowd))
        leaving = asyncio.gather(*map(is_closed_at, crowd))
        await asyncio.to_thread(here.stop)
        first, *others = sorted(await leaving)
    # Over two seconds, by the finished chat: half of them after the first one.
    return others[CROWD // 2] - first > AT_ONCE


async def is_closed_at(socket):
    await socket.wait_closed()
    return asyncio.get_running_loop().time()


async def cookies_of(name, instance):
    """What the browser of somebody who has logged in keeps, as Playwright takes it."""
    async with Visitor(instance, name) as visitor:
        await visitor.log_in()
        jar = visitor.http.cookies.jar
        return [{"name": each.name, "value": each.value, "url": instance.url} for each in jar]
