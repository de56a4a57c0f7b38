"""What the releases installed here do: those of the lock file, or by `--newest` this month's.

redis-py 8 gives up on what takes five seconds if nobody tells it otherwise. So all Redis layers are
left alone here for longer than that, and with them a project made as `own_project.md` says.
"""

import asyncio
import contextlib
import json
import re
import subprocess

import pytest
import websockets

from chatflow.basics.catalog import ROOT
from chatflow.clients.sockets import connect
from chatflow.probing.stage_probes import IDLE_SECONDS
from final.helpers import PATIENCE
from helpers.talking import write
from stages.helpers import BIN, FINAL, lone_redis, port_of, program

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

CONSUMERS = """
from channels.generic.websocket import AsyncJsonWebsocketConsumer

class ChatConsumer(AsyncJsonWebsocketConsumer):
    groups = ["everybody"]

    async def receive_json(self, content):
        event = {"type": "chat.message", "text": content["text"]}
        await self.channel_layer.group_send("everybody", event)

    async def chat_message(self, event):
        await self.send_json({"text": event["text"]})
"""


@pytest.fixture
def project(tmp_path):
    """A Django project with the lines of the page and one consumer."""
    page = (ROOT / "notebooks" / "own_project.md").read_text()
    # The first line of each block names its file.
    blocks = re.findall(r"```python\n# ([\w/.]+)[^\n]*\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in blocks] == ["mysite/settings.py", "mysite/asgi.py"]
    subprocess.run([BIN / "django-admin", "startproject", "mysite", tmp_path], check=True)
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "__init__.py").touch()
    (tmp_path / "chat" / "consumers.py").write_text(CONSUMERS)
    for name, lines in blocks:
        with (tmp_path / name).open("a") as file:
            file.write(lines)
    return tmp_path


@contextlib.asynccontextmanager
async def served(project):
    """Run it by Daphne beside a Redis of its own; yields its address."""
    settings = project / "mysite" / "settings.py"
    text = settings.read_text()
    assert text.count("redis://127.0.0.1:6379/0") == 1
    words = "daphne", "-e", "tcp:0:interface=127.0.0.1", "mysite.asgi:application"
    with lone_redis() as redis:
        settings.write_text(text.replace("redis://127.0.0.1:6379/0", redis.url))
        async with program(*words, cwd=project) as server:
            yield f"127.0.0.1:{await port_of(server)}", server


async def test_project_of_the_page_runs_and_its_idle_sockets_hear(project):
    async with served(project) as (host, server):
        url, origin = f"ws://{host}/ws/chat/", f"http://{host}"
        async with (
            websockets.connect(url, origin=origin) as alice,
            websockets.connect(url, origin=origin) as bob,
        ):
            # Longer than redis-py 8 would wait by itself, and than the layer.
            await asyncio.sleep(7)
            assert await talk(alice, bob) == "heard", server.last_lines()
        with pytest.raises(websockets.InvalidStatus, match="403"):
            await websockets.connect(url, origin="http://evil.example")
