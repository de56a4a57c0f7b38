"""What a client is told when a socket is refused, or ends, as `notebooks/troubles.md` says it."""

import asyncio

import pytest
import websockets

from chatflow.clients.sockets import connect
from labs.two_clocks import ended_by_daphne


async def test_daphne_ends_a_day_and_a_slow_handshake():
    # No status at all: its 403 for this would come later than autobahn's own end of it.
    assert await ended_by_daphne() == (1000, "did not receive a valid HTTP response")


async def test_server_that_is_killed_says_nothing_and_the_client_calls_that_1006(start):
    async with start(4) as chat, connect(chat, "lobby", "alice") as alice:
        await asyncio.to_thread(chat.instances[0].kill)
        with pytest.raises(websockets.ConnectionClosed):
            await alice.recv()
        assert alice.close_code == 1006
