"""A room's WebSocket, opened as a page of the site would; and what comes through it."""

import contextlib
import json

import websockets
from websockets.http11 import USER_AGENT

from .visitor import Visitor, cookie_name

# What chat_final says of this moment only, at any time: it is no event of the room's sequence.
EPHEMERAL = {"presence", "typing", "head"}


@contextlib.asynccontextmanager
async def connect(
    instance, room_name, name=None, *, after=None, origin=None, session=None, **options
):
    """Open a room's socket as a page of the site would; yields the connection.

    It is logged in where the stage has accounts, by `session` if that cookie is given ("": by
    none, and nobody asks whether there are accounts). `origin` is that of the page, else the
    site's own; `after` the seq to go on from; `options` are more for `websockets.connect`. Raises
    websockets' InvalidStatus if it is refused.
    """
    if session is None:
        async with Visitor(instance, name) as visitor:
            await visitor.log_in()
            session = visitor.session
    url = f"{instance.ws_url}/ws/chat/{room_name}/"
    async with websockets.connect(
        url if after is None else f"{url}?after={after}",
        ssl=getattr(instance, "tls", None),
        origin=origin or instance.url,
        additional_headers={"Cookie": f"{cookie_name(instance)}={session}"} if session else {},
        user_agent_header=name or USER_AGENT,
        **options,
    ) as socket:
        yield socket


def frame(kind, **fields):
    return json.dumps({"type": kind, **fields})


async def next_of(socket, *kinds):
    """The next event of one of these types."""
    while (event := json.loads(await socket.recv()))["type"] not in kinds:
        pass
    return event


async def next_event(socket):
    """The next event that is an answer or news: `caught_up` and what is ephemeral are neither."""
    while (event := json.loads(await socket.recv()))["type"] in {"caught_up", *EPHEMERAL}:
        pass
    return event


async def until_in_room(socket):
    """Return when chat_final has taken an open socket into its room, or has closed it again."""
    with contextlib.suppress(websockets.ConnectionClosed):
        await next_of(socket, "caught_up")
