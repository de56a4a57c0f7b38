"""A post is sent to its room, and then its view fails: what has been shown, and what is stored?

By hand, from the notebooks folder: `../.venv/bin/python labs/sent_before_commit.py`. It takes a
copy of stage 09 in which each request is one transaction.
"""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

# So that this file also runs as a script: chatflow is next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatflow import Visitor, stage
from chatflow.clients.sockets import connect
from chatflow.running.variants import variant
from labs.ten_seconds import stored, texts_until

EARLY, LATE = "early", "late"
FAILS = "a reminder for the dentist"
TEXTS = [FAILS, "shall we meet?", "at eight"]
WAIT_SECONDS = 30

OPTIONS = '"OPTIONS": {"timeout": 20},'
# Each request is one transaction, and each transaction begins as a writer.
ATOMIC = """"ATOMIC_REQUESTS": True,
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},"""

ON_COMMIT = "transaction.on_commit(partial(async_to_sync(send_to_room), message))"
BOTH_WAYS = f"""if room_name == "{EARLY}":
            async_to_sync(send_to_room)(message)
        else:
            {ON_COMMIT}"""
# Whatever else a view does may fail: here it is a mail, for one of the texts.
POSTED = "post(room_name, form.cleaned_data, read_client_id(request.POST.dict()))"
AND_MAILED = f"""{POSTED}
            if form.cleaned_data["text"] == "{FAILS}":
                raise ConnectionError("The mail server is away.")"""


def make_atomic(folder):
    """Change a copy of stage 09: its requests are transactions, and a mail in one of them fails.

    In the room `early` a message is sent at once, in all others when it has been committed.
    """
    settings, views = "websockets_channels/settings.py", "chat/views.py"
    for path, before, after in (
        (settings, OPTIONS, ATOMIC),
        (views, ON_COMMIT, BOTH_WAYS),
        (views, POSTED, AND_MAILED),
    ):
        text = (folder / path).read_text()
        assert text.count(before) == 1, f"{path} of this copy does not say {before} once"
        (folder / path).write_text(text.replace(before, after))


@dataclass
class Outcome:
    """The answers to three posts; what Bob was shown, and on his return; what is stored."""

    statuses: list[int]
    shown: list[str]
    on_return: list[str]
    stored: list[str]


async def fails_once(chat, room):
    """Alice posts three forms, the first of which fails; Bob reads, leaves and comes back."""
    async with asyncio.timeout(WAIT_SECONDS), Visitor(chat, "alice") as alice:
        await alice.open(room)
        async with connect(chat, room, "bob", after=0) as bob:
            statuses = [await post(alice, room, text) for text in TEXTS]
            shown = await texts_until(bob, TEXTS[-1])
        # His page knows only how many numbers it has seen: each message had the next one.
        async with connect(chat, room, "bob", after=2) as bob:
            await post(alice, room, "good night")
            on_return = await texts_until(bob, "good night")
    return Outcome(statuses, shown, on_return[:-1], texts(chat, room)[:-1])


async def without_redis(chat, room):
    """Erin posts three forms while Redis is away: how many of them are stored? It stays away."""
    chat.redis[0].kill()
    async with asyncio.timeout(WAIT_SECONDS), Visitor(chat, "erin") as erin:
        await erin.open(room)
        before = len(texts(chat, room))
        statuses = [await post(erin, room, f"form {number}") for number in range(3)]
    return statuses, len(texts(chat, room)) - before


async def post(visitor, room, text):
    return (await visitor.post(room, visitor.name, text)).status_code


def texts(chat, room):
    return [message["text"] for message in stored(chat, room)]


async def main():
    async with variant(9, "chat/views.py", "import uuid\n", "import uuid\n") as folder:
        make_atomic(folder)
        async with stage(9, folder=folder) as chat:
            for room in (EARLY, LATE):
                print(f"{room:<5}", await fails_once(chat, room))
            for room in (EARLY, LATE):
                print(
                    f"{room:<5} without Redis (answers, stored):", await without_redis(chat, room)
                )


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
