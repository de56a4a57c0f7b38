"""People who come back: each keeps what they have, and what nobody has answered yet.

What the script of chat_final's page does, in Python: it shows that the promise can be kept by a
client, and by which rules.
"""

import asyncio
import contextlib
import itertools
import json
import random
import uuid
from collections import deque

import websockets

from .sockets import connect

# Refusals that pass: the same message is sent again, a little later.
LATER = {"not_stored", "too_fast"}
AGAIN_SECONDS = 1
# At random, so that those that have lost the same server do not all come back at once.
BACK_SECONDS = 0.1, 0.4
# There is a sign of life every ten seconds, and sooner an answer: after so long nobody is there.
SILENCE_SECONDS = 25
ANSWER_SECONDS = 10


class Guest:
    """One person in one room of stage 09 or chat_final, for the length of an `async with` block.

    `addresses` are the instances to try in turn, as a proxy would. `heard` are the events of the
    room's sequence, as they came; `ends` are the close codes of the sockets that were lost (1006:
    none came), `refused` counts the tries that did not get through, `repeated` the events that came
    once too often, `errors` are refusals that do not pass. `on_news(guest, event)` is called with
    each event that is new. With `forget_ids` a message gets another id on each new connection, so
    that nobody can tell that it is the same.
    """

    def __init__(self, addresses, room_name, session, on_news=None, name=None, forget_ids=False):
        self.addresses = itertools.cycle(addresses)
        self.room_name, self.session, self.name = room_name, session, name
        self.on_news, self.forget_ids = on_news or (lambda guest, event: None), forget_ids
        self.heard, self.ends, self.errors = [], [], []
        self.refused = self.repeated = 0
        self.outbox = deque()
        self.socket, self.is_live = None, False

    @property
    def seq(self):
        """The number of the last event that this guest has."""
        return self.heard[-1]["seq"] if self.heard else 0

    async def __aenter__(self):
        self.staying = asyncio.create_task(self.stay())
        return self

    async def __aexit__(self, *error):
        self.staying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.staying

    # --- coming back ----------------------------------------------------------------------------

    async def stay(self):
        while True:
            self.socket = None
            try:
                await self.be_online(next(self.addresses))
            except (websockets.WebSocketException, OSError):  # a TimeoutError is one of these
                if self.socket:
                    self.ends.append(int(self.socket.close_code or 1006))
                else:
                    self.refused += 1  # it cannot let anybody in yet
            self.is_live = False
            await asyncio.sleep(random.uniform(*BACK_SECONDS))

    async def be_online(self, address):
        # A browser sends no pings.
        options = {"after": self.seq, "session": self.session, "ping_interval": None}
        opening = connect(address, self.room_name, self.name, **options)
        if self.forget_ids and self.outbox:
            self.outbox[0]["client_id"] = str(uuid.uuid4())
        async with opening as self.socket:
            try:
                while True:
                    async with asyncio.timeout(ANSWER_SECONDS if self.outbox else SILENCE_SECONDS):
                        event = json.loads(await self.socket.recv())
                    await self.take(event)
            except TimeoutError:
                self.drop()  # nobody is there whom one could say goodbye to
                raise

    def is_there(self):
        """Whether this guest hears what is said now. Raises what has gone wrong with the guest."""
        if self.staying.done():
            self.staying.result()
        return self.is_live

    def drop(self):
        """Lose the connection without a word."""
        if self.socket:
            self.socket.transport.abort()

    # --- writing --------------------------------------------------------------------------------

    async def write(self, text, client_id=None):
        """Post it, now or as soon as that can be."""
        client_id = client_id or str(uuid.uuid4())
        self.outbox.append({"type": "post", "client_id": client_id, "text": text})
        if len(self.outbox) == 1:
            await self.send_next()

    async def send_next(self):
        """One at a time, and the same again if no answer came: so all keep their order."""
        if self.outbox and self.is_live:
            await self.send(self.outbox[0])

    async def send(self, frame):
        with contextlib.suppress(websockets.ConnectionClosed):  # `stay` hears of that, too
            await self.socket.send(json.dumps(frame))

    # --- hearing --------------------------------------------------------------------------------

    async def take(self, event):
        kind = event["type"]
        if kind == "error":
            await self.take_refusal(event)
        elif kind == "caught_up":
            self.is_live = True
            await self.send_next()
        elif kind == "head" and event["seq"] > self.seq:
            await self.send({"type": "history", "after": self.seq})
        elif kind == "history":
            for one in event["messages"]:
                if one["seq"] > self.seq:
                    await self.take(one)
        elif "seq" in event and kind != "head":
            await self.take_event(event)

    async def take_event(self, event):
        is_answer = self.outbox and event.get("client_id") == self.outbox[0]["client_id"]
        if event["seq"] > self.seq:
            self.heard.append(event)
            self.on_news(self, event)
        elif not is_answer:
            self.repeated += 1
        if is_answer:
            self.outbox.popleft()
            await self.send_next()

    async def take_refusal(self, refusal):
        if refusal["code"] in LATER and self.outbox:
            self.sending_again = asyncio.create_task(self.send_again())
        else:
            self.errors.append(refusal)

    async def send_again(self):
        await asyncio.sleep(AGAIN_SECONDS)
        await self.send_next()
