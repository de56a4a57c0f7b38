"""What the releases installed here do: those of the lock file, or by `--newest` this month's.

redis-py 8 gives up on what takes five seconds if nobody tells it otherwise. So all Redis layers are
left alone here for longer than that, and with them the project of `own_project.md`.
"""

import asyncio
import contextlib
import json
import re

import pytest
import websockets

from chatflow.clients.sockets import connect
from chatflow.probing.stage_probes import IDLE_SECONDS
from final.helpers import PATIENCE
from helpers.talking import write
from labs.own_project import own_project
from labs.own_sites import opened, sites
from labs.own_tests import MODULES, tried
from stages.helpers import FINAL

WITH_REDIS = [(6, "queue"), (6, "pubsub"), (7, "queue"), (FINAL, "queue"), (FINAL, "pubsub")]
# So many processes start at once that a handshake may take its time.
PATIENT = {"open_timeout": 60}
# What one of them says in its log when a call to Redis has failed.
TROUBLE = re.compile(r".*(?:Timeout|ConnectionError|The layer fails).*")


async def test_sockets_and_workers_hear_after_12_idle_seconds_whatever_carries_it(start):
    # All at once, since all of it is waiting.
    found = await asyncio.gather(*[leave_alone(start, *each) for each in WITH_REDIS])
    assert dict(zip(WITH_REDIS, found, strict=True)) == dict.fromkeys(WITH_REDIS, ("heard", []))


async def leave_alone(start, number, layer):
    """What becomes of two idle sockets, and what the logs say of Redis."""
    async with (
        # In chat_final what stays within an instance passes no layer.
        start(number, instances=1 + (number == FINAL), redis_layer=layer) as chat,
        connect(chat.instances[0], "lobby", "alice", **PATIENT) as alice,
        connect(chat.instances[-1], "lobby", "bob", **PATIENT) as bob,
    ):
        await asyncio.sleep(IDLE_SECONDS)  # nothing is waited for: idleness is the experiment
        end = await talk(alice, bob, "/roll 1d1" if chat.worker else "awake?")
        return end, TROUBLE.findall("".join(one.program.said() for one in chat.processes()))


async def talk(alice, bob, text="awake?"):
    """What Bob gets when Alice writes: "heard", "silence", or "closed" with the code.

    Where it is a command it is a worker that he hears, and that has been idle, too.
    """
    answer = "alice rolls 1 = 1" if text.startswith("/roll") else text
    try:
        await write(alice, text)
        return "heard" if await hears(bob, answer) else "silence"
    except websockets.ConnectionClosed:
        return f"closed {alice.close_code or bob.close_code}"


async def hears(socket, text):
    """Whether a message with this text comes; other events are passed over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while json.loads(await socket.recv()).get("text") != text:
                pass
            return True
    return False


# --- a project of one's own -----------------------------------------------------------------------


@pytest.fixture
def nobody(monkeypatch):
    """What is made for a learner to go on with goes."""
    monkeypatch.setenv("CHATFLOW_NOBODY", "1")


async def test_project_of_the_page_passes_its_own_tests_and_its_idle_sockets_hear(nobody):
    async with own_project() as project:
        await asyncio.to_thread(project.add_all)
        # Longer than redis-py 8 would wait by itself, and than the layer.
        idle, outcome = await asyncio.gather(left_idle(project, 7), tried(project, MODULES))
    assert idle == "awake?"
    assert "red" not in outcome.found.values(), outcome.said


async def left_idle(project, seconds):
    """What Bob hears after so long; and nobody of another site can open a socket."""
    async with sites(project, 1) as [site], opened(site) as alice, opened(site) as bob:
        await asyncio.sleep(seconds)
        await alice.send(json.dumps({"v": 1, "text": "awake?"}))
        async with asyncio.timeout(PATIENCE):
            heard = json.loads(await bob.recv())["text"]
        with pytest.raises(websockets.InvalidStatus, match="403"):
            await websockets.connect(f"{site.ws_url}/ws/chat/", origin="http://evil.example")
    return heard
