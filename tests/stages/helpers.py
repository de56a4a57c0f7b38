"""What the tests of the stages share: which stages, bad paths, servers by their own commands."""

import asyncio
import contextlib
import os
import re
import sys
from pathlib import Path

import pytest

from chatflow import find_stage, stage
from chatflow.clients.sockets import connect
from chatflow.running.variants import variant
from helpers.resume import replay

BIN = Path(sys.executable).parent
FINAL = find_stage("final").number

BAD_PATHS = {
    "51 characters": "/ws/chat/" + "a" * 51 + "/",
    "not ASCII": "/ws/chat/caf%C3%A9/",
    "a newline": "/ws/chat/lobby%0A/",
    "a newline at the end": "/ws/chat/lobby/%0A",
    "up and out": "/ws/chat/../",
    "no room": "/ws/chat//",
    "no slash at the end": "/ws/chat/lobby",
    "unknown": "/nowhere/",
    "root": "/",
}


def in_stages(*numbers):
    """For a test with `chat`: run it in each of these stages, shared with all other tests."""
    cases = [pytest.param(number, id=f"stage_{number}") for number in numbers]
    return pytest.mark.parametrize("chat", cases, indirect=True)


@contextlib.asynccontextmanager
async def joined(instance, room_name, name="alice", after=None):
    """An open socket that has caught up."""
    async with connect(instance, room_name, name, after=after) as socket:
        await replay(socket)
        yield socket


# --- servers by their own commands --------------------------------------------------------------


def bare_environment():
    """An environment that knows nothing of us, with the programs that are installed here."""
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"}


async def port_of(server):
    """The port that the server says it listens on, as soon as it says so."""
    said = re.compile(r"(?:Listening on TCP address |at: http://|on http://)127\.0\.0\.1:(\d+)")
    while not (found := said.search(server.log.read_text())):
        assert server.poll() is None, server.last_lines()
        await asyncio.sleep(0.02)
    return found[1]


# --- stage 02 -----------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def long_polling(stage_folders, wait):
    """Run stage 02 with requests that wait for so many seconds, not 25; a --stage-dir as it is."""
    async with contextlib.AsyncExitStack() as stack:
        folder = stage_folders.get(2)
        if not folder:
            change = "WAIT_SECONDS = 25", f"WAIT_SECONDS = {wait}"
            folder = await stack.enter_async_context(variant(2, "chat/views.py", *change))
        yield await stack.enter_async_context(stage(2, folder=folder))
