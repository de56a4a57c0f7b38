"""One conversation in four ways, and what each of them costs on the wire.

Alice and Bob write in turn. Nobody writes before both have seen what was written last. Both have
their page open already; what that has cost is not counted, because all four ways begin with it.
"""

import contextlib
from dataclasses import replace
from functools import partial

from chatflow import Visitor, stage, websocket_reader
from chatflow.clients.readers import polling_reader, stream_reader
from chatflow.clients.traffic import Count, counted

# How news comes at each stage; at stage 01 it does not, so there one has to look. Nobody has an
# account at these stages, and asking whether there are any would be counted, too.
READERS = {2: polling_reader, 3: stream_reader, 5: partial(websocket_reader, session="")}

ROOM = "lobby"
LINES = [("alice", "hi bob"), ("bob", "hi alice"), ("alice", "tea?"), ("bob", "tea!")] * 2

# As if somebody wrote every five seconds, and everybody looked once a second.
LOOKS = 5
SECONDS = 5 * len(LINES)


async def cost(number):
    """The Count of the conversation at a stage."""
    async with (
        stage(number) as chat,
        counted(chat) as (address, count),
        Visitor(address, "alice") as alice,
        Visitor(address, "bob") as bob,
    ):
        people = {"alice": alice, "bob": bob}
        for person in people.values():
            await person.open(ROOM)
        before = replace(count)
        if open_reader := READERS.get(number):
            await by_waiting(address, people, open_reader)
        else:
            await by_polling(people)
        return since(before, count)


async def by_polling(people):
    for author, text in LINES:
        await people[author].post(ROOM, author, text)
        for _ in range(LOOKS):
            pages = [await person.open(ROOM) for person in people.values()]
        assert all(text in page.text for page in pages), "both have seen it"


async def by_waiting(address, people, open_reader):
    async with contextlib.AsyncExitStack() as stack:
        readers = {
            name: await stack.enter_async_context(open_reader(address, ROOM, name))
            for name in people
        }
        for author, text in LINES:
            if readers[author].socket:
                await readers[author].post(author, text)
            else:
                await people[author].post(ROOM, author, text)
            heard = [await reader.next() for reader in readers.values()]
            assert all(message["text"] == text for message in heard), "both have heard it"


def since(before, now):
    return Count(**{name: value - getattr(before, name) for name, value in vars(now).items()})
