"""The finished chat under each server: people who leave at once, and one who stops reading."""

import asyncio
import contextlib
import uuid

import httpx
import websockets

from chatflow import stage
from chatflow.basics.addresses import NO_TLS
from chatflow.clients.sockets import connect, frame, next_of
from chatflow.running.servers import ASGI_SERVERS
from chatflow.running.variants import variant

from .five_at_once import PEOPLE, small_socket

TOKEN = "for the notebook"
SETTINGS = {
    "METRICS_TOKEN": TOKEN,
    "POSTS_PER_SECOND": "1000",
    "POSTS_AT_ONCE": "1000",
    "FRAMES_PER_SECOND": "1000",
    "FRAMES_AT_ONCE": "1000",
}
# Each page of the history has thirty of these, and all that are asked for are more than the kernels
# at both ends keep for somebody who does not read.
LONG, MESSAGES, PAGES = "x" * 2_000, 32, 80
DEADLINE, PATIENCE = 30, 4
COUNTED = 'chat_closes_total{code="4408"} 1.0'


@contextlib.asynccontextmanager
async def hasty_chat(servers=tuple(ASGI_SERVERS)):
    """chat_final with an instance under each server; it lets a slow reader go after a second."""
    before, after = "SLOW_SECONDS, TOO_SLOW = 20", "SLOW_SECONDS, TOO_SLOW = 1"
    async with (
        variant("final", "chat/sending.py", before, after) as folder,
        stage("final", folder=folder, server=servers, settings=SETTINGS) as chat,
    ):
        yield chat


async def of_each(chat, ask):
    async with asyncio.timeout(DEADLINE):
        answers = await asyncio.gather(*map(ask, chat.instances))
    return dict(zip(chat.servers, answers, strict=True))


async def say_a_word_and_leave(instance):
    """Who is there when Bob comes, after Alice has come ten times, said a word and left."""
    room_name = f"leaving-{instance.name}"
    for number in range(PEOPLE):
        async with connect(instance, room_name, "alice") as alice:
            await next_of(alice, "caught_up")
            await alice.send(a_post(f"bye {number}"))
    async with connect(instance, room_name, "bob") as bob:
        # Told again when that changes, but at first as it is.
        return (await next_of(bob, "presence"))["users"]


def a_post(text):
    return frame("post", text=text, client_id=str(uuid.uuid4()))


async def write_much(chat):
    async with connect(chat, "slow", "alice") as alice:
        for number in range(MESSAGES):
            await alice.send(a_post(f"{number}{LONG}"[:2_000]))
            await next_of(alice, "message")


async def stop_reading(instance):
    """(pages that Bob gets of the eighty that he asks for and at first does not read, close code).

    The code is None where he is not let go.
    """
    options = {"sock": small_socket(instance), "compression": None, "max_queue": 1}
    async with connect(instance, "slow", "bob", **options) as bob:
        await next_of(bob, "caught_up")
        bob.transport.pause_reading()
        for _ in range(PAGES):
            await bob.send(frame("history", after=0))
        await is_let_go(instance, PATIENCE)
        bob.transport.resume_reading()
        async with asyncio.timeout(DEADLINE):
            return await pages_of(bob), bob.close_code


async def is_let_go(instance, within):
    """Wait until an instance counts a socket that it has closed for being slow; not for ever."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within), httpx.AsyncClient(verify=NO_TLS) as http:
            text = ""
            while COUNTED not in text:
                text = (await http.get(f"{instance.url}/metrics", headers=headers)).text
                await asyncio.sleep(0.1)


async def pages_of(socket):
    """How many pages still come before the socket is closed, or all have come."""
    pages = 0
    with contextlib.suppress(websockets.ConnectionClosed):
        while pages < PAGES:
            await next_of(socket, "history")
            pages += 1
    return pages
