#!/usr/bin/env bash
# Hypercorn: over HTTP/2 an error in one WebSocket's application ends all sockets of that browser.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install hypercorn==0.18.0 h2==4.4.1 wsproto==1.3.2
run_program <<'PYTHON'
import asyncio
import socket
import subprocess
import sys

import h2.connection
import h2.events

FIRST, SECOND = 1, 3  # a browser's two sockets: streams of its one connection
CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xf3"  # a client's answer to a close frame with 1011
HELLO = b"\x81\x82\x00\x00\x00\x00hi"


async def application(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/fails":
        raise RuntimeError("one application has an error")
    if scope["path"] == "/closes":
        await send({"type": "websocket.close", "code": 1011})
    while (event := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": event["text"]})


def start():
    """Start Hypercorn on a free port; return the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    words = [sys.executable, "-m", "hypercorn", f"--bind=127.0.0.1:{port}", "finding:application"]
    with open("hypercorn.log", "a") as log:
        subprocess.Popen(words, stdout=log, stderr=log)
    return port


class Browser:
    """One connection with HTTP/2, as a browser has one for all its pages of a site."""

    async def connect(self, port):
        while True:
            try:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except ConnectionRefusedError:  # it does not listen yet
                await asyncio.sleep(0.1)
        self.protocol = h2.connection.H2Connection()
        self.protocol.initiate_connection()
        self.events = []
        await self.event(h2.events.RemoteSettingsChanged)

    async def event(self, kind, stream=0):
        """The next event of this kind and stream, or None: the connection has ended."""
        while True:
            while self.events:
                event = self.events.pop(0)
                if isinstance(event, kind) and getattr(event, "stream_id", 0) == stream:
                    return event
            self.writer.write(self.protocol.data_to_send())
            data = await self.reader.read(65536)
            if not data:
                return None
            self.events += self.protocol.receive_data(data)

    async def open(self, stream, path):
        words = {"method": "CONNECT", "protocol": "websocket", "scheme": "http", "path": path}
        words |= {"authority": "127.0.0.1"}
        headers = [(f":{name}", word) for name, word in words.items()]
        self.protocol.send_headers(stream, [*headers, ("sec-websocket-version", "13")])
        await self.event(h2.events.ResponseReceived, stream)


async def hello_after(path):
    """What the first socket is answered after the second one was closed by the server."""
    browser = Browser()
    await browser.connect(start())
    await browser.open(FIRST, "/")
    await browser.open(SECOND, path)
    await browser.event(h2.events.DataReceived, SECOND)  # its close frame, with 1011
    browser.protocol.send_data(SECOND, CLOSE)
    browser.protocol.send_data(FIRST, HELLO)
    answer = await browser.event(h2.events.DataReceived, FIRST)
    return answer.data[2:].decode() if answer else "the connection has ended"


async def main():
    print('expected: one socket is closed with 1011, and the other one is still answered: "hi"')
    seen = [await hello_after(path) for path in ("/closes", "/fails")]
    print(f"seen, the application closes it: {seen[0]}")
    print(f"seen, the application raises: {seen[1]}")
    if seen != ["hi", "the connection has ended"]:
        return "Changed: an error ends that one socket, or a close ends the other one, too."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
