"""Stages 02 and 03: readers who wait, each holding a thread or each a suspended coroutine."""

import asyncio
import json
import time

import httpx
import pytest

from chatflow import Visitor, post
from chatflow.basics.addresses import NO_TLS
from chatflow.clients.readers import stream_reader
from chatflow.probing.people import new_room
from helpers.talking import all_of

STREAM_READERS = 200


async def get_json(chat, path, **options):
    async with httpx.AsyncClient(base_url=chat.url, timeout=60, verify=NO_TLS) as http:
        return await http.get(path, **options)


@pytest.mark.parametrize("chat", [2], indirect=True)
async def test_long_poll_answers_at_once_when_there_are_newer_messages(chat):
    room_name = new_room()
    await post(chat, room_name, "alice", "one")
    await post(chat, room_name, "alice", "two")
    path = f"/chat/{room_name}/messages/"
    both = (await get_json(chat, path, params={"after": 0})).json()["messages"]
    # An id that is beyond what the database can count is no error.
    beyond = await get_json(chat, path, params={"after": -(10**30)})
    assert beyond.json()["messages"] == both
    assert [message["text"] for message in both] == ["one", "two"]
    assert set(both[0]) == {"type", "id", "author", "text", "sent_at"}
    newer = (await get_json(chat, path, params={"after": both[0]["id"]})).json()["messages"]
    assert newer == both[1:]


@pytest.mark.parametrize(("chat", "path"), [(2, "messages"), (3, "stream")], indirect=["chat"])
async def test_after_that_is_no_id_is_refused(chat, path):
    for after in ("nonsense", "1e3", ""):
        response = await get_json(chat, f"/chat/lobby/{path}/", params={"after": after})
        assert response.status_code == 400, after
        assert "after must be the id of a message" in response.text


@pytest.mark.parametrize("chat", [3], indirect=True)
async def test_stream_resumes_after_the_last_event_id_of_the_browser(chat):
    room_name = new_room()
    for text in ("one", "two"):
        await post(chat, room_name, "alice", text)
    first, second = await first_events(chat, room_name, 2)
    assert [first["data"]["text"], second["data"]["text"]] == ["one", "two"]
    assert int(first["id"]) == first["data"]["id"]
    # The header wins over the address, which a browser that reconnects asks for once more.
    [again] = await first_events(chat, room_name, 1, {"Last-Event-ID": first["id"]})
    assert again == second


@pytest.mark.parametrize("chat", [3], indirect=True)
async def test_stream_begins_before_there_is_any_news(chat):
    url = f"{chat.url}/chat/{new_room()}/stream/"
    async with httpx.AsyncClient(verify=NO_TLS) as http, http.stream("GET", url) as response:
        assert response.headers["content-type"] == "text/event-stream"
        first = await anext(response.aiter_lines())
    assert first.startswith(":"), "a comment line should open the stream, or no header is sent"


async def first_events(chat, room_name, count, headers=None):
    """The first events of a room's stream, each as {"id": …, "data": the message}."""
    url = f"{chat.url}/chat/{room_name}/stream/"
    events, event = [], {}
    async with (
        httpx.AsyncClient(verify=NO_TLS) as http,
        http.stream("GET", url, headers=headers) as response,
    ):
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if name in ("id", "data"):
                event[name] = json.loads(value) if name == "data" else value
            if not line and event:
                events.append(event)
                event = {}
            if len(events) == count:
                return events


async def seconds(awaitable):
    started = time.monotonic()
    response = await awaitable
    assert response.status_code == 302
    return time.monotonic() - started


async def test_under_asgi_200_waiting_readers_block_nothing_and_one_post_wakes_them_all(running):
    chat, room_name = running(3), new_room()
    streams = [stream_reader(chat, room_name) for _ in range(STREAM_READERS)]
    async with Visitor(chat) as alice:
        await alice.open(room_name)
        undisturbed = await seconds(alice.post(new_room(), "alice", "nobody waits"))
        async with all_of(streams) as readers:
            disturbed = await seconds(alice.post(room_name, "alice", "wake up"))
            heard = await asyncio.gather(*(reader.next(within=30) for reader in readers))
    texts = [message and message["text"] for message in heard]
    assert texts.count("wake up") == STREAM_READERS, "one POST should wake every waiting reader"
    # Under WSGI it waits for seconds, hundreds of times as long.
    assert disturbed / undisturbed < 100, "waiting readers should not hold up a POST"
