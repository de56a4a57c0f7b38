"""chat_final: rooms. What a page of one shows, who is left in it, and names that look the same."""

import asyncio
import json
import re
import uuid

import pytest
import websockets

from chatflow.clients.sockets import connect
from chatflow.clients.visitor import Visitor
from chatflow.probing.people import new_room
from final import helpers
from final.helpers import ask, at, closing_code, counted, make_room, post, session_of, submit, until
from helpers.shell import in_shell

PAGE = 50


@pytest.fixture
async def alice(chat):
    async with Visitor(chat, "alice") as alice:
        await alice.log_in()
        yield alice


# --- the newest messages, and what was deleted ----------------------------------------------------


async def test_page_shows_the_newest_messages_however_many_were_deleted(chat, alice, room_name):
    await in_shell(
        chat,
        "from types import SimpleNamespace\n"
        "from chat.models import Message\n"
        f"fields = {{'room_name': {room_name!r}, 'author': 'a'}}\n"
        "messages = [Message.objects.create(**fields, text=f'no {n}') for n in range(120)]\n"
        "by = SimpleNamespace(name='a', user_id=None)\n"
        "[message.delete_text(by) for message in messages[:115]]",
    )
    page = (await alice.open(room_name)).text
    assert re.findall(r"<p>(no \d+)</p>", page) == [f"no {n}" for n in range(115, 120)]
    assert page.count("<li data-id") == PAGE, "a deletion is no message, and takes no place of one"
    assert oldest_and_newest(page) == (71, 235)
    async with connect(chat, room_name, "alice", after=235) as socket:
        first = json.loads(await socket.recv())
        assert first == {"type": "caught_up", "seq": 235}, "the page has all that it resumes from"
        await helpers.caught_up(socket)
        pages, before = [], 71
        while before > 1:
            answer = await ask(socket, "history", before=before)
            assert answer["messages"], "Earlier should bring some each time, until there are none"
            pages.append([message["seq"] for message in answer["messages"]])
            before = pages[-1][0]
        assert pages == [list(range(21, 71)), list(range(1, 21))]
        replayed = await ask(socket, "history", after=185)
        assert [event["type"] for event in replayed["messages"]] == ["deleted"] * PAGE


def oldest_and_newest(page):
    """The seqs that the page gives to its script."""
    about = json.loads(re.search(r'<script id="page"[^>]*>(.+?)</script>', page)[1])
    return about["oldest"], about["newest"]


async def test_page_of_a_room_with_all_deleted_resumes_after_the_deletions(chat, alice, room_name):
    async with at(chat, room_name, "alice") as socket:
        message = await post(socket, "regretted")
        await ask(socket, "delete", id=message["id"])
    page = (await alice.open(room_name)).text
    assert oldest_and_newest(page) == (1, 2)
    assert "regretted" not in page


# --- the last member ------------------------------------------------------------------------------


async def begin(chat, visitor, *guests):
    """A private room of a visitor, who has invited these."""
    room_name = new_room()
    await visitor.log_in()
    await visitor.load("/")
    assert (await submit(visitor, "/", room_name=room_name)).is_redirect
    for name in guests:
        await session_of(chat, name)
        await visitor.load(f"/chat/{room_name}/")
        assert (await submit(visitor, f"/chat/{room_name}/invite/", user=name)).is_redirect
    return room_name


@pytest.fixture
async def private(chat, alice):
    """The name of a private room that alice has begun."""
    return await begin(chat, alice)


async def leave(visitor, room_name, **fields):
    """Send the form of the room's page."""
    await visitor.load(f"/chat/{room_name}/")
    return await submit(visitor, f"/chat/{room_name}/leave/", **fields)


async def test_last_member_is_asked_back_and_takes_the_room_along(chat, alice, private):
    async with helpers.at_each(chat, private, "alice", "alice") as (here, there):
        for text in ("one", "two", "three"):
            last = await post(here, text)
        await ask(here, "delete", id=last["id"])
        await until(there, lambda event: event["type"] == "deleted")
        page = await leave(alice, private)
        assert page.status_code == 200
        assert "its 2 messages are deleted" in page.text, "say what will be gone"
        assert counted(chat, private) == (1, 1, 4), "nothing is done before the answer"
        assert 'name="and_delete"' in page.text
        assert (await leave(alice, private, and_delete="yes")).headers["location"] == "/"
        assert counted(chat, private) == (0, 0, 0)
        await helpers.send(here, "post", text="for few")
        assert await closing_code(here) == 4403, "the next frame should find it out"
        async with asyncio.timeout(4):
            assert await closing_code(there) == 4403
    assert counted(chat, private) == (0, 0, 0), "what was meant for few is written for nobody"
    async with Visitor(chat, "bob") as bob:
        await bob.log_in()
        await bob.load("/")
        assert (await submit(bob, "/", room_name=private)).is_redirect, "the name is free again"
    assert await first_seq(chat, private) == 1
    assert (await alice.open(private)).status_code == 403


async def first_seq(chat, room_name):
    """The seq that bob's post gets. He comes again with the same post, as a page does, while his
    instance has yet to see that the room has begun again."""
    unsent = {"text": "mine now", "client_id": str(uuid.uuid4())}
    while True:
        try:
            async with at(chat.instances[0], room_name, "bob") as socket:
                return (await post(socket, **unsent))["seq"]
        except websockets.ConnectionClosed as closed:
            if closed.rcvd.code != 4012:
                raise


async def test_room_that_nobody_has_written_in_ends_for_its_open_pages_too(chat, alice, private):
    async with at(chat, private, "alice") as socket:
        await leave(alice, private, and_delete="yes")
        async with asyncio.timeout(4):
            assert await closing_code(socket) == 4403, "else it would go on in a public room"


async def test_of_two_who_leave_at_once_one_is_asked_back(chat):
    await session_of(chat, "bob")
    for _ in range(10):
        async with Visitor(chat, "alice") as alice, Visitor(chat, "bob") as bob:
            room_name = await begin(chat, alice, "bob")
            for visitor in (alice, bob):
                await visitor.load(f"/chat/{room_name}/")
            path = f"/chat/{room_name}/leave/"
            answers = await asyncio.gather(submit(alice, path), submit(bob, path))
        assert sorted(answer.status_code for answer in answers) == [200, 302]
        assert counted(chat, room_name) == (1, 1, 0), "a room without anybody should not be left"


async def test_who_was_invited_between_question_and_answer_keeps_the_room(chat, alice, private):
    assert (await leave(alice, private)).status_code == 200
    await session_of(chat, "bob")
    await submit(alice, f"/chat/{private}/invite/", user="bob")
    await leave(alice, private, and_delete="yes")
    assert counted(chat, private) == (1, 1, 0)
    async with Visitor(chat, "bob") as bob:
        assert (await bob.open(private)).status_code == 200


@pytest.mark.parametrize(("status", "is_asked"), [("muted", False), ("banned", True)])
async def test_who_may_read_is_left_and_who_is_banned_is_not(
    chat, alice, private, status, is_asked
):
    await session_of(chat, "bob")
    helpers.set_status(chat, private, "bob", status)
    assert (await leave(alice, private)).status_code == (200 if is_asked else 302)


async def test_public_room_is_never_deleted_by_leaving(chat, alice, room_name):
    make_room(chat, room_name)
    helpers.set_status(chat, room_name, "alice", "member")
    assert (await leave(alice, room_name, and_delete="yes")).is_redirect
    assert counted(chat, room_name)[0] == 1


async def test_post_on_its_way_into_a_deleted_room_begins_no_public_one(chat, alice, private):
    """Between the look whether one may write and the writing itself, the room is deleted."""
    said = await in_shell(
        chat,
        f"NAME, SESSION = {private!r}, {alice.session!r}\n"
        """
from uuid import uuid4
from chat import access, store
from chat.models import Room
ask = store.check_may_write
def ask_and_lose(login, room_name):
    is_private = ask(login, room_name)
    Room.objects.get(name=room_name).delete()
    return is_private
store.check_may_write = ask_and_lose
try:
    store.post(access.find_login(SESSION), NAME, "alice", uuid4(), "for few")
except access.Ended as ended:
    print(ended.close_code)
finally:
    store.check_may_write = ask
""",
    )
    assert said.strip().endswith("4403")
    assert counted(chat, private) == (0, 0, 0)


async def test_sockets_of_a_room_that_begins_again_come_again(chat, room_name):
    """As when the database is put back to an older copy: numbers are given out once more."""
    async with helpers.at_each(chat, room_name, "alice", "bob") as (here, there):
        for text in ("one", "two"):
            await post(here, text)
        helpers.in_database(
            chat, "DELETE FROM chat_message WHERE room_name = ? AND seq > 1", room_name
        )
        helpers.in_database(chat, "UPDATE chat_room SET last_seq = 1 WHERE name = ?", room_name)
        assert [await closing_code(socket) for socket in (here, there)] == [4012, 4012]
    async with (
        connect(chat.instances[0], room_name, "alice", after=2) as here,
        connect(chat.instances[1], room_name, "bob", after=1) as there,
    ):
        told = await until(here, lambda event: event["type"] == "caught_up")
        assert told["seq"] == 1, "so a page of before knows that it has to be loaded again"
        await helpers.caught_up(there)
        assert (await post(here, "another two"))["seq"] == 2
        assert (await helpers.next_answer(there))["text"] == "another two"


# --- names that differ by case only ---------------------------------------------------------------


def in_two_cases():
    name = new_room()
    return name, name.capitalize()


async def say(chat, *words):
    """Run the command; returns what it says, or in which words it refuses."""
    return await in_shell(
        chat,
        "from django.core.management import CommandError, call_command\n"
        f"try: call_command('say', *{words!r})\n"
        "except CommandError as error: print(error)\n"
        "else: print('done')",
    )


@pytest.mark.parametrize("is_private", [False, True])
async def test_name_of_a_room_with_another_case_leads_to_the_room(chat, alice, is_private):
    name, other = in_two_cases()
    make_room(chat, name, private=is_private)
    helpers.set_status(chat, name, "alice", "member")
    page = await alice.load(f"/chat/{other}/")
    assert (page.status_code, page.headers.get("location")) == (302, f"/chat/{name}/")
    found = await alice.http.get("/", params={"room_name": other}, follow_redirects=True)
    assert found.url.path == f"/chat/{name}/"
    await alice.load("/")
    refused = await submit(alice, "/", room_name=other)
    assert refused.status_code == 400
    assert "There is a room of this name already" in refused.text
    await alice.load(f"/chat/{name}/")
    posted = await submit(alice, f"/chat/{other}/", text="for few")
    assert posted.status_code == 400
    assert f"There is a room {name} already: write there." in posted.text
    async with at(chat, other, "alice") as socket:
        answer = await ask(socket, "post", text="for few")
        assert (answer["type"], answer.get("code")) == ("error", "other_case")
        assert name in answer["detail"]
    assert f"There is a room {name} already" in await say(chat, other, "for few")
    assert counted(chat, other) == (0, 0, 0)


async def test_rooms_that_differ_by_case_only_since_long_go_on(chat, alice):
    name, other = in_two_cases()
    for each in (name, other):
        make_room(chat, each)
    for each in (name, other):
        assert (await alice.open(each)).status_code == 200
        async with at(chat, each, "alice") as socket:
            assert (await post(socket, "as before"))["seq"] == 1
        assert (await say(chat, each, "as before")).endswith("done\n"), "it should be said"
    third = await alice.load(f"/chat/{name.upper()}/")
    assert third.headers["location"] in (f"/chat/{name}/", f"/chat/{other}/")


async def test_names_that_differ_by_more_than_case_are_two_rooms(chat, alice, room_name):
    """What SQL takes for a wildcard is none here."""
    make_room(chat, f"axb-{room_name}")
    assert (await alice.open(f"a_b-{room_name}")).status_code == 200
