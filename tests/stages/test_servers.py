"""Each ASGI stage runs under each ASGI server, as `run_step.sh --server` promises.

Here the first of them and the last; notebook 13 has stage 05 and chat_final under all five.
"""

import asyncio

import pytest

from chatflow import post, reading, stage
from chatflow.running.servers import ASGI_SERVERS

ROOM, SECONDS = "servers", 30


async def hears(instance):
    """Whether somebody who waits at an instance is told what is written there."""
    async with asyncio.timeout(SECONDS), reading(instance, ROOM, "bob") as bob:
        await post(instance, ROOM, "alice", f"hello at {instance.name}")
        while (message := await bob.next(SECONDS))["text"] != f"hello at {instance.name}":
            pass
    return message["author"]


@pytest.mark.parametrize("number", [3, 9])
async def test_stage_runs_under_each_server(number):
    async with stage(number, server=ASGI_SERVERS) as chat:
        heard = [await hears(instance) for instance in chat.instances]
    assert heard == ["alice"] * len(ASGI_SERVERS), dict(zip(ASGI_SERVERS, heard, strict=True))
