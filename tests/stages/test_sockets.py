"""WebSocket, from stage 04 on: frames, refusals, rooms, and many clients on two instances."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from chatflow import post
from chatflow.clients.readers import websocket_reader
from chatflow.clients.sockets import connect, next_event
from chatflow.probing.people import new_room
from chatflow.probing.stage_probes import BAD_FRAMES
from helpers.resume import log_in
from helpers.shell import in_shell
from helpers.talking import all_of, post_frame, refusal_of
from stages.helpers import BAD_PATHS, FINAL, able, changed, get, until_nobody_is_in_group

WITH_SOCKETS = able("accepts_websocket")
WITH_GROUPS = [number for number in WITH_SOCKETS if number != 4]
WITHOUT_LIMITS = [number for number in WITH_SOCKETS if number != FINAL]

every_socket_stage = pytest.mark.parametrize("chat", WITH_SOCKETS, indirect=True)
# Up to stage 07 people write under whatever name they give.
WITH_FREE_NAMES = [number for number in WITH_SOCKETS if number <= 7]
WITH_USERS = [number for number in WITH_SOCKETS if number > 7]
BAD_AUTHORS = ["", "  ", "e" * 51, 7, None, ["eve"]]

every_group_stage = pytest.mark.parametrize("chat", WITH_GROUPS, indirect=True)


def keys_of_a_message(chat):
    """In their order; from stage 09 on a message has a number, and an id of its sender's."""
    if chat.stage.key == "final":
        return ["type", "id", "seq", "author", "author_id", "client_id", "text", "sent_at"]
    if chat.stage.can["stored_once"] == "yes":
        return ["type", "id", "seq", "author", "client_id", "text", "sent_at"]
    return ["type", "id", "author", "text", "sent_at"]


async def stored(chat, room_name):
    """A room's page."""
    return (await get(chat, f"/chat/{room_name}/")).text


@every_socket_stage
async def test_post_is_answered_with_the_stored_message(chat):
    room_name, frame = new_room(), {"type": "post", "author": " alice ", "text": "  hello  "}
    frame |= {"id": -1, "room_name": "x", "pk": 1}
    async with connect(chat, room_name, "alice") as socket:
        await socket.send(json.dumps(frame))
        message = await next_event(socket)
    assert list(message) == keys_of_a_message(chat), "keys that a client adds change nothing"
    assert message["id"] > 0
    assert (message["type"], message["author"], message["text"]) == ("message", "alice", "hello")
    sent_at = datetime.fromisoformat(message["sent_at"])
    assert sent_at.utcoffset() == UTC.utcoffset(None), "sent_at is ISO 8601 in UTC"
    assert abs((datetime.now(UTC) - sent_at).total_seconds()) < 60
    assert "<p>hello</p>" in await stored(chat, room_name)


# A stage of its own: in the log of one that others use, a client who left while a message was on
# its way leaves a traceback too. Up to 06 all refuse by the same code; from 08 on see test_users.
@pytest.mark.parametrize("number", [4, 7])
async def test_bad_paths_are_refused_with_403_and_no_traceback(start, number):
    async with start(number) as chat:
        await assert_bad_paths_are_refused(chat)
        log = chat.instances[0].program.log.read_text()
    assert "Traceback" not in log, "a refused path should leave no traceback in the log"


@pytest.mark.parametrize("chat", [5, 6], indirect=True)
async def test_bad_paths_are_refused_with_403(chat):
    await assert_bad_paths_are_refused(chat)


async def assert_bad_paths_are_refused(chat):
    for what, path in BAD_PATHS.items():
        assert await refusal_of(chat.ws_url + path, chat.url) == 403, what


# A client cannot choose a handler.
FORGED = [
    json.dumps({"type": kind, "message": {"text": "forged"}, "code": 1000})
    for kind in ("chat.message", "websocket.disconnect", "websocket.close")
]


@every_socket_stage
async def test_bad_frame_is_answered_in_words_stored_nowhere_and_seen_by_nobody(chat):
    room_name = new_room()
    async with connect(chat, room_name) as bob:
        for frame in BAD_FRAMES + FORGED:
            async with connect(chat, room_name) as eve:
                await eve.send(frame)
                error = await next_event(eve)
            assert set(error) == {"type", "code", "detail"}, frame[:24]
            assert error["type"] == "error"
            assert " " not in error["code"]
            assert frame not in FORGED or error["code"] == "unknown_type"
            assert error["detail"].endswith("."), "detail is a sentence for people"
        assert room_name not in (await get(chat, "/")).text, "a bad frame must not be stored"
        await bob.send(post_frame("after them", author="bob"))
        assert (await next_event(bob))["text"] == "after them", "others must not notice"


@pytest.mark.parametrize("chat", WITH_FREE_NAMES, indirect=True)
async def test_frame_with_a_bad_author_is_refused_where_names_are_free(chat):
    room_name = new_room()
    async with connect(chat, room_name) as eve:
        for author in BAD_AUTHORS:
            await eve.send(post_frame("hello", author=author))
            assert (await next_event(eve))["code"] == "bad_author", repr(author)
    assert room_name not in (await get(chat, "/")).text, "a bad frame must not be stored"


@pytest.mark.parametrize("chat", WITH_USERS, indirect=True)
async def test_author_that_a_frame_gives_changes_nothing_where_there_are_users(chat):
    async with connect(chat, new_room(), "eve") as eve:
        for author in ("alice", "the bot", *BAD_AUTHORS):
            await eve.send(post_frame("it is me", author=author))
            assert (await next_event(eve))["author"] == "eve", "the author is who is logged in"
        await eve.send('{"type": "post", "text": "and me"}')
        assert (await next_event(eve))["author"] == "eve"


@pytest.mark.parametrize("chat", WITHOUT_LIMITS, indirect=True)
async def test_socket_survives_a_hundred_bad_frames(chat):
    async with connect(chat, new_room()) as socket:
        for _ in range(100):
            await socket.send("not JSON")
        await socket.send(post_frame("still here"))
        answers = [await next_event(socket) for _ in range(101)]
    assert [answer["type"] for answer in answers] == ["error"] * 100 + ["message"]


# WSGI knows no such page; Django alone, under ASGI, knows no such protocol.
@pytest.mark.parametrize(("chat", "status"), [(1, 404), (2, 404), (3, 500)], indirect=["chat"])
async def test_without_channels_a_websocket_handshake_is_answered_with_an_error(chat, status):
    assert await refusal_of(f"{chat.ws_url}/ws/chat/lobby/") == status


@every_socket_stage
async def test_form_post_reaches_every_open_socket_of_the_room(chat):
    room_name = new_room()
    async with all_of(websocket_reader(chat, room_name) for _ in range(3)) as readers:
        await post(chat, room_name, "alice", "by form")
        heard = await asyncio.gather(*(reader.next() for reader in readers))
    # In stage 04 every socket is an island.
    reached = [None if chat.stage.number == 4 else "by form"] * 3
    assert [message and message["text"] for message in heard] == reached
    assert "by form" in await stored(chat, room_name)


@every_group_stage
async def test_who_has_left_is_no_longer_sent_to(chat):
    room_name = new_room()
    async with websocket_reader(chat, room_name) as bob:
        async with websocket_reader(chat, room_name) as alice:
            await alice.post("alice", "bye")
            assert (await bob.next())["text"] == "bye"
        await bob.post("bob", "alone")
        assert (await bob.next())["text"] == "alone"


# Where a consumer still may end in another way than its neighbour's, or its layer is another.
@pytest.mark.parametrize("number", [5, 6, 9])
async def test_who_writes_a_line_and_is_gone_at_once_has_left_the_group(start, number):
    async with start(number, server=["daphne", "uvicorn"], trace=number == 5) as chat:
        session = await log_in(chat, "hasty")
        hasty = [write_and_vanish(each, session) for each in chat.instances for _ in range(20)]
        await asyncio.gather(*hasty)
        await until_nobody_is_in_group(chat, "lobby")


async def write_and_vanish(instance, session):
    """Join, write and break off the connection, as a phone does that loses its network."""
    async with connect(instance, "lobby", "hasty", session=session or "") as socket:
        await socket.send(post_frame("bye", author="hasty"))
        socket.transport.abort()


@pytest.mark.parametrize(
    ("number", "options"),
    [(5, {}), (6, {"redis_layer": "pubsub", "server": "uvicorn", "instances": 2})],
    ids=["5", "6-pubsub-uvicorn"],
)
async def test_event_that_a_handler_changes_is_whole_for_all_others(number, options):
    """With stage 06's queue layer it is not, as notebook 06 shows."""
    change = "chat/consumers.py", 'event["message"]', 'event.pop("message")'
    async with (
        changed(number, *change, **options) as chat,
        connect(chat, "lobby", "alice") as alice,
        connect(chat, "lobby", "bob") as bob,
        connect(chat.instances[-1], "lobby", "carol") as carol,
    ):
        await alice.send(post_frame("for everybody"))
        async with asyncio.timeout(10):
            heard = [(await next_event(socket))["text"] for socket in (alice, bob, carol)]
    assert heard == ["for everybody"] * 3


@every_group_stage
async def test_say_stores_its_message(chat):
    room_name = new_room()
    await in_shell(chat, SAY.format([room_name, "from outside"]))
    page = await stored(chat, room_name)
    assert "from outside" in page
    # Nobody can sign up under the first of these, as test_users.py tries.
    author = "say" if chat.stage.key == "final" else "manage.py say"
    assert f"<b>{author}</b>" in page


@pytest.mark.parametrize("chat", [5, 9, FINAL], indirect=True)
async def test_say_refuses_what_a_form_refuses(chat):
    room_name = new_room()
    refused = await asyncio.to_thread(chat.manage, "say", room_name, "  ")
    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: ")
    assert "Traceback" not in refused.stderr
    for arguments in (["café", "hello"], [room_name, "x", "--author", "y" * 51]):
        with pytest.raises(AssertionError, match=r"\.CommandError: "):
            await in_shell(chat, SAY.format(arguments))


SAY = """
from django.core.management import call_command
call_command("say", *{})
"""


@pytest.mark.parametrize("chat", [6], indirect=True)
@pytest.mark.timeout(60)
async def test_200_paced_messages_of_10_clients_on_two_instances_arrive_everywhere(chat):
    room_name, other_room = new_room(), new_room()
    opening = [websocket_reader(chat.instances[n % 2], room_name) for n in range(10)]
    async with all_of(opening) as clients, websocket_reader(chat, other_room) as outsider:
        heard = await asyncio.gather(*(converse(client, n) for n, client in enumerate(clients)))
        await outsider.post("outsider", "only me")
        assert (await outsider.next())["text"] == "only me", "a message left its room"
    everything = {f"client {number} says {count}" for number in range(10) for count in range(20)}
    for messages in heard:
        texts = [message["text"] for message in messages]
        assert len(texts) == 200
        assert set(texts) == everything


async def converse(client, number):
    """Post twenty messages, each after the echo of the last; return the 200 that were heard."""
    heard = []
    for count in range(20):
        text = f"client {number} says {count}"
        await client.post(f"client {number}", text)
        while not heard or heard[-1]["text"] != text:
            heard.append(await client.next(within=20))
            assert heard[-1] is not None, f"only {len(heard) - 1} of 200 messages arrived"
    while len(heard) < 200:
        heard.append(await client.next(within=20))
        assert heard[-1] is not None, f"only {len(heard) - 1} of 200 messages arrived"
    return heard


async def assert_crosses(chat, room_name):
    here, there = chat.instances
    async with (
        websocket_reader(here, room_name) as alice,
        websocket_reader(there, room_name) as bob,
    ):
        await alice.post("alice", f"across {room_name}")
        assert (await bob.next())["text"] == f"across {room_name}"


async def test_rooms_are_spread_over_the_shards_and_all_of_them_work(start):
    async with start(6, instances=2, redis_shards=2, trace=True) as chat:
        # Names that differ only in their last letter would all share a shard: CRC32 does that.
        room_names = ["lobby", "tea", "news", "python", "django", "music"]
        shown = (await asyncio.to_thread(chat.manage, "shards", *room_names)).stdout
        shard_of = dict(line.split() for line in shown.splitlines())
        assert list(shard_of) == room_names
        stations = {one.url: f"layer/redis-{number}" for number, one in enumerate(chat.redis, 1)}
        assert set(shard_of.values()) == set(stations)
        for room_name in room_names:
            await assert_crosses(chat, room_name)
            flow = await chat.flow(f"across {room_name}")
            calls = (f"group_send chat_{room_name}", f"ZRANGE chat_{room_name}")
            sent_to = [hop.target for hop in flow.hops if hop.label in calls]
            assert sent_to == [stations[shard_of[room_name]]] * 2, "MONITOR saw it there too"
