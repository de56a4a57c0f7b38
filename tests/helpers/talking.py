"""People who talk, and those who are refused: frames, logins and handshakes for tests."""

import asyncio
import contextlib
import secrets

import pytest
import websockets

from chatflow import Visitor
from chatflow.clients.sockets import connect, frame


@contextlib.asynccontextmanager
async def all_of(openings):
    """Open all of these, one after the other; yields what they yield."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(opening) for opening in openings]


def new_name():
    return f"user-{secrets.token_hex(6)}"


def post_frame(text, author="alice", **others):
    return frame("post", author=author, text=text, **others)


async def write(socket, text):
    await socket.send(post_frame(text))


async def say_outside(chat, room_name, text):
    """Write by `manage.py say`, so from another process."""
    done = await asyncio.to_thread(chat.manage, "say", room_name, text)
    assert done.returncode == 0, done.stderr


@contextlib.asynccontextmanager
async def logged_in(chat, name=None):
    """Somebody with a login of their own: ending it disturbs no other test."""
    async with Visitor(chat, name or new_name(), fresh=True) as visitor:
        await visitor.log_in()
        yield visitor


async def refusal_of(url, origin=None, name=None):
    """The status with which a WebSocket handshake is refused."""
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await websockets.connect(url, origin=origin, user_agent_header=name)
    return refusal.value.response.status_code


def socket_of(instance, room_name, visitor):
    return connect(instance, room_name, visitor.name, session=visitor.session)
