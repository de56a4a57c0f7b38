"""What the probed application tells, by datagrams: so that it is heard though its process ends."""

import asyncio
import contextlib
import itertools
import json
from collections import defaultdict

from ...basics.addresses import HOST

# For what has to come. A busy machine may need most of it.
SOON = 10


class Notes(asyncio.DatagramProtocol):
    """All that was told: {(number of a connection, what): [values, in their order]}."""

    def __init__(self):
        self.told = defaultdict(list)
        self.news = asyncio.Event()
        self.numbers = itertools.count(1)

    def datagram_received(self, data, _):
        number, what, value = json.loads(data)
        self.told[number, what].append(value)
        self.news.set()
        self.news = asyncio.Event()

    async def of(self, number, what, within=SOON):
        """The last value that was told of this; waits for the first. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while not (values := self.told.get((number, what))):
                await self.news.wait()
        return values[-1]

    async def of_or(self, number, what, missing, within):
        """The same, or `missing` if nothing is told in so many seconds."""
        try:
            return await self.of(number, what, within)
        except TimeoutError:
            return missing


@contextlib.asynccontextmanager
async def listening():
    """Notes that are taken for the length of a block; `port` is where they are told."""
    loop = asyncio.get_running_loop()
    transport, notes = await loop.create_datagram_endpoint(Notes, (HOST, 0))
    notes.port = transport.get_extra_info("sockname")[1]
    try:
        yield notes
    finally:
        transport.close()
