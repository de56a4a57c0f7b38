"""A person at a page of the chat: what their browser sends goes through here, and can be cut off.

Two people in one browser would share their cookies, which belong to a host and not to a port. So
each has an address of their own, and their cookies are kept here. What passes is counted.
"""

import asyncio
import contextlib
import json
import re
from collections import Counter, defaultdict
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from ..basics.addresses import HOST
from ..clients.traffic import PIECE, Network
from . import wire

# Answered here: the page then knows who sits before it, where the stage has no accounts.
WELCOME = "/welcome-to-the-chat"
# Of a request: ours to say. What is compressed could not be counted.
OURS = {"accept-encoding", "connection", "cookie", "sec-websocket-extensions", "user-agent"}
# Of an answer: what is ours, and what forbids to show the page within another.
LEFT_OUT = {"connection", "set-cookie", "x-frame-options"}
# Above each message of a page, in all stages.
AUTHOR = re.compile("<b>([^<]+)</b>")
# Instead of that: pages of this machine may.
FRAMED = ("Content-Security-Policy", f"frame-ancestors http://{HOST}:* http://localhost:*")


class Person(Network):
    """Somebody's address of an instance.

    `written` counts the messages that they have sent off, whatever became of them; `heard` has the
    ids of those that came while they waited, {author: ids}; `reloaded` counts those that only came
    with a page.
    """

    def __init__(self, name, instance, room_name, cookies=()):
        super().__init__(0, instance)
        self.name, self.instance, self.room_name = name, instance, room_name
        self.cookies, self.tasks = dict(cookies), set()
        self.sent, self.forms = set(), 0
        self.heard, self.reloaded = defaultdict(set), Counter()

    async def open(self):
        """Begin to listen; in the event loop that is to carry everything."""
        self.loop = asyncio.get_running_loop()
        self.server = await asyncio.start_server(self.accept, HOST, 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self):
        self.server.close()
        self.cut()
        if self.tasks:
            await asyncio.wait(self.tasks)

    def switch(self, action):
        """Cut or mend their network; from any thread but the one that carries everything."""

        async def act():
            self.cut() if action == "cut" else self.mend()

        asyncio.run_coroutine_threadsafe(act(), self.loop).result()

    @property
    def page(self):
        """Where their browser begins."""
        return f"{self.url}{WELCOME}"

    @property
    def room(self):
        return f"/chat/{self.room_name}/"

    @property
    def written(self):
        return self.forms + len(self.sent)

    # --- carrying -------------------------------------------------------------------------------

    async def accept(self, reader, writer):
        self.connections.add(writer)
        self.tasks.add(task := asyncio.current_task())
        task.add_done_callback(self.tasks.discard)
        try:
            await self.answer(reader, writer)
        # It has gone without asking for anything, or was broken off on one side or the other.
        except* (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            writer.close()

    async def answer(self, reader, writer):
        """Answer one request; the next one comes by a connection of its own."""
        line, headers = await wire.read_head(reader)
        self.note_request(line)
        if not self.is_up:
            writer.transport.abort()
        elif line.split()[1] == WELCOME:
            writer.write(self.welcome())
            await writer.drain()
        else:
            await self.pass_on(line, headers, reader, writer)

    async def pass_on(self, line, headers, reader, writer):
        server, path = urlsplit(self.instance.url), line.split()[1]
        answers, requests = await asyncio.open_connection(server.hostname, server.port)
        self.connections.add(requests)
        is_socket = wire.value_of(headers, "upgrade").lower() == "websocket"
        note = wire.reads_frames(self.take_sent, mask=True) if is_socket else None
        with contextlib.closing(requests):
            requests.write(self.request(line, headers, is_socket))
            async with asyncio.TaskGroup() as ways:
                up = ways.create_task(carry(reader, requests, note))
                down = ways.create_task(self.carry_answer(path, answers, writer))
                # When one side has ended, so has the other.
                await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
                up.cancel()
                down.cancel()

    def welcome(self):
        name, room = json.dumps(self.name), json.dumps(self.room)
        page = f"<script>sessionStorage.author = {name}; location.replace({room})</script>"
        headers = [("Content-Type", "text/html"), ("Connection", "close"), FRAMED]
        head = wire.written_out("HTTP/1.1 200 OK", [*headers, ("Content-Length", len(page))])
        return head + page.encode()

    def request(self, line, headers, is_socket):
        kept = [(name, value) for name, value in headers if name.lower() not in OURS]
        kept += [("User-Agent", self.name), ("Connection", "Upgrade" if is_socket else "close")]
        if self.cookies:
            kept.append(("Cookie", "; ".join(f"{name}={it}" for name, it in self.cookies.items())))
        return wire.written_out(line, kept)

    async def carry_answer(self, path, answers, writer):
        line, headers = await wire.read_head(answers)
        for name, value in headers:
            if name.lower() == "set-cookie":
                self.keep(SimpleCookie(value))
        is_socket = line.split()[1] == "101"
        kept = [framable(*each) for each in headers if each[0].lower() not in LEFT_OUT]
        kept += [("Connection", "Upgrade" if is_socket else "close"), FRAMED]
        writer.write(wire.written_out(line, kept))
        await carry(answers, writer, self.note_of(path, headers, is_socket))

    def note_of(self, path, headers, is_socket):
        if is_socket:
            return wire.reads_frames(self.take_heard, mask=False)
        kind = wire.value_of(headers, "content-type").partition(";")[0]
        if path == self.room and kind == "text/html":
            return wire.reads_page(self.take_page)
        return wire.BODIES[kind](self.take_heard) if kind in wire.BODIES else None

    def keep(self, cookies):
        for name, cookie in cookies.items():
            # A cookie that is taken away, as by a logout, comes without a value.
            if cookie.value in ("", '""'):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = cookie.value

    # --- counting -------------------------------------------------------------------------------

    def note_request(self, line):
        method, path, _ = line.split()
        self.forms += (method, path) == ("POST", self.room)

    def take_sent(self, frame):
        if isinstance(frame, dict) and frame.get("type") == "post":
            # Sent again, in doubt, it is still the same message.
            self.sent.add(frame.get("client_id", len(self.sent)))

    def take_heard(self, event):
        for message in wire.messages_in(event):
            self.heard[message["author"]].add(message["id"])

    def take_page(self, page):
        """Note the messages of the room's page that had not come before."""
        for author, shown in Counter(AUTHOR.findall(page)).items():
            found = shown - len(self.heard[author])
            self.reloaded[author] = max(self.reloaded[author], found)


def framable(name, value):
    """A header without the part by which a page may not be shown within another."""
    if name.lower() == "content-security-policy":
        value = ";".join(rule for rule in value.split(";") if "frame-ancestors" not in rule)
    return name, value


async def carry(reader, writer, note=None):
    while piece := await reader.read(PIECE):
        writer.write(piece)
        if note:
            note(piece)
        await writer.drain()
