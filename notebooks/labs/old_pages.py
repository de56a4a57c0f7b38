"""Notebook 15: what pages of another release get from a server, of your project or chat_final."""

import asyncio
import json

import websockets

from chatflow.clients.sockets import connect, next_event

from .own_sites import opened, sites

WAIT_SECONDS = 10
# What the pages of three releases of your project send.
FRAMES = {
    "last year's page": {"text": "hi"},
    "today's page": {"v": 1, "text": "hi"},
    "next year's page": {"v": 2, "body": "hi"},
}
# What older and newer pages of the chat send to chat_final.
CHAT_FRAMES = {
    "stage 04": {"type": "post", "author": "the boss", "text": "from stage 04"},
    "next year": {"type": "shout", "text": "from next year"},
    "renamed": {"type": "post", "body": "under another name"},
}


async def answers(project):
    """{page: what one of its frames is answered by a project's server}."""
    async with sites(project, 1) as [site]:
        return {page: await answer(site, frame) for page, frame in FRAMES.items()}


async def answer(site, frame):
    async with asyncio.timeout(WAIT_SECONDS), opened(site) as socket:
        await socket.send(json.dumps(frame))
        try:
            said = json.loads(await socket.recv())
        except websockets.ConnectionClosed:
            return f"closed: {socket.close_code}"
    return "in words" if "error" in said else "taken"


async def answers_of(releases):
    """{release: {page: answer}} of {release: Project}, all at once."""
    found = await asyncio.gather(*map(answers, releases.values()))
    return dict(zip(releases, found, strict=True))


async def old_and_new(chat):
    """What chat_final answers to each of the chat's frames, on one socket: {page: event}."""
    seen = {}
    async with asyncio.timeout(WAIT_SECONDS), connect(chat, "releases", "alice") as socket:
        for page, frame in CHAT_FRAMES.items():
            await socket.send(json.dumps(frame))
            seen[page] = await next_event(socket)
    return seen
