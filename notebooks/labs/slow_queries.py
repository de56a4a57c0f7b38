"""Clients of the lab `orm_consumers`: they ask one by one, or all at the same time."""

import asyncio
import json
from contextlib import AsyncExitStack

import httpx
import websockets

from chatflow import Row, Span

TITLES = {
    "awaiting": "await rows.aget()",
    "in-thread": "database_sync_to_async(rows.get)",
    "synchronous": "a synchronous consumer",
    "own-threads": "thread_sensitive=False",
}


async def ask(app, path):
    """What one consumer's query reports, or else how the connection has ended."""
    async with websockets.connect(f"{app.ws_url}/{path}/") as socket:
        return await answer(socket)


async def ask_together(app, paths):
    """Each on a connection of its own, all at the same time: what their queries report."""
    async with AsyncExitStack() as stack:
        sockets = await connect_each(stack, app, paths)
        told = await asyncio.gather(*map(answer, sockets))
    return [{"path": path} | query for path, query in zip(paths, told, strict=True)]


async def ask_in_turn(app, paths):
    """The same, but each asks only after the server has heard the one before."""
    async with AsyncExitStack() as stack:
        sockets = await connect_each(stack, app, paths)
        http = await stack.enter_async_context(httpx.AsyncClient())
        asking = []
        for socket in sockets:
            asking.append(asyncio.create_task(answer(socket)))
            await http.get(app.url)  # answered after what has been sent before it
        return await asyncio.gather(*asking)


async def connect_each(stack, app, paths):
    addresses = [f"{app.ws_url}/{path}/" for path in paths]
    return [await stack.enter_async_context(websockets.connect(uri)) for uri in addresses]


async def answer(socket):
    await socket.send("please")
    try:
        return json.loads(await socket.recv())
    except websockets.ConnectionClosedError as closed:
        return f"closed with {closed.rcvd.code}"


def most_at_a_time(queries):
    """How many of them the database has worked on at the same moment, at most."""
    begins = [query["begin"] for query in queries]
    return max(sum(q["begin"] <= begin < q["end"] for q in queries) for begin in begins)


def rows(*rounds):
    """Rows of a time axis, named by the thread of the query; each round begins at 0."""
    threads = dict.fromkeys(query["thread"] for queries in rounds for query in queries)
    names = {thread: f"thread {number}" for number, thread in enumerate(threads, 1)}
    return [
        Row(TITLES[query["path"]], names[query["thread"]], spans(query, queries))
        for queries in rounds
        for query in queries
    ]


def spans(query, queries):
    start = min(each["begin"] for each in queries)
    begin, end = query["begin"] - start, query["end"] - start
    return [Span(0, begin, "waits"), Span(begin, end, "query", "working")]
