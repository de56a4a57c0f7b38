"""The relay that counts what a conversation costs on the wire."""

import asyncio
import json
import socket

import pytest
import websockets

from chatflow import post
from chatflow.basics.addresses import HOST, Address
from chatflow.clients.traffic import Count, carry_up, counted
from chatflow.probing.people import new_room

REQUEST = b"GET /nowhere/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Pieces:
    """A reader that gives these pieces, and a writer that keeps what it is given."""

    def __init__(self, *pieces):
        self.pieces, self.written = list(pieces), b""

    async def read(self, _):
        return self.pieces.pop(0) if self.pieces else b""

    def write(self, piece):
        self.written += piece

    async def drain(self):
        pass

    def write_eof(self):
        pass


async def test_counts_every_byte_of_both_sides(running):
    async with counted(running(1)) as (address, count):
        reader, writer = await asyncio.open_connection(HOST, address.port)
        writer.write(REQUEST)
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert count == Count(connections=1, requests=1, sent=len(REQUEST), received=len(answer))


@pytest.mark.parametrize("cut", range(1, len(REQUEST)))
async def test_counts_a_request_once_wherever_it_is_cut_in_two(cut):
    count, wire = Count(), Pieces(REQUEST, REQUEST[:cut], REQUEST[cut:])
    await carry_up(wire, wire, count)
    assert (count.requests, count.sent, wire.written) == (2, 2 * len(REQUEST), 2 * REQUEST)


async def test_relays_a_form_and_a_websocket_as_the_stage_itself_would(running):
    room_name = new_room()
    async with counted(running(5)) as (address, count):
        async with websockets.connect(f"{address.ws_url}/ws/chat/{room_name}/") as bob:
            assert (count.connections, count.requests) == (1, 1)
            response = await post(address, room_name, "alice", "hello")
            frame = await bob.recv()
        assert response.status_code == 302
        assert json.loads(frame)["text"] == "hello"
        assert (count.connections, count.requests) == (3, 3), "frames are no requests"


async def test_connection_that_both_sides_keep_ends_with_the_block(running):
    async with counted(running(1)) as (address, _):
        reader, writer = await asyncio.open_connection(HOST, address.port)
        writer.write(REQUEST.replace(b"close", b"keep-alive"))
        assert b"keep-alive" in await reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(5):
        await reader.read()
    assert reader.at_eof()
    writer.close()


async def test_client_sees_that_the_server_is_not_there():
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    async with counted(Address(port)) as (address, count):
        reader, writer = await asyncio.open_connection(HOST, address.port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
    assert count == Count(connections=1)
