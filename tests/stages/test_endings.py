"""What a client is told when a socket is refused, or ends, as `notebooks/troubles.md` says it."""

import asyncio
import contextlib

import httpx
import pytest
import websockets

from chatflow.clients.sockets import connect
from chatflow.running.processes import Program, RunFolder
from stages.helpers import BIN, bare_environment, port_of

# It takes its time before it accepts what comes to /slow/, and for what is open it does nothing.
APPLICATION = """
import asyncio

async def application(scope, receive, send):
    await receive()
    if scope["path"] == "/slow/":
        await asyncio.sleep(60)
    await send({"type": "websocket.accept"})
    await asyncio.sleep(60)
"""
# Its five seconds, and its day.
SHORT = ["--websocket_connect_timeout", "3", "--websocket_timeout", "2"]


@contextlib.asynccontextmanager
async def daphne(folder):
    """Run that application by Daphne with times that a test can wait for; yields its address."""
    (folder / "patient.py").write_text(APPLICATION)
    command = [BIN / "daphne", *SHORT, "-e", "tcp:0:interface=127.0.0.1", "patient:application"]
    files = RunFolder("endings")
    try:
        options = {"cwd": folder, "env": bare_environment()}
        server = Program(command, folder=files, log=files.path / "server.log", **options)
        async with asyncio.timeout(30):
            yield f"ws://127.0.0.1:{await port_of(server)}"
    finally:
        await asyncio.to_thread(files.close)


async def test_daphne_hangs_up_on_a_slow_handshake_and_closes_an_old_socket_with_1000(tmp_path):
    async with daphne(tmp_path) as url:
        async with websockets.connect(f"{url}/") as socket:
            # No status at all: its 403 for this would come later than autobahn's own end of it.
            with pytest.raises(websockets.InvalidMessage, match="did not receive a valid HTTP"):
                await websockets.connect(f"{url}/slow/")
            with pytest.raises(websockets.ConnectionClosed):
                await socket.recv()
        assert socket.close_code == 1000


async def test_without_its_upgrade_header_a_handshake_is_a_plain_get_and_404(running):
    chat = running(4)
    async with connect(chat, "lobby", "alice"), httpx.AsyncClient() as http:
        answer = await http.get(f"{chat.url}/ws/chat/lobby/", headers={"Origin": chat.url})
    assert answer.status_code == 404


async def test_server_that_is_killed_says_nothing_and_the_client_calls_that_1006(start):
    async with start(4) as chat, connect(chat, "lobby", "alice") as alice:
        await asyncio.to_thread(chat.instances[0].kill)
        with pytest.raises(websockets.ConnectionClosed):
            await alice.recv()
        assert alice.close_code == 1006
