"""What all probes share: their verdicts, a room of their own, two people who talk in it."""

import asyncio
import contextlib
import functools
import secrets

from ..clients.sockets import connect, frame, next_of

YES, NO, NOTHING_TO_TRY = "yes", "no", "–"
# What a probe that breaks, or is kept waiting for too long, has found out.
UNKNOWN = "?"

# What has not come by then does not come, however busy the machine.
ANSWER_SECONDS = 10


def verdict(it_can):
    return YES if it_can else NO


def error_means(result, *errors):
    """For a probe: one of these errors, which ends it, is a verdict too."""

    def decorate(probe):
        @functools.wraps(probe)
        async def decorated(chat):
            try:
                return await probe(chat)
            except errors:
                return result

        return decorated

    return decorate


def new_room():
    return f"probe-{secrets.token_hex(6)}"


@contextlib.asynccontextmanager
async def two_people(chat, room_name, within=ANSWER_SECONDS):
    """The sockets of Ada and Ben, on two instances. Raises TimeoutError if it all takes longer."""
    here, there = chat.instances[:2]
    async with (
        connect(here, room_name, "ada") as ada,
        connect(there, room_name, "ben") as ben,
        asyncio.timeout(within),
    ):
        await entered(ada)
        await entered(ben)
        yield ada, ben


async def entered(socket):
    """Return when the server has let a client into the room: only then it answers, even nonsense.

    That it has accepted the connection does not say so yet: chat_final accepts before it looks.
    """
    await socket.send("[]")
    await next_of(socket, "error")


def post_frame(text):
    # The author is Ada where names are free; elsewhere it is the user who has logged in.
    return frame("post", author="ada", text=text)


async def answer(socket, question, *kinds):
    """Send a frame; returns the next event of these types, or the error that comes instead."""
    await socket.send(question)
    return await next_of(socket, "error", *kinds)


async def hear_each_other(ada, ben):
    for writer, reader in ((ada, ben), (ben, ada)):
        message = await answer(writer, post_frame("can you hear me?"), "message")
        if await next_of(reader, "message") != message:
            return False
    return True


async def close_code(socket, within=ANSWER_SECONDS):
    """The code with which the server closes a socket in time; None if it leaves it open."""
    try:
        async with asyncio.timeout(within):
            await socket.wait_closed()
    except TimeoutError:
        return None
    return socket.close_code
