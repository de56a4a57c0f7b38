"""A WebSocket client that hides nothing: what is on the wire, frame by frame."""

import asyncio
import base64
import contextlib
import secrets
import socket
import struct
from email.parser import BytesParser

from websockets.frames import Frame, Opcode

from .notes import SOON

# How long nothing must come before we say that nothing comes.
QUIET = 3


class Wire:
    """A connection on which an upgrade was asked for; `status` 0: it ended without an answer."""

    def __init__(self, reader, writer, number=""):
        self.reader, self.writer, self.number = reader, writer, number
        self.status, self.headers, self.body = 0, {}, b""
        self.answers_pings, self.pings = True, 0

    async def ask(self, path, headers):
        """Send the request, and read what is answered: all of it, if it is no WebSocket."""
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        first, _, rest = head.partition(b"\r\n")
        self.status, self.headers = int(first.split()[1]), BytesParser().parsebytes(rest)
        if self.status != 101:
            self.body = await self.rest()

    async def rest(self):
        if self.headers["transfer-encoding"] == "chunked":
            return await self.reader.readuntil(b"\r\n0\r\n\r\n")
        if (size := self.headers["content-length"]) is not None:
            return await self.reader.readexactly(int(size))
        return await self.reader.read()

    async def frame(self):
        """The next frame, or None: the connection has ended without one."""
        try:
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size > 125:
                kind = ">H" if size == 126 else ">Q"
                packed = await self.reader.readexactly(struct.calcsize(kind))
                size = struct.unpack(kind, packed)[0]
            data = await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return Frame(Opcode(first & 0x0F), data, fin=bool(first & 0x80))

    async def next(self, *opcodes):
        """The next frame of one of these kinds, or None; answers pings, as a browser does."""
        while (frame := await self.frame()) and frame.opcode not in opcodes:
            if frame.opcode == Opcode.PING:
                self.pings += 1
                if self.answers_pings:
                    self.send(Opcode.PONG, frame.data)
        return frame

    async def message(self):
        """The next message's data (of its first frame), or None."""
        frame = await self.next(Opcode.TEXT, Opcode.BINARY)
        return frame and frame.data

    async def close_event(self, within=SOON):
        """(code, reason) as a browser would have them, or None: it stays open."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                if frame := await self.next(Opcode.CLOSE):
                    self.send(Opcode.CLOSE, frame.data)
                return end_by(frame)

    async def close_code(self, within=SOON):
        """The code as a word: "1006" if there was no close frame, "stays open"."""
        event = await self.close_event(within)
        return str(event[0]) if event else "stays open"

    def send(self, opcode, data=b"", fin=True):
        # A server that has ended the connection gets nothing, which is no error of ours.
        self.writer.write(Frame(opcode, bytes(data), fin).serialize(mask=True))

    def say(self, text):
        self.send(Opcode.TEXT, text.encode())

    def close(self, code=None, reason=""):
        """Begin to close the connection, as its client."""
        self.send(Opcode.CLOSE, struct.pack(">H", code) + reason.encode() if code else b"")

    def reset(self):
        """End it by a TCP reset, as a process that is killed with data unread."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    def hang_up(self):
        """End TCP without a close frame."""
        self.writer.close()


def end_by(frame):
    """(code, reason) as a browser would have them, by a close frame, or None: there was none."""
    if frame is None:
        return 1006, ""
    if not frame.data:
        return 1005, ""
    return struct.unpack(">H", frame.data[:2])[0], frame.data[2:].decode()


def upgrade(port):
    """The headers that make a request a WebSocket's."""
    return [
        ("Host", f"127.0.0.1:{port}"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", base64.b64encode(secrets.token_bytes(16)).decode()),
    ]
