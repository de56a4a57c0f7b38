"""The answer is lost on the way: Alice cannot know whether she was heard, so she sends again."""

import asyncio
import uuid
from contextlib import AsyncExitStack

from chatflow.clients.sockets import connect
from chatflow.clients.traffic import network

from .ten_seconds import frame, say, stored, texts_until

ROOM, TEXT = "doubt", "did you get this?"
FIVE = "doubt-at-once"
WAIT_SECONDS = 30


async def sent_again(chat):
    """Send, lose the answer, come back, send the same again. Returns the answer and the room."""
    a, b = chat.instances
    client_id = str(uuid.uuid4())
    async with (
        asyncio.timeout(WAIT_SECONDS),
        network(a) as phone,
        connect(b, ROOM, "bob", after=0) as bob,
    ):
        async with connect(phone, ROOM, "alice") as alice:
            alice.transport.pause_reading()  # from here on nothing reaches her
            await alice.send(frame(TEXT, client_id=client_id))
            await texts_until(bob, TEXT)  # so it was stored, and answered
            phone.cut()
            alice.transport.abort()
        phone.mend()
        async with connect(phone, ROOM, "alice") as alice:
            answer = await say(alice, TEXT, client_id=client_id)
    return answer, stored(chat, ROOM)


async def five_times_at_once(chat):
    """Alice sends one message on five sockets, then Bob takes her client_id for one of his own.

    Returns the answers that she got, that which he got, and the room.
    """
    a, b = chat.instances
    client_id = str(uuid.uuid4())
    async with AsyncExitStack() as stack:
        sockets = []
        for instance in (a, b, a, b, a):
            sockets.append(await stack.enter_async_context(connect(instance, FIVE, "alice")))
        same = [say(socket, "once", client_id=client_id) for socket in sockets]
        answers = await asyncio.gather(*same)
    async with connect(b, FIVE, "bob") as bob:
        other = await say(bob, "mine", client_id=client_id)
    return answers, other, stored(chat, FIVE)
