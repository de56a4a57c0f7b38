"""What the tests of the stages share: which stages, pages, groups, servers by plain commands."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from chatflow import Visitor, find_stage, stage, stages
from chatflow.clients.sockets import connect
from chatflow.running import redis_server
from chatflow.running.processes import Program, RunFolder
from chatflow.running.variants import variant
from helpers.resume import replay

BIN = Path(sys.executable).parent
FINAL = find_stage("final").number

# By then a server has long noticed that a client has gone.
GONE_SECONDS = 20

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


def able(key):
    """The numbers of the stages that can do this, by the matrix."""
    return [stage.number for stage in stages() if stage.can[key] == "yes"]


def in_stages(*numbers):
    """For a test with `chat`: run it in each of these stages, shared with all other tests."""
    cases = [pytest.param(number, id=f"stage_{number}") for number in numbers]
    return pytest.mark.parametrize("chat", cases, indirect=True)


async def get(chat, path):
    """A page, as somebody sees it who is logged in where the stage has accounts."""
    async with Visitor(chat, "reader") as reader:
        await reader.log_in()
        return await reader.http.get(path)


@contextlib.asynccontextmanager
async def joined(instance, room_name, name="alice", after=None):
    """An open socket that has caught up."""
    async with connect(instance, room_name, name, after=after) as socket:
        await replay(socket)
        yield socket


async def until_nobody_is_in_group(chat, room_name):
    """Return when a room's group is empty, however busy the server."""
    give_up_at = time.monotonic() + GONE_SECONDS
    while left := await asyncio.to_thread(members, chat, f"chat_{room_name}"):
        assert time.monotonic() < give_up_at, f"{left} channels have gone, and are sent to still"
        await asyncio.sleep(0.05)


def members(chat, group):
    """How many channels are in a group: of chat_final, one of each instance."""
    if chat.stage.number == 5:
        # The in-memory layer cannot be asked; but the trace tells who has joined and who has left.
        joined, left = (
            {hop.detail["channel"] for hop in chat.tracing.hops() if hop.label.startswith(call)}
            for call in ("group_add", "group_discard")
        )
        return len(joined - left)
    prefix = chat.environment["REDIS_PREFIX"]
    with redis.Redis.from_url(chat.redis[0].url) as client:
        if chat.redis_layer == "queue":
            return client.zcard(f"{prefix}:group:{group}")
        return client.pubsub_numsub(f"{prefix}__group__{group}")[0][1]


@contextlib.asynccontextmanager
async def changed(number, path, before, after, **options):
    """Run a stage with a piece of its text replaced; `options` are those of a Run."""
    async with (
        variant(number, path, before, after) as folder,
        stage(number, folder=folder, **options) as chat,
    ):
        yield chat


# --- servers by their own commands --------------------------------------------------------------


def bare_environment():
    """An environment that knows nothing of us, with the programs that are installed here."""
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"}


@contextlib.asynccontextmanager
async def program(name, *arguments, cwd, env=None):
    """Run one of the programs that are installed here, until the block ends."""
    files = RunFolder("plain")
    try:
        yield Program(
            [BIN / name, *arguments],
            folder=files,
            log=files.path / f"{name}.log",
            cwd=cwd,
            env=env or bare_environment(),
        )
    finally:
        await asyncio.to_thread(files.close)


@contextlib.contextmanager
def lone_redis():
    """A Redis server that belongs to no stage."""
    folder = RunFolder("redis")
    try:
        yield redis_server.start(folder)
    finally:
        folder.close()


def copied(folder, place):
    """A stage's folder, alone in another place."""
    ignore = shutil.ignore_patterns("__pycache__", "*.sqlite3*", "staticfiles")
    return shutil.copytree(folder, place / "chat", ignore=ignore)


def run_python(copy, environment, *words):
    return subprocess.run(
        ["python", *words], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )


async def port_of(server):
    """The port that the server says it listens on, as soon as it says so."""
    said = re.compile(r"(?:Listening on TCP address |at: http://|on http://)127\.0\.0\.1:(\d+)")
    async with asyncio.timeout(30):
        while not (found := said.search(server.log.read_text())):
            assert server.poll() is None, server.last_lines()
            await asyncio.sleep(0.02)
    return found[1]


# --- stage 02 -----------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def long_polling(stage_folders, wait):
    """Run stage 02 with requests that wait for so many seconds, not 25; a --stage-dir as it is."""
    if folder := stage_folders.get(2):
        opening = stage(2, folder=folder)
    else:
        opening = changed(2, "chat/views.py", "WAIT_SECONDS = 25", f"WAIT_SECONDS = {wait}")
    async with opening as chat:
        yield chat
