"""A page and two WebSockets over one TCP connection: each is a stream of HTTP/2 (RFC 8441).

By hand, from the notebooks folder: `../.venv/bin/python labs/one_connection.py`.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

# So that this file also runs as a script: chatflow lies next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RemoteSettingsChanged, ResponseReceived
from h2.settings import SettingCodes
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import TextMessage

from chatflow.running.labs import lab

# Instead of GET and `Upgrade: websocket` there is a CONNECT that names its protocol.
PAGE = {":method": "GET", ":path": "/"}
HANDSHAKE = {":method": "CONNECT", ":protocol": "websocket", ":path": "/ws/"}
DEADLINE = 10


class Http2:
    """A client with one TCP connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.http, self.events = H2Connection(H2Configuration(client_side=True)), iter(())

    async def begin(self):
        """Whether the server takes a WebSocket as a stream: its first settings tell."""
        self.http.initiate_connection()
        settings = await self.next(RemoteSettingsChanged)
        offered = settings.changed_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL)
        return bool(offered and offered.new_value)

    async def open(self, head):
        """Open a stream; returns its number and the status of the answer."""
        stream = self.http.get_next_available_stream_id()
        head = head | {":scheme": "http", ":authority": "127.0.0.1", "sec-websocket-version": "13"}
        self.http.send_headers(stream, list(head.items()), end_stream=head[":method"] == "GET")
        answer = await self.next(ResponseReceived)
        return stream, int(dict(answer.headers)[b":status"])

    async def say(self, stream, text):
        """Send a message on a WebSocket's stream; returns the answer."""
        socket = Connection(ConnectionType.CLIENT)
        self.http.send_data(stream, socket.send(TextMessage(text)))
        while (answer := await self.next(DataReceived)).stream_id != stream:
            pass  # the page's
        socket.receive_data(answer.data)
        return next(socket.events()).data

    async def next(self, kind):
        """Send what is to be sent; return the next event of this kind."""
        self.writer.write(self.http.data_to_send())
        while True:
            for event in self.events:
                if isinstance(event, kind):
                    return event
            if not (data := await self.reader.read(65_536)):
                raise EOFError("The server has ended the connection.")
            self.events = iter(self.http.receive_data(data))
            self.writer.write(self.http.data_to_send())


async def page_and_sockets(app):
    """The statuses of a page and two handshakes, then what the two consumers say of themselves."""
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    with contextlib.closing(writer):
        async with asyncio.timeout(DEADLINE):
            client = Http2(reader, writer)
            assert await client.begin(), "this server takes no WebSocket as a stream"
            streams, statuses = zip(
                *[await client.open(head) for head in (PAGE, HANDSHAKE, HANDSHAKE)], strict=True
            )
            return list(statuses), [json.loads(await client.say(n, "{}")) for n in streams[1:]]


async def main():
    async with lab("one_each", server="hypercorn") as app:
        print(await page_and_sockets(app))


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
