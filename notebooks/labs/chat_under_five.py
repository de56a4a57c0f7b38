"""Stage 05 and the finished chat under each server: who leaves at once, and who stops reading."""

import asyncio
import contextlib
import time
import uuid

import httpx
import websockets

from chatflow import stage
from chatflow.basics.addresses import NO_TLS
from chatflow.clients.sockets import connect, frame, next_of
from chatflow.running.servers import ASGI_SERVERS
from chatflow.running.variants import variant

from .five_at_once import PEOPLE, say_last, small_socket

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
DEADLINE, PATIENCE = 60, 3
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


# --- who leaves ---------------------------------------------------------------------------------

# One page more than stage 05 has.
COUNT = """from channels.layers import get_channel_layer
from django.http import HttpResponse

def members(request):
    return HttpResponse(len(get_channel_layer().groups.get("chat_lobby", ())))


urlpatterns = [
    path("members/", members),"""


@contextlib.asynccontextmanager
async def stage_05():
    """Stage 05 as it is with an instance under each server, and a page that counts the members."""
    async with (
        variant(5, "chat/urls.py", "urlpatterns = [", COUNT) as folder,
        stage(5, folder=folder, server=ASGI_SERVERS, trace=True) as chat,
    ):
        yield chat


async def members_left(instance):
    """How many of ten, who each say a word and leave, are still members of the room's group."""
    for _ in range(PEOPLE):
        async with connect(instance, "lobby", "bob") as bob:
            say_last(bob, frame("post", author="bob", text=f"bye from {instance.name}"))
    async with httpx.AsyncClient(verify=NO_TLS) as http:
        give_up_at = time.monotonic() + PATIENCE
        while (left := (await http.get(f"{instance.url}/members/")).text) != "0":
            if time.monotonic() > give_up_at:
                break
            await asyncio.sleep(0.05)
    return int(left)


async def last_word(chat):
    """The flow of a word that Bob says before he leaves at once, under Uvicorn."""
    instance = chat.instances[chat.servers.index("uvicorn")]
    async with connect(instance, "quiet", "bob") as bob:
        say_last(bob, frame("post", author="bob", text="my last word"))
    return await chat.flow("my last word", reaches=[])


async def seen_after_all_left(instance):
    """Who is there when Bob comes, after Alice has come ten times, said a word and left."""
    room_name = f"leaving-{instance.name}"
    for number in range(PEOPLE):
        async with connect(instance, room_name, "alice") as alice:
            await next_of(alice, "caught_up")
            say_last(alice, a_post(f"bye {number}"))
    async with connect(instance, room_name, "bob") as bob:
        # Told again when that changes, but at first as it is.
        return (await next_of(bob, "presence"))["users"]


def a_post(text):
    return frame("post", text=text, client_id=str(uuid.uuid4()))


# --- who is slow --------------------------------------------------------------------------------


async def write_much(chat):
    """Fill a room, so that its history is long."""
    async with connect(chat, "slow", "alice") as alice:
        for number in range(MESSAGES):
            await alice.send(a_post(f"{number}{LONG}"[:2_000]))
            await next_of(alice, "message")


async def stop_reading(instance):
    """(pages that Bob gets of the eighty that he asks for and at first does not read, close code).

    The code is None where he is not let go.
    """
    options = {"sock": small_socket(instance), "compression": None, "max_queue": 1}
    async with (
        asyncio.timeout(DEADLINE),
        connect(instance, "slow", "carol") as carol,
        connect(instance, "slow", "bob", **options) as bob,
    ):
        await next_of(bob, "caught_up")
        bob.transport.pause_reading()
        for _ in range(PAGES):
            await bob.send(frame("history", after=0))
        await bob.send(a_post(f"that is all, {instance.name}"))
        # He is let go, or he has been sent all of it: Carol hears what comes behind.
        told, all_sent = let_go(instance), hears(carol, f"that is all, {instance.name}")
        await first_of(told, all_sent)
        is_let_go = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                is_let_go = await let_go(instance)
        bob.transport.resume_reading()
        return await pages_of(bob, is_let_go), bob.close_code


async def hears(socket, text):
    while (await next_of(socket, "message"))["text"] != text:
        pass


async def let_go(instance):
    """Wait until an instance counts a socket that it has closed for being slow; True."""
    headers, text = {"Authorization": f"Bearer {TOKEN}"}, ""
    async with httpx.AsyncClient(verify=NO_TLS) as http:
        while COUNTED not in text:
            text = (await http.get(f"{instance.url}/metrics", headers=headers)).text
            await asyncio.sleep(0.1)
    return True


async def first_of(*coroutines):
    """Wait for one of them; the others are ended. Raises what it raises."""
    tasks = [asyncio.create_task(each) for each in coroutines]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


async def pages_of(socket, is_let_go):
    """How many pages still come: up to the close, which may come behind the last, or all."""
    pages = 0
    with contextlib.suppress(websockets.ConnectionClosed):
        while is_let_go or pages < PAGES:
            await next_of(socket, "history")
            pages += 1
    return pages
