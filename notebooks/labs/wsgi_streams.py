"""A WSGI application that goes on after its first piece: events, and even a WebSocket.

By hand: `cd notebooks/labs`, then `../../.venv/bin/gunicorn wsgi_streams`, and
`curl -N http://127.0.0.1:8000/clock`. A WebSocket is accepted at any path, and short texts echoed.
"""

import itertools
import socket
import threading
import time

from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Message, Ping, TextMessage
from wsproto.utilities import generate_accept_token

TICK_SECONDS = 0.05


def application(environ, start_response):
    if environ.get("HTTP_UPGRADE") == "websocket":
        return echo(environ, start_response)
    if environ["PATH_INFO"] == "/clock":
        return clock(start_response)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "7")])
    return [b"a page\n"]


def clock(start_response):
    """Server-sent events, for as long as somebody reads them; each names the thread it is from."""
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    for number in itertools.count(1):
        yield f"data: {number} {threading.current_thread().name}\n\n".encode()
        time.sleep(TICK_SECONDS)


def echo(environ, start_response):
    """A WebSocket: WSGI brings the handshake; all after that uses the server's raw socket."""
    accept = generate_accept_token(environ["HTTP_SEC_WEBSOCKET_KEY"].encode()).decode()
    headers = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Accept", accept),
    ]
    start_response("101 Switching Protocols", headers)
    yield b""  # the head is sent with the first piece, even with an empty one
    raw, frames = environ["gunicorn.socket"], Connection(ConnectionType.SERVER)
    while data := raw.recv(4096):
        frames.receive_data(data)
        for event in frames.events():
            raw.sendall(b"".join(map(frames.send, replies(event))))
            if isinstance(event, CloseConnection):
                raw.shutdown(socket.SHUT_RDWR)


def replies(event):
    if isinstance(event, TextMessage):
        return [Message(f"{event.data}, by {threading.current_thread().name}")]
    return [event.response()] if isinstance(event, Ping | CloseConnection) else []


async def ticks(clock, count):
    """The next events of a response of /clock, each as its number and the thread it is from."""
    found = []
    async for line in clock.aiter_lines():
        if line:
            _, number, thread = line.split()
            found.append((int(number), thread))
        if len(found) == count:
            return found
