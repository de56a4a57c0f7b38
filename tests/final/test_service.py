"""chat_final as a service: limits, presence, history, health, logs, metrics; parts that fail."""

import asyncio
import contextlib
import json
import shutil
import socket as tcp
import time

import psutil
import pytest
import websockets

from chatflow.basics.addresses import HOST
from chatflow.clients.sockets import connect
from chatflow.clients.visitor import Visitor
from chatflow.probing.people import new_room
from final import helpers
from final.helpers import ask, at, closing_code, eventually, next_answer, post, sees, send, until
from helpers.shell import in_shell

POSTS_AT_ONCE, FRAMES_AT_ONCE, SOCKETS_PER_USER, HISTORY_PAGE = 12, 40, 6, 50
SETTINGS = {
    "POSTS_AT_ONCE": POSTS_AT_ONCE,
    "FRAMES_AT_ONCE": FRAMES_AT_ONCE,
    "SOCKETS_PER_USER": SOCKETS_PER_USER,
    # So slowly that no token comes back while a test runs.
    "POSTS_PER_SECOND": 0.001,
    "FRAMES_PER_SECOND": 0.001,
    # So short that a test can wait for it.
    "PRESENCE_SECONDS": 3,
    "HEAD_SECONDS": 1,
    # A thread that has the database's file open would not miss it.
    "DATABASE_SECONDS": 0,
    "METRICS_TOKEN": "a token of our own",
}


@pytest.fixture(scope="module")
def started(started_once):
    """Call it with a server's name for chat_final under it."""
    settings = {key: str(value) for key, value in SETTINGS.items()}
    with contextlib.ExitStack() as stack:
        runs = {
            server: stack.enter_context(started_once(settings=settings, **options))
            for server, options in helpers.UNDER.items()
        }
        yield lambda server: runs[server](helpers.FINAL)


@pytest.fixture(scope="module")
def odd(started_once):
    """A chat_final of either server, whose settings few would choose."""
    # All sockets have one connection to the database; and a frame may be longer than servers allow.
    settings = {"DATABASE_THREADS": "1", "FRAME_BYTES": "1000000"}
    with started_once(settings=settings, server=list(helpers.UNDER)) as get:
        yield get(helpers.FINAL)


@pytest.fixture
def chat(request, started):
    return started(getattr(request, "param", "daphne"))


every_server = pytest.mark.parametrize("chat", helpers.UNDER, indirect=True)


def under_both(holds):
    """A test of the chat under either server, of both at the same time: most of it is waiting."""

    async def holds_under(started, server):
        try:
            await holds(await asyncio.to_thread(started, server), new_room())
        except Exception as error:
            error.add_note(f"under {server}")
            raise

    async def test(started):
        async with asyncio.TaskGroup() as tasks:
            for server in helpers.UNDER:
                tasks.create_task(holds_under(started, server))

    return test


def assert_refused(answer, code):
    assert (answer["type"], answer.get("code")) == ("error", code), answer
    assert answer["detail"].endswith("."), "detail is a sentence for people"


# --- limits ---------------------------------------------------------------------------------------


async def test_user_may_post_so_much_at_once_over_all_instances_and_ways(chat, name):
    here, there = chat.instances
    rooms = [new_room() for _ in range(3)]
    async with (
        at(here, rooms[0], name) as one,
        at(there, rooms[1], name) as other,
        Visitor(chat, name) as visitor,
    ):
        await visitor.open(rooms[2])
        assert (await visitor.post(rooms[2], name, "by form")).status_code == 302
        for socket in (one, other):
            for number in range(9):
                await send(socket, "post", text=f"post {number}", client_id=client_id(number))
        answers = [await next_answer(socket) for socket in (one, other) for _ in range(9)]
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert len(answers) - len(refused) == POSTS_AT_ONCE - 1, "just so many are stored"
        assert {answer["code"] for answer in refused} == {"too_fast"}
        assert sum(len(texts(chat, room_name)) for room_name in rooms) == POSTS_AT_ONCE
        page = await visitor.post(rooms[2], name, "once more by form")
        assert page.status_code == 400
        assert refused[0]["detail"] in page.text, "the form says it in the same words"
        again = {"text": "what was refused", "client_id": client_id(99)}
        assert_refused(await ask(one, "post", **again), "too_fast")
        a_token_comes_back(chat, name)
        await post(one, **again)
        await post(one, **again)  # what is stored already costs nothing
        assert_refused(await ask(other, "post", text="and another"), "too_fast")


def client_id(number):
    return f"00000000-0000-4000-8000-{number:012}"


def texts(chat, room_name):
    select = "SELECT text FROM chat_message WHERE room_name = ? ORDER BY seq"
    return [text for (text,) in helpers.in_database(chat, select, room_name)]


def a_token_comes_back(chat, name):
    """As if so much time had passed."""
    update = "UPDATE chat_allowance SET spent_until = spent_until - ? WHERE user_id = ?"
    user = helpers.user_id(chat, name)
    helpers.in_database(chat, update, 1 / SETTINGS["POSTS_PER_SECOND"], user)


async def test_tenth_frame_in_a_row_that_is_too_fast_closes_its_own_socket(chat, room_name, name):
    async with at(chat, room_name, name) as one, at(chat, room_name, name) as other:
        for _ in range(FRAMES_AT_ONCE):
            await send(one, "typing")
        for _ in range(10):
            assert_refused(await ask(one, "typing"), "too_fast")
        assert await closing_code(one) == 4429
        for number in range(POSTS_AT_ONCE):
            await post(other, f"post {number}")
        for _ in range(10):
            assert_refused(await ask(other, "post", text="more"), "too_fast")
        assert await closing_code(other) == 4429


async def test_user_may_have_so_many_sockets_on_an_instance(chat, room_name, name):
    here, there = chat.instances
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(SOCKETS_PER_USER - 1):
            await stack.enter_async_context(at(here, room_name, name))
        async with at(here, room_name, name):
            async with connect(here, room_name, name) as one_too_many:
                assert_refused(await next_answer(one_too_many), "too_many_sockets")
                assert await closing_code(one_too_many) == 4429
            async with at(there, room_name, name):
                pass
        # That one has gone is heard of by the instance a little later.
        await eventually(can_connect, here, room_name, name)


async def can_connect(instance, room_name, name):
    async with connect(instance, room_name, name) as socket:
        event = await until(socket, lambda event: event["type"] in ("presence", "error"))
    return event["type"] == "presence"


async def test_typing_is_told_to_everybody_but_who_types(chat, room_name, name):
    here, there = chat.instances
    async with (
        at(here, room_name, name) as typist,
        at(here, room_name, name) as other_tab,
        at(there, room_name, name) as tab_elsewhere,
        at(here, room_name, "bob") as bob,
        at(there, room_name, "carol") as carol,
    ):
        await send(typist, "typing", author="mallory")
        for socket in (bob, carol):
            typing = await until(socket, lambda event: event["type"] == "typing")
            assert typing == {"type": "typing", "author": name}
        await send(typist, "post", text="done")
        for socket in (typist, other_tab, tab_elsewhere):
            told = await until(socket, lambda event: event["type"] in ("typing", "message"))
            assert told["type"] == "message", "who types knows it"


# --- presence -------------------------------------------------------------------------------------


async def test_users_of_all_instances_are_listed_once_until_their_last_tab_goes(chat, room_name):
    here, there = chat.instances
    async with at(here, room_name, "alice") as alice:
        async with at(there, room_name, "bob") as bob:
            async with at(here, room_name, "bob"):
                for socket in (alice, bob):
                    await sees(socket, "alice", "bob")
                async with at(there, room_name, "carol"):
                    await sees(alice, "alice", "bob", "carol")
                await sees(alice, "alice", "bob")
            async with at(there, room_name, "carol"):
                await sees(alice, "alice", "bob", "carol")
        await sees(alice, "alice")


async def test_users_of_an_instance_that_was_killed_are_soon_gone(chat, room_name):
    here, there = chat.instances
    async with at(here, room_name, "alice") as alice:
        try:
            async with at(there, room_name, "bob"):
                await sees(alice, "alice", "bob")
                await asyncio.to_thread(there.kill)
                await sees(alice, "alice")
        finally:
            await asyncio.to_thread(there.start)
        async with at(there, room_name, "bob"):
            await sees(alice, "alice", "bob")


# --- history, deletion, heartbeat -----------------------------------------------------------------


async def test_history_comes_in_pages_upwards_and_downwards(chat, room_name):
    helpers.store(chat, room_name, [f"message {number}" for number in range(1, 121)])
    async with at(chat, room_name, "alice") as alice:
        pages = [await page(alice, before=before) for before in (121, 71, 21, 1)]
        assert pages == [list(range(71, 121)), list(range(21, 71)), list(range(1, 21)), []]
        pages = [await page(alice, after=after) for after in (0, 50, 100, 120)]
        assert pages == [list(range(1, 51)), list(range(51, 101)), list(range(101, 121)), []]
        assert await page(alice, before=10, limit=3) == [7, 8, 9], "the last ones before it"
        assert await page(alice, after=10, limit=1) == [11]
        assert await page(alice, before=10**17, limit=HISTORY_PAGE) == list(range(71, 121))


async def page(socket, **wanted):
    """The seqs of a page of history."""
    answer = await ask(socket, "history", **wanted)
    assert answer == {"limit": HISTORY_PAGE, **wanted, **answer}, "the answer says what it is to"
    return [event["seq"] for event in answer["messages"]]


async def test_who_was_away_learns_of_a_deletion_in_its_place(chat, room_name):
    here, there = chat.instances
    async with at(here, room_name, "bob") as bob:
        async with at(there, room_name, "alice") as alice:
            first = await post(bob, "regretted", client_id=client_id(1))
            assert await next_answer(alice) == first
        await post(bob, "second")
        deleted = {"type": "deleted", "seq": 3, "id": first["id"]}
        for _ in range(2):  # the second time is answered, and changes nothing
            assert await ask(bob, "delete", id=first["id"]) == deleted
        await post(bob, "fourth")
        gone = {**first, "text": None}
        again = await ask(bob, "post", text="regretted", client_id=client_id(1))
        assert again == gone, "what was deleted is not written again"
        for after, wanted in ((1, [2, 3, 4]), (0, [1, 2, 3, 4])):
            async with connect(there, room_name, "alice", after=after) as alice:
                events = [await next_answer(alice) for _ in wanted]
                assert [event["seq"] for event in events] == wanted
                assert deleted in events
                assert after or events[0] == gone
                history = await ask(alice, "history", after=after)
                assert history["messages"] == events, "history is the same"


async def test_process_that_announces_hundreds_of_times_keeps_nothing_of_that(chat, room_name):
    """A command, or a worker of somebody's own: there each call begins a new event loop."""
    said = await in_shell(
        chat,
        "import gc\n"
        "from collections import Counter\n"
        "from asgiref.sync import async_to_sync\n"
        "from chat.hub import announce\n"
        "from chat.models import Message\n"
        f"message = Message.objects.create(room_name={room_name!r}, author='ghost', text='a')\n"
        "def count():\n"
        "    gc.collect()\n"
        "    return Counter(type(each).__name__ for each in gc.get_objects())\n"
        "async_to_sync(announce)(message)\n"
        "before = count()\n"
        "for _ in range(300):\n"
        "    async_to_sync(announce)(message)\n"
        "print({kind: n for kind, n in (count() - before).items() if n > 100})",
    )
    assert said.splitlines()[-1] == "{}", "of each call something is kept"


# --- what would be too long for one frame ---------------------------------------------------------

FRAME_BYTES = 64 * 1024
# How many messages, of which text.
LONG = {
    "ASCII": (50, "a" * 2_000),
    "Cyrillic": (60, "я" * 210),
    "Chinese": (50, "漢" * 2_000),
    "emoji": (50, "😀" * 2_000),
    "control characters": (50, "\x01" * 2_000),
    "line separators": (50, ("\u2028." * 999).strip()),
}


@every_server
@pytest.mark.parametrize("kind", LONG.values(), ids=LONG.keys())
async def test_history_of_long_messages_comes_whole_in_frames_of_64_kib(chat, room_name, kind):
    count, text = kind
    helpers.store(chat, room_name, [text] * count)
    async with at(chat, room_name, "alice") as alice:
        down = await pages(alice, "before", count + 1)
        up = await pages(alice, "after", 0)
    for pages_in_order in (down[::-1], up):
        events = [event for page in pages_in_order for event in page]
        seqs = [event["seq"] for event in events]
        assert seqs == list(range(1, count + 1)), "each should come once, in order"
        assert {event["text"] for event in events} == {text}
    size = len(json.dumps(events, ensure_ascii=False).encode())
    assert len(up) <= 2 + 1.3 * size / FRAME_BYTES, "a page should hold as much as a frame can"


async def pages(socket, side, seq):
    """Ask for one page after the other on this side of a seq, until one is empty."""
    found = []
    while True:
        await send(socket, "history", **{side: seq})
        text = await next_text(socket, "history")
        assert len(text.encode()) <= FRAME_BYTES, "Daphne sends no frame that is longer"
        events = json.loads(text)["messages"]
        if not events:
            return found
        found.append(events)
        seq = events[0 if side == "before" else -1]["seq"]


async def next_text(socket, kind):
    """The next frame of this type, as it comes."""
    async with asyncio.timeout(helpers.PATIENCE):
        while json.loads(text := await socket.recv())["type"] != kind:
            pass
    return text


@under_both
async def test_messages_without_a_hint_are_told_and_counted_by_the_heartbeat(chat, room_name):
    seqs = list(range(1, 61))
    async with at(chat, room_name, "alice") as alice:
        head = await until(alice, lambda event: event["type"] == "head")
        assert head == {"type": "head", "seq": 0}
        helpers.store(chat, room_name, ["😀" * 2_000] * 60)
        # A client that still has none of it would see by the next heartbeat that there is news.
        assert [(await next_answer(alice))["seq"] for _ in seqs] == seqs
        head = await until(alice, lambda event: event["type"] == "head")
        assert head == {"type": "head", "seq": 60}
    async with connect(chat, room_name, "bob", after=0) as bob:
        assert [(await next_answer(bob))["seq"] for _ in seqs] == seqs


@under_both
async def test_of_a_crowd_a_hundred_names_are_told_in_one_frame_and_the_number(chat, room_name):
    """Another instance tells of 150 users, whose names are as long as names may be."""
    names = [f"{number:03}" + "𐐷" * 147 for number in range(150)]
    async with at(chat, room_name, "zoe") as zoe:
        await in_shell(
            chat,
            "from asgiref.sync import async_to_sync\n"
            "from chat.hub import get_hub\n"
            "async def tell():\n"
            f"    await get_hub().publish({room_name!r}, {{'users': {names!r}}})\n"
            "async_to_sync(tell)()",
        )
        crowd = await until(zoe, lambda event: event.get("count", 0) > 1)
        assert (crowd["users"], crowd["count"]) == (names[:100], 151)
        await sees(zoe, "zoe")


async def test_what_cannot_be_sent_is_logged_and_its_client_has_to_come_again(odd, room_name):
    """An error of sending is not taken for a client that has left: nobody would hear of it."""
    daphne = odd.instances[0]
    helpers.store(odd, room_name, ["a" * 2_000] * 50)
    async with at(daphne, room_name, "alice") as alice:
        await send(alice, "history", after=0)
        assert await closing_code(alice) == 4012, "a page that cannot come is no silence"
    assert "could not be sent" in daphne.program.said(), "an operator should hear of it"


# --- frames that are too big ----------------------------------------------------------------------


def frame_of(size):
    frame = json.dumps({"type": "post", "text": "big"})
    return frame + " " * (size - len(frame))


@every_server
@pytest.mark.parametrize("parts", [1, 8])
async def test_frame_over_64_kib_ends_its_own_socket_only(chat, room_name, parts):
    size = 64 * 1024
    async with (
        at(chat, room_name, "eve") as eve,
        at(chat, room_name, "bob") as bob,
        at(chat, room_name, "eve") as other_tab,
    ):
        await eve.send(frame_of(size))
        assert (await next_answer(eve))["text"] == "big", "64 KiB are allowed"
        with contextlib.suppress(websockets.ConnectionClosed):
            too_much = frame_of(size + parts)
            length = len(too_much) // parts
            whole = [too_much[n * length : (n + 1) * length] for n in range(parts)]
            await eve.send(whole if parts > 1 else too_much)
        assert await closing_code(eve) in (1006, 1009)
        assert (await next_answer(bob))["text"] == "big"
        assert (await post(bob, "still here"))["seq"] == 2, "nothing of it is stored"
        assert (await next_answer(other_tab))["text"] == "big"


@every_server
async def test_bad_frame_is_refused_and_its_socket_stays(chat, room_name):
    async with at(chat, room_name, "eve") as eve:
        for bad in (b"\x00\xff", b"", "", "[" * 60_000, '{"type": "websocket.close"}'):
            await eve.send(bad)
            assert (await next_answer(eve))["type"] == "error", bad
            assert (await ask(eve, "history", after=0))["messages"] == []


# --- health, metrics, logs ------------------------------------------------------------------------


@every_server
async def test_health_and_readiness_are_told_to_everybody_and_say_nothing_else(chat):
    alive = await helpers.get(chat, "/healthz")
    assert (alive.status_code, alive.json()) == (200, {"alive": True})
    assert await eventually(is_ready, chat)
    async with Visitor(chat, fresh=True) as visitor:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await visitor.http.post(path)).status_code in (403, 405)


async def is_ready(instance, layer=True):
    return await helpers.readiness(instance) == (200, {**helpers.READY, "layer": layer})


@every_server
async def test_metrics_are_for_who_has_the_token_count_and_name_nobody(chat, room_name, name):
    for token in (None, "another token", SETTINGS["METRICS_TOKEN"] + "é"):
        refused = await helpers.get(chat, "/metrics", token)
        assert refused.status_code == 404, "as if there were none"
    async with at(chat, room_name, name) as one, at(chat, room_name, name):
        before = await eventually(metrics, chat, 2)
        await post(one, "a marked text")
        async with Visitor(chat, name) as visitor:
            await visitor.open(room_name)
            await visitor.post(room_name, name, "a marked text by form")
        assert (await next_answer(one))["text"] == "a marked text by form"
        assert_refused(await ask(one, "post", text=""), "bad_text")
        after = await metrics(chat)
    grown = {key: after[key] - before.get(key, 0) for key in after}
    assert grown["chat_messages_total"] == 2, "each stored message counts, however it came"
    assert grown["chat_deliveries_total"] == 4, "both to both sockets"
    assert grown['chat_refusals_total{code="bad_text"}'] == 1
    assert grown["chat_store_seconds_count"] == 2
    text = (await helpers.get(chat, "/metrics", SETTINGS["METRICS_TOKEN"])).text
    for secret in (name, room_name, "marked", "127.0.0.1"):
        assert secret not in text, "metrics are no place for what people say, or who they are"


async def metrics(instance, sockets=None):
    """{name: value}, or nothing if there are more or fewer sockets than these."""
    response = await helpers.get(instance, "/metrics", SETTINGS["METRICS_TOKEN"])
    assert response.status_code == 200
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    found = {key: float(value) for key, value in (line.rsplit(" ", 1) for line in lines)}
    return found if sockets in (None, found["chat_sockets"]) else {}


@every_server
async def test_log_is_json_and_tells_who_came_and_went_but_not_what_was_said(chat, room_name, name):
    marked = "a marked text"
    async with Visitor(chat, name) as visitor:
        await visitor.open(room_name)
        await visitor.post(room_name, name, f"{marked} by form")
        await visitor.post(room_name, name, marked * 200)
        session = visitor.session
    async with at(chat, room_name, name) as socket:
        message = await post(socket, marked)
        await socket.send(marked)
        assert_refused(await next_answer(socket), "not_json")
        assert_refused(await ask(socket, "post", text=marked * 200), "bad_text")
        await ask(socket, "delete", id=message["id"])
        await send(socket, "typing", text=marked)
    async with connect(chat, room_name, session="") as stranger:
        assert await closing_code(stranger) == 4401
    user = helpers.user_id(chat, name)
    wanted = [
        {"message": "Socket opened", "user": user},
        {"message": "Refused", "user": user, "code": "not_json"},
        {"message": "Refused", "user": user, "code": "bad_text"},
        {"message": "Socket closed", "user": user, "close_code": 1000},
        {"message": "Socket closed", "user": None, "close_code": 4401},
    ]
    logged = await eventually(logged_of, chat, room_name, wanted)
    assert {line["levelname"] for line in logged} == {"INFO"}
    everything = "".join(instance.program.log.read_text() for instance in chat.instances)
    assert marked not in everything, "what people say is not logged"
    assert session not in everything, "with a session's key one could be them"
    servers = {line["name"].partition(".")[0] for line in lines_of(chat)}
    assert chat.servers[0] in servers, "what the server itself has to say is in the same log"


def lines_of(chat):
    """All that the instances have logged since their start: one JSON object a line."""
    # The last line may be under way.
    texts = [instance.program.said().rpartition("\n")[0] for instance in chat.instances]
    return [parsed(line) for text in texts for line in text.splitlines()]


def parsed(line):
    try:
        return json.loads(line)
    except ValueError:
        pytest.fail(f"each line of the log should be a JSON object, but one is {line!r}")


async def logged_of(chat, room_name, wanted):
    """What the log says about a room, if it says at least this."""
    logged = [line for line in lines_of(chat) if line.get("room") == room_name]
    said = [{key: line.get(key) for key in one} for one in wanted for line in logged]
    return logged if all(one in said for one in wanted) else None


# --- more clients than files ----------------------------------------------------------------------

# How long the process is full; and the most that its log may grow by in that time.
FULL_SECONDS, FEW_BYTES = 3, 60_000


async def test_process_that_may_open_no_more_files_says_so_and_serves_who_is_in(odd):
    await helpers.session_of(odd, "alice")
    await asyncio.gather(*map(is_full_for_a_while, odd.instances))


async def is_full_for_a_while(instance):
    room_name, before = new_room(), len(instance.program.said())
    async with at(instance, room_name, "alice") as alice:
        with all_files_open(instance):
            began = time.monotonic()
            for number in range(FULL_SECONDS):
                assert (await post(alice, f"post {number}"))["seq"] == number + 1
                await asyncio.sleep(1)
            waited = time.monotonic() - began - FULL_SECONDS
        assert waited < FULL_SECONDS, "who is in should not wait for those who are not"
        said = instance.program.said()[before:]
        assert "may open no more files" in said, f"{instance.title}: an operator should hear of it"
        assert len(said) < FEW_BYTES, f"{instance.title} should say so now and then, not always"
        async with at(instance, room_name, "bob") as bob:
            message = await post(bob, "there is room again")
            assert await next_answer(alice) == message


@contextlib.contextmanager
def all_files_open(instance):
    """Come in more often than the instance may have files open."""
    process = psutil.Process(instance.program.pid)
    limit, most = process.rlimit(psutil.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 20, most))
        stack.callback(process.rlimit, psutil.RLIMIT_NOFILE, (limit, most))
        for _ in range(200):
            stack.enter_context(tcp.create_connection((HOST, instance.port), helpers.PATIENCE))
        yield


# --- parts that fail ------------------------------------------------------------------------------


@under_both
async def test_without_redis_nobody_is_closed_and_the_database_tells_everybody(chat, room_name):
    (here, there), redis = chat.instances, chat.redis[0]
    async with at(here, room_name, "alice") as alice:
        try:
            async with at(there, room_name, "bob") as bob:
                await asyncio.to_thread(redis.kill)
                await tell(alice, [bob], ["one", "two", "three"])
                await tell(bob, [alice], ["four"])
                await eventually(is_ready, here, False)
            # One that begins without Redis, and sockets that do.
            await asyncio.to_thread(there.kill)
            await asyncio.to_thread(there.start)
            async with (
                at(there, room_name, "bob", after=4) as bob,
                at(here, room_name, "carol", after=4) as carol,
            ):
                await tell(carol, [alice, bob], ["five"])
                await tell(bob, [alice, carol], ["six"])
                await asyncio.to_thread(redis.restart)
                # Nothing of this is stored: so it can come by the layer only.
                for typist, reader, name in ((alice, bob, "alice"), (bob, alice, "bob")):
                    await helpers.is_heard_typing(typist, reader, name)
                await sees(carol, "alice", "bob", "carol")
                await tell(bob, [alice, carol], ["seven"])
                await eventually(is_ready, here)
        finally:
            if redis.program.poll() is not None:
                await asyncio.to_thread(redis.restart)
    assert texts(chat, room_name) == ["one", "two", "three", "four", "five", "six", "seven"]
    said = {line["message"].partition(",")[0] for line in lines_of(chat)}
    assert "The layer fails" in said, "an operator should hear of it"
    assert "The layer works again" in said


async def tell(writer, readers, texts):
    messages = [await post(writer, text) for text in texts]
    for reader in readers:
        assert [await next_answer(reader) for _ in texts] == messages


async def test_without_the_database_nothing_is_stored_and_that_is_said_in_words(chat, room_name):
    here, there = chat.instances
    session = await helpers.session_of(chat, "carol")
    async with at(here, room_name, "alice") as alice, at(there, room_name, "bob") as bob:
        with without_database(chat):
            one = {"text": "one", "client_id": client_id(1)}
            assert_refused(await ask(alice, "post", **one), "not_stored")
            facts = {**helpers.READY, "ready": False, "database": False}
            assert await helpers.readiness(here) == (503, facts)
            assert (await helpers.get(here, "/healthz")).status_code == 200
            async with connect(here, room_name, session=session) as carol:
                assert_refused(await next_answer(carol), "not_stored")
                assert await closing_code(carol) == 4012, "come again"
            await until(bob, lambda event: event["type"] == "head")
        message = await post(alice, **one)
        assert await next_answer(bob) == message, "the same post goes through later"
        async with at(here, room_name, "carol"):
            assert await helpers.readiness(here) == (200, helpers.READY)


@contextlib.contextmanager
def without_database(chat):
    """Let nobody open the database: where its file was is a folder."""
    aside = chat.database.with_suffix(".aside")
    chat.database.rename(aside)
    chat.database.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(chat.database)
        aside.rename(chat.database)


@under_both
async def test_instance_that_is_to_stop_sends_its_sockets_away_and_ends_in_order(chat, room_name):
    (here, there), before = chat.instances, helpers.logs(chat)
    names = [f"guest{number}" for number in range(6)]
    async with contextlib.AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(at(here, room_name, name))
            for name in names
            for _ in range(SOCKETS_PER_USER)
        ]
        stayer = await stack.enter_async_context(at(there, room_name, "stayer"))
        await sees(stayer, "stayer", *names)
        session = await helpers.session_of(chat, "late")
        try:
            here.program.let_go()
            closings = [asyncio.create_task(ask_until_closed(socket)) for socket in sockets]
            await asyncio.wait(closings, return_when=asyncio.FIRST_COMPLETED)
            facts = {**helpers.READY, "ready": False, "draining": True}
            assert await helpers.readiness(here) == (503, facts), "nobody new is to be sent here"
            async with connect(here, room_name, session=session) as late:
                assert await closing_code(late) == 4012
            assert set(await asyncio.gather(*closings)) == {4012}
            # Were it not done by then, it would be killed; under Uvicorn the signal itself ends it.
            assert await asyncio.to_thread(here.program.stop) in (0, -15)
            assert "Traceback" not in helpers.logged_since(chat, before), "it should end in order"
            await sees(stayer, "stayer")
        finally:
            await asyncio.to_thread(here.program.stop)
            await asyncio.to_thread(here.start)
        async with at(here, room_name, names[0]) as back:
            message = await post(back, "back again")
            assert await next_answer(stayer) == message


async def ask_until_closed(socket):
    """Be in the middle of something when the end comes. Returns its code."""
    with contextlib.suppress(websockets.ConnectionClosed):
        for _ in range(10):
            await ask(socket, "history", after=0)
    return await closing_code(socket)


@every_server
async def test_client_that_vanishes_is_no_error_and_costs_others_nothing(chat, room_name, name):
    before = helpers.logs(chat)
    async with at(chat, room_name, name) as bob:
        for number in range(POSTS_AT_ONCE // 2):
            async with at(chat, room_name, "eve") as eve:
                for kind in ("typing", "history", "nonsense", "history"):
                    await send(eve, kind, after=0)
                eve.transport.abort()
            await send(bob, "post", text=f"post {number}")
            await until(bob, lambda event, number=number: event.get("text") == f"post {number}")
        await eventually(is_alone, chat, room_name, name)
    assert "Traceback" not in helpers.logged_since(chat, before)


async def is_alone(instance, room_name, name):
    async with connect(instance, room_name, name) as socket:
        event = await until(socket, lambda event: event["type"] == "presence")
    return event["users"] == [name]
