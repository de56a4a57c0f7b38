"""chat_final: what moderators see and do in the admin, and what they can break there: nothing."""

import html
import json
import uuid
from urllib.parse import quote

import pytest

from chatflow.clients.visitor import PASSWORD, Visitor
from chatflow.probing.people import new_room
from final.helpers import ask, at, in_database, make_room, next_answer, post, user_id
from final.helpers import submit as send_form
from helpers.resume import log_in
from helpers.shell import in_shell

BAD_ROOMS = ["general chat", "café", "a/b", "50%", "", "lobby\n", "a" * 51]
MANY = 300


@pytest.fixture
async def moderator(chat):
    """A Visitor who may do everything in the admin."""
    async with Visitor(chat, "root") as visitor:
        await visitor.log_in()
        promote = "UPDATE auth_user SET is_staff = 1, is_superuser = 1 WHERE username = 'root'"
        in_database(chat, promote)
        yield visitor


async def submit(visitor, path, **fields):
    """Load a form of the admin, and send it."""
    assert (await visitor.load(path)).status_code == 200, path
    return await send_form(visitor, path, **fields)


# --- rooms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in BAD_ROOMS if name.strip() == name])
async def test_admin_makes_no_room_that_has_no_address(chat, moderator, name):
    answer = await submit(moderator, "/admin/chat/room/add/", name=name)
    assert answer.status_code == 200, "the form again"
    if 0 < len(name) <= 50:
        what_it_is = "A room name has 1 to 50 letters (A-Z, a-z), digits, - or _."
        assert what_it_is in answer.text, "the admin should say what a room's name is"
    assert in_database(chat, "SELECT name FROM chat_room WHERE name = ?", name) == []


@pytest.fixture
def bad_rooms(chat):
    for name in BAD_ROOMS:
        make_room(chat, name)
    yield BAD_ROOMS
    for name in BAD_ROOMS:
        in_database(chat, "DELETE FROM chat_room WHERE name = ?", name)


async def test_room_without_an_address_hurts_nobody_and_can_be_deleted(chat, moderator, bad_rooms):
    good = new_room()
    make_room(chat, good)
    async with Visitor(chat, fresh=True) as stranger:
        page = await stranger.http.get("/")
    assert page.status_code == 200, "the index should stand, whatever stands in the table"
    assert good in page.text
    for name in filter(None, bad_rooms):
        path = f"/admin/chat/room/{quoted(name)}/"
        assert (await moderator.load(f"{path}change/")).status_code == 200
        assert (await submit(moderator, f"{path}delete/", post="yes")).status_code == 302
    left = {name for (name,) in in_database(chat, "SELECT name FROM chat_room")}
    assert not set(filter(None, bad_rooms)) & left, "the admin should delete what nobody can enter"


def quoted(name):
    """As the admin writes a key in an address."""
    return quote("".join(f"_{ord(c):02X}" if c in ':/_#?;@&=+$,"[]<>%\n\\' else c for c in name))


async def test_room_with_messages_cannot_be_deleted_in_the_admin(chat, moderator):
    room_name = new_room()
    async with at(chat, room_name, "alice") as alice:
        await post(alice, "first")
        answer = await moderator.http.get(f"/admin/chat/room/{quoted(room_name)}/delete/")
        assert answer.status_code == 403
        assert (await post(alice, "second"))["seq"] == 2


async def test_saving_a_room_never_sets_its_counter_back(chat):
    """A moderator has a room's form in work, while somebody writes: both go on."""
    room_name = new_room()
    async with at(chat, room_name, "alice") as alice:
        await post(alice, "first")
        await in_shell(
            chat,
            "from django.contrib import admin\n"
            "from chat.models import Message, Room\n"
            f"room = Room.objects.get(name={room_name!r})\n"
            f"Message.objects.create(room_name={room_name!r}, author='ghost', text='second')\n"
            "admin.site.get_model_admin(Room).save_model(None, room, None, True)",
        )
        assert (await next_answer(alice))["text"] == "second"
        assert (await post(alice, "third"))["seq"] == 3, "the room should not be stuck"


# --- members --------------------------------------------------------------------------------------


@pytest.fixture
def crowded(chat):
    """Rooms of a few members and of many."""
    rooms = {20: new_room(), MANY: new_room()}
    insert = """
        WITH RECURSIVE numbers (n) AS (SELECT 0 UNION SELECT n + 1 FROM numbers WHERE n + 1 < ?)
        INSERT OR IGNORE INTO auth_user (username, password, date_joined, is_staff, is_superuser,
            is_active, first_name, last_name, email)
        SELECT 'one-of-many-' || n, 'x', '2026-01-01 00:00:00', 0, 0, 1, '', '', '' FROM numbers
    """
    in_database(chat, insert, MANY)
    for count, room_name in rooms.items():
        make_room(chat, room_name)
        in_database(
            chat,
            "INSERT INTO chat_member (room_id, user_id, status) SELECT ?, id, 'member' "
            "FROM auth_user WHERE username LIKE 'one-of-many-%' LIMIT ?",
            room_name,
            count,
        )
    return rooms


async def test_all_members_of_a_big_room_are_muted_by_one_action(chat, moderator, crowded):
    room_name = crowded[MANY]
    page = await moderator.load(f"/admin/chat/room/{quoted(room_name)}/change/")
    assert f"{MANY} members" in page.text, "a room's page should lead to its members"
    path = f"/admin/chat/member/?room={room_name}"
    page = await moderator.load(path)
    assert f"{MANY} member" in page.text, "the list should be that of this room"
    (number,), *_ = in_database(chat, "SELECT id FROM chat_member WHERE room_id = ?", room_name)
    fields = {"action": "muted", "_selected_action": number, "select_across": "1"}
    assert (await submit(moderator, path, **fields)).status_code == 302
    assert statuses(chat, room_name) == {"muted": MANY}
    assert statuses(chat, crowded[20]) == {"member": 20}, "nobody else is muted"
    count = "SELECT count(*) FROM django_admin_log WHERE change_message LIKE '%muted%'"
    assert in_database(chat, count) == [(MANY,)], "the log says who was muted"


def statuses(chat, room_name):
    select = "SELECT status, count(*) FROM chat_member WHERE room_id = ? GROUP BY status"
    return dict(in_database(chat, select, room_name))


async def test_one_member_is_found_and_banned_in_a_big_room_on_a_page_of_their_own(
    chat, moderator, crowded
):
    name = "one-of-many-299"
    page = await moderator.load(f"/admin/chat/member/?q={crowded[MANY]}+{name}")
    assert "1 member" in page.text
    select = "SELECT id FROM chat_member WHERE room_id = ? AND user_id = ?"
    [(number,)] = in_database(chat, select, crowded[MANY], user_id(chat, name))
    fields = {"room": crowded[MANY], "user": user_id(chat, name), "status": "banned"}
    assert (await submit(moderator, f"/admin/chat/member/{number}/change/", **fields)).is_redirect
    assert statuses(chat, crowded[MANY])["banned"] == 1
    filtered = await moderator.load(f"/admin/chat/member/?room={crowded[MANY]}&status=banned")
    assert "1 member" in filtered.text


async def test_queries_of_the_admin_do_not_grow_with_the_room(chat, crowded):
    said = await in_shell(
        chat,
        f"ROOMS = {crowded!r}\n"
        """
import json
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

client = Client(headers={"host": "127.0.0.1"})
client.force_login(User.objects.create_superuser("counter"))
for count, room in ROOMS.items():
    counts = []
    for path in (f"room/{room.replace('_', '_5F')}/change/", f"member/?room={room}"):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/admin/chat/{path}").status_code == 200, path
        counts.append(len(queries))
    with CaptureQueriesContext(connection) as queries:
        fields = {"action": "banned", "_selected_action": 0, "select_across": "1", "index": 0}
        assert client.post(f"/admin/chat/member/?room={room}", fields).status_code == 302
    print(json.dumps([*counts, len(queries)]))
""",
    )
    few, many = map(json.loads, said.strip().splitlines()[-2:])
    # A log of many lines is stored in a few statements, not in one for each.
    assert [count <= 20 for count in many] == [True] * 3, f"{few} queries for 20, {many} for {MANY}"
    assert max(more - less for less, more in zip(few, many, strict=True)) <= 3


# --- what was deleted -----------------------------------------------------------------------------


async def test_nothing_of_a_text_is_left_anywhere_when_a_moderator_has_deleted_it(chat, moderator):
    room_name, secret = new_room(), f"secret-{uuid.uuid4().hex}"
    async with at(chat, room_name, "alice") as alice:
        message = await post(alice, secret)
        path = "/admin/chat/message/"
        fields = {"action": "delete_text", "_selected_action": message["id"]}
        assert (await submit(moderator, path, **fields)).status_code == 302
        assert (await next_answer(alice))["type"] == "deleted"
        for page in (path, "/admin/", f"{path}?q={room_name}", f"/chat/{room_name}/"):
            text = html.unescape((await moderator.load(page)).text)
            assert secret not in text, f"{page} still shows it"
    assert tables_with(chat, secret) == []
    assert tables_with(chat, "Deleted the text."), "that it was deleted is kept"


def tables_with(chat, text):
    """The tables of the database in which this stands somewhere."""
    tables = in_database(chat, "SELECT name FROM sqlite_master WHERE type = 'table'")
    return [name for (name,) in tables if text in repr(in_database(chat, f"SELECT * FROM {name}"))]


# --- names of users -------------------------------------------------------------------------------

TOO_LONG, LONGEST = "x" * 51, "y" * 50


async def test_no_way_makes_a_user_name_that_is_too_long_to_write_under(chat, moderator):
    fields = {"username": TOO_LONG, "password1": PASSWORD, "password2": PASSWORD}
    fields |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    change = f"/admin/auth/user/{user_id(chat, 'root')}/change/"
    added = await submit(moderator, "/admin/auth/user/add/", usable_password="true", **fields)
    renamed = await submit(moderator, change, **fields)
    async with Visitor(chat, TOO_LONG, fresh=True) as stranger:
        signed_up = await stranger.submit("/accounts/signup/", **fields)
    said = [answer.text for answer in (added, renamed, signed_up)]
    for text in (*said, await create_superuser(chat, TOO_LONG)):
        assert "at most 50 characters" in text
    assert in_database(chat, "SELECT id FROM auth_user WHERE username = ?", TOO_LONG) == []
    assert "created" in await create_superuser(chat, LONGEST)


async def create_superuser(chat, name):
    """Run the command; returns what it says."""
    return await in_shell(
        chat,
        "import sys\n"
        "from django.core.management import CommandError, call_command\n"
        f"options = {{'interactive': False, 'email': '', 'username': {name!r}, 'verbosity': 1}}\n"
        "try: call_command('createsuperuser', stdout=sys.stdout, **options)\n"
        "except CommandError as error: print(error)",
    )


async def test_user_whose_name_is_too_long_already_is_told_that_it_is_the_name(chat):
    name, room_name = f"{uuid.uuid4().hex}{'z' * 60}", new_room()
    short = name[:30]
    await log_in(chat, short)
    in_database(chat, "UPDATE auth_user SET username = ? WHERE username = ?", name, short)
    async with Visitor(chat, short) as visitor:
        await visitor.load(f"/chat/{room_name}/")
        page = await visitor.post(room_name, name, "hello")
    assert page.status_code == 400
    assert "This user name is too long" in page.text
    async with at(chat, room_name, session=visitor.session) as socket:
        answer = await ask(socket, "post", text="hello")
        assert answer["code"] == "bad_author"
        assert "user name is too long" in answer["detail"], "not the text, which is short"
