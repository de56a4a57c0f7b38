"""Stage 09 on: the database is the truth, the layer a hint; nothing is lost, nothing is twice."""

import asyncio
import itertools
import json
import re
import subprocess
import sys
import uuid

import pytest
import websockets

from chatflow import Visitor, find_stage, post
from chatflow.clients.guests import Guest
from chatflow.clients.sockets import connect
from chatflow.clients.traffic import network
from chatflow.probing.people import new_room
from chatflow.running.environment import SETTINGS, clean_environment
from helpers.resume import (
    LAST,
    LOOK_SECONDS,
    SILENCE_SECONDS,
    Race,
    assert_is_database,
    frame,
    log_in,
    messages_until,
    next_message,
    next_of_any_kind,
    replay,
    stored,
    write_all,
)
from helpers.shell import in_shell, store_unseen
from helpers.talking import all_of, say_outside
from stages.helpers import FINAL, able, joined

RESUMING = able("stored_once")

# Where a stage keeps what tells open sockets of a stored message.
HINTS = {9: ("chat.groups", "send_to_room"), FINAL: ("chat.hub", "announce")}
A_PAGE = {9: 40, FINAL: 50}
# Under whose name manage.py say writes.
COMMAND = {9: "manage.py say", FINAL: "say"}
# Of either, and a part of another.
MORE_THAN_TWO_PAGES = 430

BAD_AFTERS = ["", "-1", "+1", "%201", "1.0", "1e3", "0x1", "newest", str(10**30)]
BAD_AFTERS += ["%00", "%FF", "null", "%D9%A1"]  # an Arabic 1, which int() would read
BAD_HISTORY_AFTERS = [None, True, 1.0, -1, 10**30, "1", "one", "", [1], {"seq": 1}]
A_UUID = "123e4567-e89b-42d3-a456-426614174000"
BAD_CLIENT_IDS = ["", "seven", 7, 1.5, None, True, {}, ["x"], "0" * 31, "g" * 32, int("1" * 32)]
# UUIDs too, but not as the answer would have them: their sender would not know them again.
BAD_CLIENT_IDS += [A_UUID.upper(), A_UUID.replace("-", ""), f"urn:uuid:{A_UUID}", f"{A_UUID}\n"]


@pytest.fixture(params=RESUMING)
def chat(request, running):
    return running(request.param)


def texts_of(messages):
    return [message["text"] for message in messages]


def seqs_of(messages):
    return [message["seq"] for message in messages]


async def say(socket, text, client_id=None):
    """Post, and return the answer."""
    await socket.send(frame(text, client_id))
    return await next_message(socket)


async def is_refused(socket, code, what):
    """The next event is an error with this code, and says why."""
    error = await next_of_any_kind(socket)
    assert (error["type"], error.get("code")) == ("error", code), (what, error)
    assert error["detail"].endswith("."), "detail is a sentence for people"


async def ask_history(socket, **fields):
    await socket.send(json.dumps({"type": "history", **fields}))


async def history(socket):
    """All pages of a room, asked for one after the other until nothing is left."""
    pages, after = [], 0
    while True:
        await ask_history(socket, after=after)
        answer = await next_of_any_kind(socket)
        assert (answer["type"], answer.get("after")) == ("history", after), answer
        if not answer["messages"]:
            return pages
        pages.append(answer["messages"])
        after = seqs_of(pages[-1])[-1]


# --- the race -----------------------------------------------------------------------------------


@pytest.mark.timeout(240)
async def test_whoever_joins_while_messages_are_posted_has_what_the_database_has(chat):
    # Each reader costs a delivery for each message, so the readers and not the messages are many.
    await Race(chat).run(count=1_000, joins=20)
    assert_nothing_was_locked(chat)


async def test_many_who_post_at_once_on_two_instances_are_all_answered(chat):
    await Race(chat).run(count=200, writers=16)
    assert_nothing_was_locked(chat)


async def test_first_messages_of_many_rooms_at_once_are_all_numbered_1(chat):
    races = [Race(chat) for _ in range(8)]
    session = await log_in(chat, "racer")
    assert session, "somebody should be logged in before all begin at once"
    await asyncio.gather(*(race.run(count=4) for race in races))
    assert_nothing_was_locked(chat)


@pytest.mark.parametrize("number", RESUMING)
@pytest.mark.timeout(240)
async def test_pubsub_layer_under_uvicorn_passes_the_same_race(start, number):
    async with start(number, instances=2, server="uvicorn", redis_layer="pubsub") as chat:
        await Race(chat).run(count=200, joins=5)
        assert_nothing_was_locked(chat)


def assert_nothing_was_locked(chat):
    for process in chat.processes():
        said = process.program.said()
        assert "database is locked" not in said, "count the room up first: who reads first may lose"
        assert "deadlock detected" not in said, "all should take their locks in one order"
        assert "IntegrityError" not in said, "two messages were given one number"


async def test_forms_and_sockets_that_post_at_once_share_one_row_of_numbers(chat):
    room_name = new_room()
    async with joined(chat.instances[1], room_name) as socket:
        by_form = [post(chat, room_name, "alice", f"form {number}") for number in range(10)]
        for number in range(10):
            await socket.send(frame(f"frame {number}"))
        responses = await asyncio.gather(*by_form)
        heard = [await next_message(socket) for _ in range(20)]
    assert [response.status_code for response in responses] == [302] * 10
    assert heard == stored(chat, room_name)
    assert seqs_of(heard) == list(range(1, 21))


# --- sent once, sent again ----------------------------------------------------------------------


async def test_five_times_the_same_client_id_on_one_socket_is_stored_once_and_answered_each_time(
    chat,
):
    room_name, client_id = new_room(), str(uuid.uuid4())
    async with joined(chat, room_name) as socket:
        for _ in range(5):
            await socket.send(frame("once", client_id))
        await socket.send(frame("next"))
        heard = await messages_until(socket, "next")
    assert texts_of(heard) == ["once"] * 5 + ["next"], "each repetition should be answered"
    assert heard[4:] == stored(chat, room_name), "it should be stored once"
    assert heard[:5] == heard[:1] * 5, "each answer should be the stored message"


async def test_same_client_id_on_five_sockets_of_two_instances_at_once_is_stored_once(chat):
    room_name, client_id = new_room(), str(uuid.uuid4())
    async with all_of(joined(chat.instances[n % 2], room_name) for n in range(5)) as sockets:
        await asyncio.gather(*(socket.send(frame("once", client_id)) for socket in sockets))
        answers = [await next_message(socket) for socket in sockets]
    assert answers == stored(chat, room_name) * 5


async def test_same_client_id_after_a_reconnect_is_answered_with_the_stored_message(chat):
    room_name, client_id = new_room(), str(uuid.uuid4())
    async with joined(chat.instances[0], room_name) as socket:
        first = await say(socket, "once", client_id)
    async with joined(chat.instances[1], room_name, after=first["seq"]) as socket:
        again = await say(socket, "once", client_id)
        other = await say(socket, "a second thought", client_id)
    assert again == other == first, "the stored text counts, not another one"
    assert stored(chat, room_name) == [first]


async def test_same_client_id_from_another_author_or_in_another_room_is_a_new_message(chat):
    here, elsewhere, client_id = new_room(), new_room(), str(uuid.uuid4())
    for room_name, name in [(here, "alice"), (here, "bob"), (elsewhere, "alice")]:
        async with joined(chat, room_name, name) as socket:
            answer = await say(socket, f"by {name}", client_id)
        assert (answer["author"], answer["client_id"]) == (name, client_id)
    assert texts_of(stored(chat, here)) == ["by alice", "by bob"]
    assert texts_of(stored(chat, elsewhere)) == ["by alice"]


@pytest.mark.parametrize("arrives", [True, False], ids=["answer_is_lost", "who_knows_what_is_lost"])
async def test_message_whose_answer_was_lost_is_sent_again_and_stored_once(chat, arrives):
    room_name, client_id = new_room(), str(uuid.uuid4())
    async with network(chat) as phone, joined(chat.instances[1], room_name, "bob") as bob:
        async with joined(phone, room_name) as socket:
            await socket.send(frame("hello?", client_id))
            if arrives:
                assert (await next_message(bob))["client_id"] == client_id
            phone.cut()
        phone.mend()
        async with connect(phone, room_name, "alice", after=0) as socket:
            missed, _ = await replay(socket)
            answer = await say(socket, "hello?", client_id)
    assert stored(chat, room_name) == [answer]
    assert missed in ([answer], []), "what was stored is replayed too"
    assert missed or not arrives


async def test_client_id_that_is_no_uuid_is_refused_and_nothing_is_stored(chat):
    room_name, good = new_room(), []
    async with joined(chat, room_name) as socket:
        for client_id in BAD_CLIENT_IDS:
            await socket.send(json.dumps({"type": "post", "text": "hi", "client_id": client_id}))
            await is_refused(socket, "bad_client_id", client_id)
            good.append(await say(socket, "good"))
    assert stored(chat, room_name) == good, "the socket stays open, and only the good is stored"
    given = {uuid.UUID(message["client_id"]) for message in good}
    assert len(given) == len(good), "who gives no client_id is given one of their own each time"


async def test_form_that_is_sent_twice_is_one_message_and_without_a_good_client_id_none(chat):
    room_name = new_room()
    async with joined(chat, room_name) as socket, Visitor(chat, "bob") as bob:

        async def send(text, client_id):
            fields = {"text": text, "client_id": client_id, "csrfmiddlewaretoken": bob.token}
            return await bob.http.post(f"/chat/{room_name}/", data=fields)

        for text in ("one", "two"):
            page = (await bob.open(room_name)).text
            client_id = re.search(r'name="client_id" value="([^"]+)"', page)
            assert client_id, "the page's form should bring a client_id of its own"
            answers = await asyncio.gather(*(send(text, client_id[1]) for _ in range(2)))
            assert [answer.status_code for answer in answers] == [302, 302]
        for client_id in ("", "7", "x" * 36, f"{A_UUID}\n"):
            answer = await send("hi", client_id)
            assert answer.status_code == 400, repr(client_id)
            assert "client_id" in answer.text, "say what is wrong with the form"
        heard = [await next_message(socket) for _ in range(2)]
        assert (await say(socket, "three"))["seq"] == 3
    assert texts_of(heard) == ["one", "two"], "each page is a message of its own, sent once"


# --- ?after= ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "missed"),
    [(0, [1, 2, 3]), (1, [2, 3]), (3, []), (4, []), (10**17, []), (None, [])]
    # Of several the first counts.
    + [(f"1&{more}", [2, 3]) for more in ("after=2", "after=", "other=x", "after=newest")],
)
async def test_who_names_the_last_seq_they_have_gets_what_came_after_it(chat, after, missed):
    room_name = new_room()
    await store_unseen(chat, room_name, ["one", "two", "three"])
    async with connect(chat, room_name, "alice", after=after) as socket:
        messages, caught_up = await replay(socket)
        live = await say(socket, "live")
    assert seqs_of(messages) == missed
    assert caught_up == 3, "caught_up names the room's newest seq, even to who claims to have more"
    assert [*messages, live] == stored(chat, room_name)[3 - len(missed) :]


async def test_empty_room_is_caught_up_with_at_0(chat):
    for after in (None, 0, 7):
        async with connect(chat, new_room(), "alice", after=after) as socket:
            assert await next_of_any_kind(socket) == {"type": "caught_up", "seq": 0}
            assert (await say(socket, "first"))["seq"] == 1


async def test_bad_after_is_answered_in_words_and_the_socket_is_live_all_the_same(chat):
    room_name = new_room()
    for newest, after in enumerate(BAD_AFTERS):
        async with connect(chat, room_name, "alice", after=after) as socket:
            await is_refused(socket, "bad_after", after)
            assert await next_of_any_kind(socket) == {"type": "caught_up", "seq": newest}
            assert (await say(socket, "live"))["seq"] == newest + 1


async def test_replay_of_several_pages_is_whole_and_in_order(chat):
    room_name = new_room()
    await store_unseen(chat, room_name, [f"message {n}" for n in range(MORE_THAN_TWO_PAGES)])
    async with connect(chat, room_name, "alice", after=3) as socket:
        messages, caught_up = await replay(socket)
    assert messages == stored(chat, room_name)[3:]
    assert caught_up == MORE_THAN_TWO_PAGES


# --- history ------------------------------------------------------------------------------------


async def test_history_comes_a_page_at_a_time_until_nothing_is_left(chat):
    room_name = new_room()
    await store_unseen(chat, room_name, [f"message {n}" for n in range(MORE_THAN_TWO_PAGES)])
    async with joined(chat, room_name) as socket:
        pages = await history(socket)
    size = A_PAGE[chat.stage.number]
    full, rest = divmod(MORE_THAN_TWO_PAGES, size)
    assert [len(page) for page in pages] == [size] * full + [rest]
    assert list(itertools.chain(*pages)) == stored(chat, room_name)


# The finished chat has tests of its own for that, of many kinds of text.
@pytest.mark.parametrize("chat", [9], indirect=True)
async def test_history_of_the_longest_messages_comes_too(chat):
    """Daphne sends a megabyte in a frame, and no more: a longer page would end the socket."""
    room_name = new_room()
    await store_unseen(chat, room_name, ["😀" * 2_000] * 50)
    async with joined(chat, room_name) as socket:
        pages = await history(socket)
    assert list(itertools.chain(*pages)) == stored(chat, room_name)


async def test_history_after_what_is_no_seq_is_refused_and_beyond_the_newest_it_is_empty(chat):
    async with joined(chat, new_room()) as socket:
        asked = [{}, *({"after": after} for after in BAD_HISTORY_AFTERS)]
        for seq, fields in enumerate(asked, start=1):
            await ask_history(socket, **fields)
            await is_refused(socket, "bad_after", fields)
            assert (await say(socket, "still here"))["seq"] == seq
        await ask_history(socket, after=10**17)
        assert (await next_of_any_kind(socket))["messages"] == []
        last = await say(socket, "still here")
    assert last["seq"] == len(asked) + 1, "only what is sent live counts as sent"


# --- hints that are lost, late or repeated ------------------------------------------------------


async def test_hole_is_filled_from_the_database_before_the_message_that_shows_it(chat):
    room_name, (here, there) = new_room(), chat.instances
    async with joined(here, room_name) as alice, joined(there, room_name, "bob") as bob:
        await say(alice, "one")
        await store_unseen(chat, room_name, ["two", "three"])
        await alice.send(frame("four"))
        heard = [await messages_until(socket, "four") for socket in (alice, bob)]
    messages = stored(chat, room_name)
    assert texts_of(messages) == ["one", "two", "three", "four"]
    assert heard == [messages[1:], messages], "who posts and who reads get the hidden ones first"


async def test_hint_that_comes_late_or_again_changes_nothing(chat):
    room_name = new_room()
    async with joined(chat, room_name) as socket:
        for text in ("one", "two", "three"):
            await say(socket, text)
        module, hint_at = HINTS[chat.stage.number]
        await in_shell(
            chat,
            "from asgiref.sync import async_to_sync\n"
            f"from {module} import {hint_at}\n"
            "from chat.models import Message\n"
            f"for message in Message.objects.filter(room_name={room_name!r}).order_by('-seq'):\n"
            f"    async_to_sync({hint_at})(message)",
        )
        await post(chat, room_name, "bob", "four")
        assert texts_of([await next_message(socket)]) == ["four"], "seq never falls nor repeats"


async def test_form_say_and_the_bot_are_numbered_like_everybody(chat):
    room_name = new_room()
    async with joined(chat, room_name) as socket:
        await post(chat, room_name, "bob", "by form")
        await say_outside(chat, room_name, "from outside")
        await socket.send(frame("/roll 2d6"))
        bot = ["the bot"] if chat.worker else []
        authors = ["bob", COMMAND[chat.stage.number], "alice", *bot]
        heard = [await next_message(socket) for _ in authors]
    assert [message["author"] for message in heard] == authors
    assert seqs_of(heard) == list(range(1, len(authors) + 1))
    assert heard == stored(chat, room_name)


async def test_save_that_is_refused_or_rolled_back_leaves_no_gap(chat):
    room_name, client_id = new_room(), str(uuid.uuid4())
    async with joined(chat, room_name) as socket:
        await say(socket, "one", client_id)
        await socket.send(frame("   "))
        assert (await next_of_any_kind(socket))["code"] == "bad_text"
        assert (await post(chat, room_name, "alice", "   ")).status_code == 400
        await in_shell(
            chat,
            "from django.db import IntegrityError, transaction\n"
            "from chat.models import Message\n"
            f"fields = dict(room_name={room_name!r}, author='alice', text='never stored')\n"
            "first = Message.objects.get(room_name=fields['room_name'])\n"
            "if hasattr(first, 'user_id'): fields['user_id'] = first.user_id\n"
            "try:\n"
            f"    Message.objects.create(client_id={client_id!r}, **fields)\n"
            "except IntegrityError: pass\n"
            "else: raise SystemExit('stored twice')\n"
            "with transaction.atomic():\n"
            "    Message.objects.create(**fields)\n"
            "    transaction.set_rollback(True)",
        )
        assert (await say(socket, "two"))["seq"] == 2, "a number that was not used is given back"
    assert texts_of(stored(chat, room_name)) == ["one", "two"]


# --- parts that die -----------------------------------------------------------------------------

WRITTEN = {name: [f"{name} {count}" for count in range(100)] for name in ("alice", "bob")}


# That chat_final goes on by its database alone is shown in final/test_service.py.
async def test_redis_dies_while_people_write_and_who_comes_back_has_everything_once(start):
    room_name = new_room()
    async with start(9, instances=2) as chat:
        guests = {
            name: Guest([instance], room_name, await log_in(chat, name))
            for name, instance in zip(WRITTEN, chat.instances, strict=True)
        }
        async with joined(chat, room_name, "carol") as carol, asyncio.TaskGroup() as tasks:
            writing = [
                tasks.create_task(write_all(guests[name], WRITTEN[name])) for name in WRITTEN
            ]
            await until_all_have_come(carol, {"alice 10", "bob 10"})
            await asyncio.to_thread(chat.redis[0].kill)
            with pytest.raises(websockets.ConnectionClosed):
                await messages_until(carol, LAST)
            await until_all_have_lost(guests)
            await asyncio.to_thread(chat.redis[0].restart)
            tasks.create_task(say_that_was_all(chat, room_name, writing))
        assert carol.close_code == 1011
        events = stored(chat, room_name)
    for name, guest in guests.items():
        assert guest.ends[0] == 1011, "without its layer a socket should not stay open and deaf"
        mine = [event["text"] for event in events if event["author"] == name]
        assert mine == WRITTEN[name], "each should be stored once, in the order of writing"
        assert_is_database(events, 0, guest.heard)


async def until_all_have_lost(guests):
    """Return when each has lost a connection."""
    async with asyncio.timeout(SILENCE_SECONDS):
        while not all(guest.ends for guest in guests.values()):  # noqa: ASYNC110, a list says no more
            await asyncio.sleep(LOOK_SECONDS)


async def until_all_have_come(socket, texts):
    """Return when each of these texts has come."""
    while texts:
        texts = texts - {(await next_message(socket))["text"]}


async def say_that_was_all(chat, room_name, writing):
    """Say so when all is stored, and again until everybody has heard it: a hint may be lost."""
    everything = sum(map(len, WRITTEN.values()))
    while sum(event["author"] in WRITTEN for event in stored(chat, room_name)) < everything:
        await asyncio.wait(writing, timeout=0.2)
    while writing:
        assert (await post(chat, room_name, "carol", LAST)).status_code == 302
        _, writing = await asyncio.wait(writing, timeout=1)


# --- the migration ------------------------------------------------------------------------------


def test_migration_numbers_the_messages_that_are_there_per_room_by_their_ids(
    stage_folders, tmp_path
):
    database = tmp_path / "db.sqlite3"
    before, after = (stage_folders.get(n, find_stage(n).folder) for n in (8, 9))
    talk = [("tea", "1"), ("lobby", "1"), ("tea", "2"), ("tea", "3"), ("lobby", "2")]
    more = [("tea", "4"), ("new", "1")]
    migrate_and(before, database, STORE.format(talk))
    shown = migrate_and(after, database, STORE.format(more) + SHOW)
    assert json.loads(shown) == [[room, text, int(text)] for room, text in talk + more]


MIGRATE = """
import django, json
from django.core.management import call_command
django.setup()
call_command("migrate", verbosity=0)
from chat.models import Message
"""
STORE = """
for room_name, text in {}:
    Message(room_name=room_name, author="a", text=text).save()
"""
SHOW = """
rows = Message.objects.order_by("id").values_list("room_name", "text", "seq")
print(json.dumps(list(rows)))
"""


def migrate_and(folder, database, code):
    """Migrate a database by a stage's code, and run more of it; returns what it prints."""
    settings = {"DJANGO_SETTINGS_MODULE": SETTINGS, "CHAT_DATABASE": str(database)}
    return subprocess.run(
        [sys.executable, "-c", MIGRATE + code],
        cwd=folder,
        env=clean_environment() | settings,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
