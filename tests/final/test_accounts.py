"""chat_final: accounts. Forms that are sent twice, and names that change hands."""

import asyncio
import contextlib
import re
import sqlite3

import pytest
from playwright.async_api import expect

from chatflow.clients.sockets import connect
from chatflow.clients.visitor import PASSWORD, SESSIONS, Visitor
from final import helpers
from final.helpers import ask, at, closing_code, counted, in_database, next_answer, post, submit
from helpers.forms import WAYS, send_twice, where
from helpers.resume import log_in
from helpers.shell import in_shell
from helpers.talking import new_name

NEW_PASSWORD = "another correct horse"
SIGN_UP = "/accounts/signup/"
LOG_IN = "/accounts/login/"
CHANGE = "/accounts/password_change/"
# Those with the browser, which is one for all of them.
in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
async def visitor(chat, name):
    """Somebody of a name that is not taken, with a browser of their own."""
    async with Visitor(chat, name, fresh=True) as visitor:
        yield visitor


# --- forms that are sent twice; others are in stages/test_users.py --------------------------------


async def assert_in(visitor):
    assert (await visitor.http.get(CHANGE)).status_code == 200, "they should be logged in"


@pytest.mark.parametrize("way", WAYS)
async def test_login_to_the_admin_that_is_sent_twice_lets_in(chat, visitor, way):
    async with Visitor(chat, visitor.name, fresh=True) as first:
        await first.log_in()
    in_database(chat, "UPDATE auth_user SET is_staff = 1 WHERE username = ?", visitor.name)
    fields = {"username": visitor.name, "password": PASSWORD}
    answers = await send_twice(visitor, "/admin/login/?next=/chat/lobby/", way, **fields)
    assert where(answers) == [(302, "/chat/lobby/")] * 2
    await assert_in(visitor)


async def test_password_change_of_a_stranger_who_knows_no_password_leads_to_the_login(visitor):
    await visitor.load(LOG_IN)
    guess = {"username": "alice", "new_password1": "guess", "new_password2": "guess"}
    answer = await submit(visitor, CHANGE, **guess)
    assert answer.headers["location"].startswith(LOG_IN)
    assert not visitor.session


async def test_password_change_does_not_lift_what_a_moderator_decides_meanwhile(chat, visitor):
    await visitor.log_in()
    await in_shell(
        chat,
        "from django.contrib.auth.models import User\n"
        "from django.test import RequestFactory\n"
        "from django.contrib.sessions.backends.db import SessionStore\n"
        "from websockets_channels.accounts import PasswordChangeView\n"
        f"user = User.objects.get(username={visitor.name!r})\n"
        "request = RequestFactory().post('/')\n"
        "request.user = user\n"
        "request.session = SessionStore()\n"
        "view = PasswordChangeView(request=request, success_url='/')\n"
        f"form = view.get_form_class()(user, {{'old_password': {PASSWORD!r},"
        f" 'new_password1': {NEW_PASSWORD!r}, 'new_password2': {NEW_PASSWORD!r}}})\n"
        "assert form.is_valid()\n"
        "User.objects.filter(pk=user.pk).update(is_active=False)\n"
        "view.form_valid(form)",
    )
    select = "SELECT is_active FROM auth_user WHERE username = ?"
    assert in_database(chat, select, visitor.name) == [(0,)]


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_sent_twice_in_a_private_room_is_done_once(chat, visitor, room_name, way):
    await log_in(chat, "alice")
    await visitor.log_in()
    path = f"/chat/{room_name}/"
    for target, page, fields, leads_to, found in [
        ("/", "/", {"room_name": room_name}, path, (1, 1, 0)),
        (f"{path}invite/", path, {"user": "alice"}, path, (1, 2, 0)),
        (path, path, {"text": "hello"}, path, (1, 2, 1)),
        (f"{path}leave/", path, {}, "/", (1, 1, 1)),
        ("/accounts/logout/", "/", {}, "/", (1, 1, 1)),
    ]:
        answers = await send_twice(visitor, target, way, page, **fields)
        assert where(answers) == [(302, leads_to)] * 2, target
        assert counted(chat, room_name) == found, target


@pytest.mark.parametrize("gap", [0.09, 0.14, 0.2])
@in_one_loop
async def test_two_clicks_on_sign_up_in_a_browser_let_in(chat, browser, name, gap):
    async with await browser.new_page() as page:
        await page.goto(f"{chat.url}{SIGN_UP}")
        await page.fill("[name=username]", name)
        for field in ("password1", "password2"):
            await page.fill(f"[name={field}]", PASSWORD)
        box = await page.get_by_role("button", name="Sign up").bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        await page.mouse.click(*middle)
        await asyncio.sleep(gap)  # as long as a person's finger takes
        await page.mouse.click(*middle)
        await expect(page.locator(".who")).to_contain_text(f"You are {name}")
    assert helpers.user_id(chat, name), "there should be one of this name"


# --- names that change hands ----------------------------------------------------------------------


async def rename(chat, name, new):
    in_database(chat, "UPDATE auth_user SET username = ? WHERE username = ?", new, name)
    SESSIONS.pop((chat.site, name), None)


async def test_who_takes_the_name_of_a_deleted_account_owns_nothing_of_it(chat, room_name, name):
    async with at(chat, room_name, name) as old:
        message = await post(old, "mine")
        assert message["author_id"] == helpers.user_id(chat, name)
    await in_shell(
        chat,
        "from django.contrib.auth.models import User\n"
        f"User.objects.get(username={name!r}).delete()",
    )
    SESSIONS.pop((chat.site, name))
    async with connect(chat, room_name, name, after=0) as new:
        assert await next_answer(new) == {**message, "author_id": None}
        await helpers.caught_up(new)
        assert (await ask(new, "delete", id=message["id"]))["code"] == "not_yours"
        again = await post(new, "mine too", client_id=message["client_id"])
        assert again["seq"] == 2, "another account's client_id is another message"
        assert (await ask(new, "delete", id=again["id"]))["type"] == "deleted"
    async with Visitor(chat, name) as visitor:
        page = (await visitor.open(room_name)).text
    assert re.findall(r'<li data-id="(\d+)"[^>]*class="mine"', page) == [str(again["id"])]


async def test_who_signs_up_as_say_owns_nothing_of_what_the_command_says(chat, room_name):
    async with at(chat, room_name, "say") as say:
        done = await asyncio.to_thread(chat.manage, "say", room_name, "by command")
        assert done.returncode == 0, done.stderr
        message = await next_answer(say)
        assert (message["author"], message["author_id"]) == ("say", None)
        assert (await ask(say, "delete", id=message["id"]))["code"] == "not_yours"


async def test_rename_ends_open_sockets_and_keeps_what_was_written(chat, room_name, name):
    new, session = new_name(), await log_in(chat, name)
    async with helpers.at_each(chat, room_name, name, name) as (here, there):
        message = await post(here, "before")
        await rename(chat, name, new)
        await here.send('{"type": "post", "text": "as before?"}')
        assert await closing_code(here) == 4401, "the next frame should find it out"
        async with asyncio.timeout(4):  # two seconds, and some for a busy machine
            assert await closing_code(there) == 4401, "nobody goes on under a name of the past"
    async with at(chat, room_name, name) as namesake:  # somebody new takes the old name
        await post(namesake, "by another account")
    async with Visitor(chat, fresh=True) as visitor:
        visitor.http.cookies.set("sessionid", session)
        page = (await visitor.load(f"/chat/{room_name}/")).text
    mine = re.findall(r'<li data-id="(\d+)"[^>]*mine[^>]*>\s*<b>([^<]+)</b>', page)
    assert mine == [(str(message["id"]), name)]
    assert page.count("by another account") == 1
    async with at(chat, room_name, session=session, after=2) as socket:
        again = await ask(socket, "post", text="before", client_id=message["client_id"])
        assert again == message, "sent again under the new name, it is still one message"
        assert (await ask(socket, "delete", id=message["id"]))["seq"] == 3
    stored = "SELECT author FROM chat_message WHERE room_name = ? ORDER BY seq"
    assert in_database(chat, stored, room_name) == [(name,), (name,), (new,)]


def test_migration_gives_messages_to_accounts_and_cleans_the_log(tmp_path):
    path = tmp_path / "chat.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as database:
        helpers.migrate_from_before(f"sqlite:///{path}", database.executescript)
        assert database.execute(helpers.OWNERS).fetchall() == helpers.OWNERS_NOW
        # Of a deleted text nothing is left.
        assert database.execute(helpers.LOG).fetchall() == helpers.LOG_NOW
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


@in_one_loop
async def test_page_knows_by_the_account_whose_a_message_is(chat, browser, room_name, name):
    """What is on the page, what comes while it is open, and whose screen shows a Delete."""
    new, session = new_name(), await log_in(chat, name)
    async with at(chat, room_name, session=session) as socket:
        await post(socket, "mine, of before")
    await rename(chat, name, new)
    async with at(chat, room_name, name) as namesake:
        await post(namesake, "another one's")
        context = await browser.new_context()
        await context.add_cookies([{"name": "sessionid", "value": session, "url": chat.url}])
        page = await context.new_page()
        await page.goto(f"{chat.url}/chat/{room_name}/")
        await expect(page.locator("#status")).to_have_text("Live")
        await page.fill("#text", "mine, of now")
        await page.press("#text", "Enter")
        mine = page.locator("#messages li.mine p")
        await expect(mine).to_have_text(["mine, of before", "mine, of now"])
        assert (await next_answer(namesake))["text"] == "mine, of now"
        await post(namesake, "another one's again")
        await expect(page.locator("#messages li")).to_have_count(4)
        await expect(page.get_by_role("button", name="Delete")).to_have_count(2)
        await expect(mine).to_have_count(2)
