"""The small client that the notebooks drive every stage with."""

import os
import subprocess
import sys

import pytest

from chatflow import Visitor, post, reading
from chatflow.basics.catalog import ROOT
from chatflow.clients.readers import websocket_reader
from chatflow.probing.people import new_room

# What the notebooks do by hand and by helper; printed is what arrived.
CONVERSATION = """
import asyncio
import httpx, websockets
from chatflow import post, stage, websocket_reader

async def main():
    async with stage(5) as chat, websocket_reader(chat, "lobby") as bob:
        async with websockets.connect(f"{chat.ws_url}/ws/chat/lobby/"), httpx.AsyncClient() as http:
            assert (await http.get(chat.url)).status_code == 200
        await post(chat, "lobby", "alice", "no proxy needed")
        print((await bob.next())["text"])

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("chat", "how"),
    [(1, None), (2, "long polling"), (3, "event stream"), (4, "WebSocket"), (10, "WebSocket")],
    indirect=["chat"],
)
async def test_reader_takes_the_best_way_that_a_stage_offers(chat, how):
    async with reading(chat, new_room()) as reader:
        assert (reader and reader.how) == how


@pytest.mark.parametrize("chat", [5], indirect=True)
async def test_reader_that_waits_in_vain_gets_none(chat):
    async with websocket_reader(chat, new_room()) as reader:
        assert await reader.next(within=0.1) is None


async def test_reader_says_so_when_the_server_ends_the_connection(start):
    async with start(5) as chat, websocket_reader(chat, new_room()) as reader:
        chat.instances[0].kill()
        with pytest.raises(Exception, match=r"close frame|has ended"):
            await reader.next(within=10)


@pytest.mark.parametrize("chat", [1], indirect=True)
async def test_visitor_needs_the_page_before_the_form(chat):
    room_name = new_room()
    async with Visitor(chat) as alice:
        assert (await alice.post(room_name, "alice", "too early")).status_code == 403
        await alice.open(room_name)
        assert (await alice.post(room_name, "alice", "now")).status_code == 302
    assert (await post(chat, room_name, "bob", "in one go")).status_code == 302


def test_a_proxy_in_the_environment_is_not_asked():
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "notebooks")}
    environment |= {"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9"}
    environment |= {"no_proxy": "", "NO_PROXY": "example.org"}
    command = [sys.executable, "-P", "-c", CONVERSATION]
    said = subprocess.check_output(command, env=environment, text=True, timeout=60)
    assert said == "no proxy needed\n"
