"""Checks of hunts: a proxy before the stage, a neighbour beside it, a page that comes back."""

import asyncio
import tempfile
from pathlib import Path

import websockets

from ..clients.browser import chromium
from ..clients.readers import websocket_reader
from ..clients.sockets import connect
from ..clients.traffic import network
from ..clients.visitor import Visitor, post
from ..probing.people import new_room
from ..running import nginx
from ..running.launcher import stage
from .checks import SOON, Checks

CHECKS = Checks()
# Attempts within SOON that are too many; a page that waits longer each time makes three.
TOO_MANY = 8


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


async def cookies_of(name, instance):
    """What the browser of somebody who has logged in keeps, as Playwright takes it."""
    async with Visitor(instance, name) as visitor:
        await visitor.log_in()
        jar = visitor.http.cookies.jar
        return [{"name": each.name, "value": each.value, "url": instance.url} for each in jar]
