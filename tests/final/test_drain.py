"""Hundreds of sockets on an instance of chat_final that is to stop, under both servers.

That the other instance hears of it, and that one can come back: see test_service.py.
"""

import asyncio
import signal
from collections import Counter

import pytest
import pytest_asyncio
from picows import WSListener, WSMsgType, ws_connect

from chatflow.bench.load import chat_path
from chatflow.probing.people import new_room
from final.helpers import FINAL, PATIENCE, READY, logged_since, logs, readiness, session_of

# How each of them ends in order, after it has done what it does at SIGTERM. One that is not done
# ten seconds later is killed by the launcher, and that would be another status, -9.
ENDS = {"daphne": 0, "uvicorn": -15}
# So many sockets on each of them; they would be closed over eight seconds, if this were not a test.
SOCKETS, DRAIN_SECONDS = 200, 2
ROOMS = [new_room() for _ in range(4)]


class Reader(WSListener):
    """Somebody with an open socket, who does not come back: how it was closed, and when."""

    def __init__(self):
        self.code, self.closed_at = None, None
        self.is_in, self.is_gone = asyncio.Event(), asyncio.Event()

    def on_ws_connected(self, transport):
        self.transport = transport

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.CLOSE:
            self.code = frame.get_close_code()
            transport.send_close(self.code)
            transport.disconnect()
        elif b'"caught_up"' in frame.get_payload_as_bytes():
            self.is_in.set()

    def on_ws_disconnected(self, transport):
        self.closed_at = asyncio.get_running_loop().time()
        self.is_gone.set()


async def knock(instance, room_name):
    """Returns a Reader whose socket is accepted, and who is not in the room yet."""
    session = await session_of(instance, "alice")
    headers = {"Cookie": f"sessionid={session}", "Origin": instance.url}
    url = instance.ws_url + chat_path(room_name)
    _, reader = await ws_connect(Reader, url, extra_headers=headers)
    return reader


@pytest_asyncio.fixture
async def crowds(start):
    """The chat, and for each instance the readers in its rooms."""
    settings = {"DRAIN_SECONDS": str(DRAIN_SECONDS)}
    async with start(FINAL, server=list(ENDS), settings=settings) as chat:
        await session_of(chat, "alice")
        crowds = []
        for instance in chat.instances:
            knocking = (knock(instance, room) for room in ROOMS for _ in range(SOCKETS // 4))
            crowds.append(await asyncio.gather(*knocking))
        for reader in (reader for crowd in crowds for reader in crowd):
            await reader.is_in.wait()
        yield chat, crowds
        for reader in (reader for crowd in crowds for reader in crowd):
            reader.transport.disconnect()


async def first_is_gone(readers):
    async with asyncio.timeout(PATIENCE):
        await next(asyncio.as_completed([reader.is_gone.wait() for reader in readers]))


async def all_are_gone(readers):
    async with asyncio.timeout(PATIENCE):
        for reader in readers:
            await reader.is_gone.wait()


async def is_left_a_few_at_a_time(instance, crowd):
    began = asyncio.get_running_loop().time()
    coming = [asyncio.create_task(knock(instance, ROOMS[0])) for _ in range(20)]
    await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
    instance.program.let_go()
    await first_is_gone(crowd)
    facts = {**READY, "ready": False, "draining": True}
    assert await readiness(instance) == (503, facts), "nobody new is to be sent here"
    latecomers = await asyncio.gather(*coming)
    await all_are_gone([*crowd, *latecomers])
    assert {reader.code for reader in latecomers} == {4012}, "who was on the way in is told, too"
    tenths = Counter(int(10 * (reader.closed_at - began)) for reader in crowd)
    assert len(tenths) >= 5, f"not all of them are to come back at once: {tenths}"
    assert max(tenths.values()) <= SOCKETS / 2, f"nor half of them: {tenths}"


async def is_left_though_it_falls_behind(instance, crowd):
    instance.program.let_go()
    await first_is_gone(crowd)
    instance.program.send(signal.SIGSTOP)
    try:
        # As long as it had for all of them: as if it had far too much else to do.
        await asyncio.sleep(DRAIN_SECONDS)
    finally:
        instance.program.send(signal.SIGCONT)
    await all_are_gone(crowd)


@pytest.mark.parametrize("is_left", [is_left_a_few_at_a_time, is_left_though_it_falls_behind])
async def test_hundreds_are_sent_away_in_words(crowds, is_left):
    chat, crowds = crowds
    before = logs(chat)
    await asyncio.gather(*map(is_left, chat.instances, crowds))
    for instance, crowd, end in zip(chat.instances, crowds, ENDS.values(), strict=True):
        assert Counter(reader.code for reader in crowd) == {4012: SOCKETS}
        assert await asyncio.to_thread(instance.program.stop) == end
    assert "Traceback" not in logged_since(chat, before), "it should end in order"
