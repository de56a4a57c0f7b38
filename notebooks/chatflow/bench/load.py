"""A crowd of WebSocket clients in this process: the load, and what became of each message.

The clients are picows, which is compiled, so that the servers are the slower side.
A message's text begins with its number between two `~`, by which a delivery is known again.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from picows import WSListener, WSMsgType, ws_connect

from ..basics.errors import LaunchError
from ..clients.sockets import frame

TEXT_LENGTH = 64
# A server is given up when nothing has come for so long.
SILENCE_SECONDS = 20
CONNECTING_AT_ONCE = 50


class Dialect(NamedTuple):
    """What a client says to a kind of server, and hears from it.

    `path(room_name)` is where it connects, `post(text)` the frame that posts, and `ready` is in the
    frame by which it learns that it is in the room; None: at once. `replies(room_name)` has what
    it answers a frame that begins so.
    """

    path: Callable[[str], str]
    post: Callable[[str], str]
    ready: bytes | None = None
    replies: Callable[[str], dict[bytes, str]] = lambda room_name: {}


def chat_path(room_name):
    return f"/ws/chat/{room_name}/"


TUTORIAL = Dialect(chat_path, lambda text: json.dumps({"message": text}))
CHAT_FINAL = Dialect(chat_path, lambda text: frame("post", text=text), ready=b'"caught_up"')
SOCKET_IO = Dialect(
    lambda room_name: "/socket.io/?EIO=4&transport=websocket",
    lambda text: f"42{json.dumps(['post', text])}",
    ready=b'["joined"',
    # Its two protocols: Engine.IO opens and pings, Socket.IO connects to a namespace.
    replies=lambda name: {b"0{": "40", b"40{": f"42{json.dumps(['join', name])}", b"2": "3"},
)
BARE = Dialect(lambda room_name: "/", lambda text: text)


class Client(WSListener):
    def __init__(self, crowd, room_name):
        self.crowd, self.room_name = crowd, room_name
        self.replies = crowd.dialect.replies(room_name)
        self.is_ready = asyncio.get_running_loop().create_future()
        self.heard = 0
        # The number of the message that it has posted, and does not see yet; and who waits for it.
        self.awaits, self.answered = None, None

    def on_ws_connected(self, transport):
        self.transport = transport
        if self.crowd.dialect.ready is None:
            self.is_ready.set_result(None)

    def send(self, text):
        self.transport.send(WSMsgType.TEXT, text.encode())

    def on_ws_frame(self, transport, frame):
        if frame.msg_type != WSMsgType.TEXT:
            return
        payload = frame.get_payload_as_bytes()
        mark = payload.find(b"~")
        if mark >= 0:
            self.hear(int(payload[mark + 1 : payload.index(b"~", mark + 1)]))
        else:
            self.read(payload)

    def read(self, payload):
        """A frame that has no message of ours in it."""
        for beginning, reply in self.replies.items():
            if payload.startswith(beginning):
                self.send(reply)
        if not self.is_ready.done() and self.crowd.dialect.ready in payload:
            self.is_ready.set_result(None)
        if b'"error"' in payload:
            self.crowd.refusals.append(payload.decode())

    def hear(self, number):
        now = time.perf_counter()
        crowd = self.crowd
        crowd.latencies.append(now - crowd.sent_at[number])
        self.heard += 1
        if len(crowd.latencies) == crowd.wanted:
            crowd.complete.set()
        if number == self.awaits:
            self.awaits = None
            self.answered.set_result(None)

    def on_ws_disconnected(self, transport):
        if not self.is_ready.done():
            self.is_ready.set_exception(ConnectionError("closed before it was in its room"))
        self.crowd.gone += self in self.crowd.clients


class Load(NamedTuple):
    """What a load has done: messages and deliveries, in so many seconds; how long each delivery
    took, in seconds and in order; and how much of a processor the load itself has used, 0 to 1."""

    messages: int
    deliveries: int
    seconds: float
    latencies: list[float]
    own_share: float

    def quantile(self, share):
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


class Crowd:
    """Clients of one server; `urls` are its instances, each of which gets its share of them.

    `headers` are those of each client, in turn. Use it in an `async with`: they leave at its end.
    """

    def __init__(self, urls, dialect, headers=({},)):
        self.urls, self.dialect, self.headers = urls, dialect, headers
        self.clients, self.gone, self.refusals = [], 0, []
        self.begin()

    def begin(self):
        """Forget what was measured before."""
        self.sent_at, self.latencies, self.posts = [], [], Counter()
        # How many deliveries there have to be; known when all is posted.
        self.wanted, self.complete = None, asyncio.Event()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        clients, self.clients = self.clients, []
        for client in clients:
            client.transport.disconnect()
        await asyncio.gather(*(client.transport.wait_disconnected() for client in clients))

    async def connect(self, room_names):
        """Connect a client to each of these rooms; returns when all are in theirs."""
        doors = asyncio.Semaphore(CONNECTING_AT_ONCE)
        first = len(self.clients)
        numbers = range(first, first + len(room_names))
        entering = (self.enter(doors, *pair) for pair in zip(numbers, room_names, strict=True))
        self.clients += await asyncio.gather(*entering)

    async def enter(self, doors, number, room_name):
        server = self.urls[number % len(self.urls)]
        # A page of that site, as browsers tell.
        headers = self.headers[number % len(self.headers)] | {"Origin": f"http{server[2:]}"}
        async with doors, asyncio.timeout(SILENCE_SECONDS):
            _, client = await ws_connect(
                lambda: Client(self, room_name),
                server + self.dialect.path(room_name),
                extra_headers=headers,
                websocket_handshake_timeout=SILENCE_SECONDS,
            )
            await client.is_ready
        return client

    async def take_turns(self, seconds):
        """Each message is written when the last has reached everybody; returns the Load.

        All in one room; one message under way at a time.
        """

        async def write():
            while time.perf_counter() < stop_at:
                self.post(next(writers))
                await self.until_heard(len(self.sent_at) * len(self.clients))

        writers, stop_at = itertools.cycle(self.clients), time.perf_counter() + seconds
        return await self.measure(write())

    async def talk(self, seconds, writers):
        """These clients write as fast as they see their own messages; returns the Load."""
        stop_at = time.perf_counter() + seconds
        return await self.measure(
            asyncio.gather(*(self.write(client, stop_at) for client in writers))
        )

    async def write(self, client, stop_at):
        loop = asyncio.get_running_loop()
        while time.perf_counter() < stop_at:
            client.awaits, client.answered = len(self.sent_at), loop.create_future()
            self.post(client)
            async with asyncio.timeout(SILENCE_SECONDS):
                await client.answered

    def post(self, client):
        text = f"~{len(self.sent_at):07d}~".ljust(TEXT_LENGTH, ".")
        self.sent_at.append(time.perf_counter())
        self.posts[client.room_name] += 1
        client.send(self.dialect.post(text))

    async def measure(self, writing):
        self.begin()
        before = [client.heard for client in self.clients]
        started, used = time.perf_counter(), time.process_time()
        try:
            await writing
        except TimeoutError:
            raise LaunchError(
                f"Somebody has waited {SILENCE_SECONDS} s for their own message; "
                f"refused: {self.refusals[:1]}."
            ) from None
        wanted = [self.posts[client.room_name] for client in self.clients]
        await self.until_heard(sum(wanted))
        seconds = time.perf_counter() - started
        share = (time.process_time() - used) / seconds
        heard = [client.heard - old for client, old in zip(self.clients, before, strict=True)]
        if heard != wanted:
            raise LaunchError("Some clients heard a message twice, and others did not hear it.")
        return Load(len(self.sent_at), len(self.latencies), seconds, sorted(self.latencies), share)

    async def until_heard(self, wanted):
        self.wanted = wanted
        self.complete.clear()
        if len(self.latencies) == wanted:
            return
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                await self.complete.wait()
        except TimeoutError:
            raise LaunchError(
                f"{wanted - len(self.latencies)} of {wanted} deliveries have not come, "
                f"{self.gone} clients were cut off; refused: {self.refusals[:1]}."
            ) from None
