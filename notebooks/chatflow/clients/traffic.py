"""Stands between the clients and a server: counts what passes, or lets nothing pass any more.

async with counted(chat) as (address, count):
    await post(address, "lobby", "alice", "hello")
print(count.connections, count.requests, count.sent, count.received)

async with network(chat) as phone:
    phone.cut()  # its connections break, and nobody gets through until phone.mend()
"""

import asyncio
import contextlib
import weakref
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..basics.addresses import HOST, Address

# Ends the first line of each request, and of a WebSocket's handshake, which is one.
REQUEST = b" HTTP/1.1\r\n"
PIECE = 65_536  # bytes


@dataclass
class Count:
    """What the clients have done so far: bytes of TCP, so with every header and every frame."""

    connections: int = 0
    requests: int = 0
    sent: int = 0
    received: int = 0

    @property
    def bytes(self):
        return self.sent + self.received


class Network(Address):
    """The address of clients whose network can fail: a phone in a tunnel."""

    def __init__(self, port, instance):
        super().__init__(port)
        # Who is logged in there is logged in here.
        self.site = getattr(instance, "site", instance.url)
        self.is_up, self.is_silent = True, False
        self.connections = weakref.WeakSet()

    def cut(self):
        """Break all connections off, on both sides; from now on nobody gets through."""
        self.is_up = False
        for writer in self.connections:
            writer.transport.abort()

    def forget(self):
        """Let nothing more through on the connections that there are; nobody is told."""
        for writer in self.connections:
            writer.transport.pause_reading()

    def fall_silent(self):
        """As `forget`, and who comes is let in and hears nothing either."""
        self.is_silent = True
        self.forget()

    def mend(self):
        """Let connections through again. Those that were broken or forgotten stay so."""
        self.is_up, self.is_silent = True, False


@contextlib.asynccontextmanager
async def counted(instance):
    """Relay to an instance, for the length of the block; yields an Address and its Count."""
    count = Count()
    async with network(instance, count) as address:
        yield address, count


@contextlib.asynccontextmanager
async def network(instance, count=None):
    """Relay to an instance, for the length of the block; yields a Network, and counts on it."""
    count, relays, silent = count or Count(), [], []

    def accept(reader, writer):
        if not address.is_up:
            writer.transport.abort()
        elif address.is_silent:
            address.connections.add(writer)
            silent.append(writer)
        else:
            count.connections += 1
            relays.append(asyncio.create_task(relay(instance, count, address, reader, writer)))

    server = await asyncio.start_server(accept, HOST, 0)
    address = Network(server.sockets[0].getsockname()[1], instance)
    try:
        yield address
    finally:
        server.close()
        for writer in silent:
            writer.close()
        for task in relays:
            task.cancel()
        if relays:
            await asyncio.wait(relays)
    for task in relays:
        if not task.cancelled():
            task.result()  # raises what went wrong in the relay itself


async def relay(instance, count, address, reader, writer):
    """Join a client's connection with one to the server, until both sides have ended theirs."""
    server = urlsplit(instance.url)
    address.connections.add(writer)
    try:
        server_reader, server_writer = await asyncio.open_connection(server.hostname, server.port)
        address.connections.add(server_writer)
        with contextlib.closing(server_writer):
            async with asyncio.TaskGroup() as ways:
                ways.create_task(carry_up(reader, server_writer, count))
                ways.create_task(carry_down(server_reader, writer, count))
    except* OSError:
        # Broken off on one side, or refused there: the client must see it too.
        writer.transport.abort()
    finally:
        writer.close()


async def carry_up(reader, writer, count):
    """From the client to the server."""
    tail = b""
    while piece := await reader.read(PIECE):
        count.sent += len(piece)
        # A first line may come in two pieces; the tail is too short to be counted twice.
        count.requests += (tail + piece).count(REQUEST)
        tail = (tail + piece)[1 - len(REQUEST) :]
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


async def carry_down(reader, writer, count):
    """From the server to the client."""
    while piece := await reader.read(PIECE):
        count.received += len(piece)
        writer.write(piece)
        await writer.drain()
    writer.write_eof()
