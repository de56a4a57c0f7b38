"""What people see: two users, each in a browser of their own, on the pages of the stages."""

import asyncio
import re

import pytest
import pytest_asyncio
from playwright.async_api import Error as BrowserError
from playwright.async_api import expect

from chatflow import post
from chatflow.clients.traffic import counted, network
from chatflow.clients.visitor import PASSWORD
from chatflow.probing.people import new_room
from chatflow.probing.stage_probes import LOGOUT_SECONDS
from chatflow.running.labs import lab, log_line
from helpers.browser import (
    BACK_SECONDS,
    LOGGED_OUT,
    MARKUP,
    MARKUP_WITH_SCRIPT,
    OFFLINE,
    READY,
    UNREACHABLE,
    assert_each_is_there_once,
    assert_fits_and_can_be_read,
    assert_no_sideways_scrolling,
    assert_nothing_was_injected,
    log_out_elsewhere,
    tab_to,
)
from helpers.resume import log_in
from helpers.talking import new_name
from stages.helpers import FINAL, changed, in_stages, long_polling

# One browser for all tests of this file: it has to stay in one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_NEWS = re.compile("^No news just now")
SCORE = re.compile(r"^Minute \d+ · \d+ : \d+$")
AWAY_SECONDS = 10
# The page that it shows in that case is its own; without windows it is an empty one.
BROWSERS_OWN_ERROR = "location.href === 'chrome-error://chromewebdata/'"

SMALL = {"width": 360, "height": 640}
FIELDS = {"login": ["username", "password"], "signup": ["username", "password1", "password2"]}


@pytest_asyncio.fixture(loop_scope="module")
async def both(chat, arrive):
    """Alice and Bob in a new room, on two instances if messages cross them."""
    crosses, room_name = chat.stage.can["crosses_instances"] == "yes", new_room()
    alice, bob = await arrive("alice"), await arrive("bob")
    await alice.enter(chat.instances[0], room_name)
    await bob.enter(chat.instances[-1 if crosses else 0], room_name)
    return alice, bob


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def brief(stage_folders):
    """Stage 02: a request of a closed page holds its thread for two seconds, not for 25."""
    async with long_polling(stage_folders, wait=2) as chat:
        yield chat


@pytest.fixture
def chat(request, running):
    """The running stage whose number is the test's parameter."""
    return request.getfixturevalue("brief") if request.param == 2 else running(request.param)


# --- two people -----------------------------------------------------------------------------


@in_stages(1, 4)
async def test_without_groups_another_page_shows_a_message_only_after_a_reload(both):
    alice, bob = both
    hello, hi = ("alice", "hello"), ("bob", "hi")
    await alice.say("hello")
    await alice.sees(hello)
    assert not await bob.hears_something(), "in this stage news should come only with a reload"
    await bob.page.reload()
    await bob.sees(hello)
    await bob.say("hi")
    await bob.sees(hello, hi)
    await alice.sees(hello)
    await assert_own_messages_go_by_the_name(bob, "alice")


@in_stages(2, 3, 5, 6, 7, 8, 9)
async def test_both_see_each_message_once_and_in_order_without_reloading(chat, both):
    alice, bob = both
    said = []
    for person, text in [(alice, "hello"), (bob, "hi"), (bob, "how are you?"), (alice, "fine")]:
        await person.say(text)
        said.append((person.name, text))
        await alice.sees(*said)
        await bob.sees(*said)
    for person in (alice, bob):
        assert len(person.loads) == 1, f"{person.name} should not have to reload: {person.loads}"
    for person in (alice, bob):
        await person.page.reload()
        await person.sees(*said)
    if chat.stage.can["unforgeable"] == "no":
        await assert_own_messages_go_by_the_name(bob, "alice")


async def assert_own_messages_go_by_the_name(person, other):
    await person.name_field.fill(other)
    names = await person.page.locator(".mine b").all_text_contents()
    assert set(names) == {other}, "all messages of that name stand on one's own side, and no others"


@in_stages(7, 9)
async def test_both_see_the_bots_answer_and_the_score_of_a_match(both):
    alice, bob = both
    await alice.say("/roll 2d6")
    answer = re.compile(r"^alice rolls \d \+ \d = \d+$")
    for person in (alice, bob):
        await person.sees(("alice", "/roll 2d6"), ("the bot", answer))
    await bob.say("/match")
    for person in (alice, bob):
        await expect(person.page.locator("#score"), "the score should be shown").to_have_text(SCORE)
    await expect(alice.page.locator("#score")).to_have_text(re.compile("^Minute [1-9]"))
    assert len(alice.loads) == len(bob.loads) == 1, "both should come without reloading"


@in_stages(1, 5, 8, 9)
async def test_without_javascript_the_form_still_posts(chat, arrive):
    alice = await arrive("alice", java_script_enabled=False)
    room_name = new_room()
    is_user = await alice.log_in(chat)
    await alice.page.goto(f"{chat.url}/chat/{room_name}/")
    if not is_user:
        await alice.name_field.fill("alice")
    await alice.say("no script here")
    await alice.sees(("alice", "no script here"))


# --- markup in what people write ------------------------------------------------------------


@in_stages(1, 3, 5, 8, 9)
async def test_markup_in_a_message_stays_text(chat, arrive):
    # Django lets no such name sign up.
    name = MARKUP if chat.stage.can["unforgeable"] == "no" else "mallory"
    mallory, bob = await arrive(name), await arrive("bob")
    room_name = new_room()
    for person in (mallory, bob):
        await person.enter(chat, room_name)
    await mallory.say(MARKUP_WITH_SCRIPT)
    await mallory.sees((name, MARKUP_WITH_SCRIPT))
    if chat.stage.can["live"] == "yes":
        await assert_markup_is_text(bob, name)
    # Now in the page itself, as the template writes it.
    await bob.page.reload()
    await assert_markup_is_text(bob, name)
    await assert_markup_is_text(mallory, name)


async def assert_markup_is_text(person, author):
    await person.sees((author, MARKUP_WITH_SCRIPT))
    await assert_nothing_was_injected(person)


@in_stages(1)
async def test_markup_in_a_refused_form_stays_text(chat, arrive):
    mallory = await arrive(MARKUP)
    await mallory.page.goto(f"{chat.url}/?room_name={MARKUP}")
    await expect(mallory.page.get_by_label("Room name")).to_have_value(MARKUP)
    await assert_nothing_was_injected(mallory)
    await mallory.enter(chat, new_room())
    # Else the browser would not even send it.
    await mallory.page.locator("form").evaluate("form => { form.noValidate = true; }")
    await mallory.say("   ")
    await expect(mallory.page.get_by_role("alert")).to_have_text("Write something first.")
    await expect(mallory.name_field).to_have_value(MARKUP)
    await assert_nothing_was_injected(mallory)
    mallory.forgive("status of 400")


# --- accounts -------------------------------------------------------------------------------


@in_stages(8)
async def test_wrong_password_is_told_and_the_right_one_lets_in_and_can_be_changed(chat, arrive):
    alice, room_name, other = await arrive(new_name()), new_room(), f"{PASSWORD} 2"
    await log_in(chat, alice.name)
    await alice.page.goto(f"{chat.url}/chat/{room_name}/")
    await alice.fill_in(username=alice.name, password="a guess")
    await expect(alice.page.get_by_role("alert")).to_contain_text("correct username and password")
    await expect(alice.page.get_by_label("Username")).to_have_value(alice.name)
    await alice.fill_in(password=PASSWORD)
    await alice.is_at(room_name)
    await alice.page.goto(f"{chat.url}/")
    await alice.page.get_by_role("link", name="Change password").click()
    await alice.is_at("Change password")
    await alice.fill_in(old_password=PASSWORD, new_password1=other, new_password2=other)
    await alice.is_at("Rooms")
    await expect(alice.page.locator(".who")).to_contain_text(f"You are {alice.name}")


@in_stages(8)
async def test_sign_up_says_what_is_wrong_with_a_name_or_a_password(chat, arrive):
    alice, guess = await arrive("alice"), "not hers, surely"
    await log_in(chat, "alice")
    await alice.page.goto(f"{chat.url}/accounts/signup/")
    alert = alice.page.get_by_role("alert")
    # With a password that is not hers: with hers it would be her own form, sent twice.
    await alice.fill_in(username="alice", password1=guess, password2=guess)
    await expect(alert).to_have_text("A user with that username already exists.")
    await alice.fill_in(username=MARKUP, password1=PASSWORD, password2=PASSWORD)
    await expect(alert).to_contain_text("valid username")
    await expect(alice.page.get_by_label("Username")).to_have_value(MARKUP)
    await assert_nothing_was_injected(alice)
    await alice.fill_in(username=new_name(), password1="short", password2="short")
    await expect(alert.first).to_contain_text("too short")
    await alice.fill_in(password1=PASSWORD, password2="another")
    await expect(alert).to_contain_text("didn’t match")


# --- what is written is never lost ----------------------------------------------------------


@in_stages(1, 3, 5, 8, 9)
async def test_pasted_text_that_is_too_long_stays_whole_and_is_not_sent(chat, arrive):
    alice = await arrive("alice")
    await alice.enter(chat, new_room())
    await alice.text_field.focus()
    # As pasting does it: here a field's maxlength would cut.
    await alice.page.keyboard.insert_text("x" * 2_500)
    await alice.page.keyboard.press("Enter")
    whole = "the page should cut nothing off in silence"
    await expect(alice.text_field, whole).to_have_value("x" * 2_500)
    field = "field => [field.validity.valid, field.title]"
    assert await alice.text_field.evaluate(field) == [
        False,
        "1 to 2,000 characters, not only spaces",
    ]
    await alice.sees()
    # Characters count, not halves of them, and what is white space around them does not.
    await alice.say(" " + "\U0001f600" * 2_000)
    await alice.sees(("alice", "\U0001f600" * 2_000))
    # Some programs put this where a line ends; "." in a pattern does not match it.
    await alice.say("two\u2028lines")
    await alice.sees(("alice", "\U0001f600" * 2_000), ("alice", "two\u2028lines"))


@in_stages(1, 3, 5)
async def test_message_without_a_good_name_or_a_text_is_not_sent_and_not_lost(chat, arrive):
    alice = await arrive("alice")
    await alice.enter(chat, new_room())
    await alice.name_field.fill("")
    await alice.name_field.focus()
    # As pasting does it: here a field's maxlength would cut.
    await alice.page.keyboard.insert_text("a" * 60)
    await alice.say("hello")
    await expect(alice.name_field, "cut off, it is another name").to_have_value("a" * 60)
    await expect(alice.text_field, "a refused message stays in its field").to_have_value("hello")
    await alice.name_field.fill("  ")
    await alice.text_field.press("Enter")
    await expect(alice.text_field).to_have_value("hello")
    await alice.name_field.fill(" alice ")
    await alice.say("   ")
    await alice.say("hello")
    await alice.sees(("alice", "hello"))
    mine = alice.page.locator("#messages li.mine")
    await expect(mine, "spaces around a name make no other person of it").to_have_count(1)


@in_stages(3)
async def test_post_of_a_sixth_stream_stays_in_its_field_until_a_connection_is_free(chat, arrive):
    alice, room_name = await arrive("alice"), new_room()
    await alice.enter(chat, room_name)
    others = [await alice.page.context.new_page() for _ in range(5)]
    for tab in others:
        await tab.goto(f"{chat.url}/chat/{room_name}/")
        await expect(tab.locator("#status")).to_have_text(READY)
    await alice.say("one too many")
    await alice.text_field.press("Enter")
    waits = "six streams hold all connections that a browser opens to a host: say that it waits"
    await expect(alice.status, waits).to_have_text("Sending: waiting for an answer")
    await expect(alice.text_field, "not sent yet").to_have_value("one too many")
    await others.pop().close()
    await alice.sees(("alice", "one too many"))
    await expect(alice.text_field).to_have_value("")
    await expect(alice.status).to_have_text(READY)
    await alice.say("once more")
    await alice.sees(("alice", "one too many"), ("alice", "once more"))


@in_stages(2, 3)
async def test_post_that_is_refused_or_gets_no_answer_stays_in_its_field(chat, arrive):
    alice = await arrive("alice")
    async with network(chat) as phone:
        await alice.enter(phone, new_room())
        await alice.text_field.evaluate("field => { field.form.noValidate = true; }")
        await alice.say("  ")
        await expect(alice.status).to_have_text("Not sent: Write something first.")
        await expect(alice.text_field).to_have_value("  ")
        await alice.say("hello")
        await alice.sees(("alice", "hello"))
        phone.cut()
        await expect(alice.status).to_have_text(NO_NEWS)
        await alice.say("is anyone there?")
        await expect(alice.text_field).to_be_editable()
        await expect(alice.text_field, "not sent").to_have_value("is anyone there?")
        phone.mend()
        await expect(alice.status).to_have_text(READY, timeout=BACK_SECONDS * 1000)
        await alice.text_field.press("Enter")
        await alice.sees(("alice", "hello"), ("alice", "is anyone there?"))
        await alice.page.close()
    alice.forgive("net::ERR_|status of 400")


# --- keyboard, small screens ----------------------------------------------------------------


@in_stages(1, 3, 5, 7)
async def test_a_person_without_a_mouse_can_find_a_room_and_chat(chat, arrive):
    alice = await arrive("alice")
    keyboard, room_name = alice.page.keyboard, new_room()
    await alice.page.goto(f"{chat.url}/")
    await expect(alice.page.get_by_label("Room name")).to_be_focused()
    await keyboard.type(room_name)
    await keyboard.press("Enter")
    await expect(alice.page.get_by_role("heading")).to_have_text(room_name)
    await expect(alice.status).to_have_text(READY)
    await expect(alice.name_field, "a stranger first gives a name").to_be_focused()
    await keyboard.type("alice")
    await keyboard.press("Tab")
    await type_message(alice, "first")
    await alice.sees(("alice", "first"))
    # No Tab: who has just sent a message wants to write the next one.
    await type_message(alice, "second")
    await alice.sees(("alice", "first"), ("alice", "second"))
    await alice.page.reload()
    await expect(alice.name_field, "the tab should remember the name").to_have_value("alice")
    await expect(alice.text_field, "a known person writes at once").to_be_focused()


@in_stages(8, 9)
async def test_a_stranger_without_a_mouse_can_sign_up_chat_log_out_and_come_back(chat, arrive):
    alice, room_name = await arrive(new_name()), new_room()
    keyboard = alice.page.keyboard
    await alice.page.goto(f"{chat.url}/")
    await expect(alice.page.get_by_label("Room name")).to_be_focused()
    await keyboard.type(room_name)
    await keyboard.press("Enter")
    await alice.is_at("Log in")
    await expect(alice.page.get_by_label("Username")).to_be_focused()
    await follow(alice, "link", "Sign up")
    await alice.is_at("Sign up")
    await type_fields(alice, alice.name, PASSWORD, PASSWORD)
    await alice.is_at(room_name)
    await expect(alice.page.locator(".who")).to_contain_text(f"You are {alice.name}")
    await expect(alice.status).to_have_text(READY)
    await type_message(alice, "first")
    await type_message(alice, "second")
    await alice.sees((alice.name, "first"), (alice.name, "second"))
    await follow(alice, "button", "Log out")
    await alice.is_at("Rooms")
    await follow(alice, "link", room_name)
    await alice.is_at("Log in")
    await type_fields(alice, alice.name, PASSWORD)
    await alice.is_at(room_name)
    await alice.sees((alice.name, "first"), (alice.name, "second"))


async def follow(person, role, name):
    await tab_to(person, person.page.get_by_role(role, name=name))
    await person.page.keyboard.press("Enter")


async def type_fields(person, *texts):
    """Fill in the form that has the focus, and go on to its button and press it."""
    await expect(person.page.get_by_label("Username")).to_be_focused()
    for text in texts:
        await person.page.keyboard.type(text)
        await person.page.keyboard.press("Tab")
    await person.page.keyboard.press("Enter")


async def type_message(person, text):
    await expect(person.text_field).to_be_focused()
    await expect(person.text_field, "what was sent should be gone from the field").to_have_value("")
    await person.page.keyboard.type(text)
    await person.page.keyboard.press("Enter")


@in_stages(1, 3, 5, 7, 8, 9)
async def test_pages_fit_a_small_screen(chat, arrive):
    alice = await arrive("W" * 50, viewport=SMALL)
    room_name = new_room().ljust(50, "W")
    for text in ["W" * 2_000, "word " * 400, "short"]:
        await post(chat, room_name, "W" * 50, text)
    await alice.page.goto(f"{chat.url}/")
    await expect(alice.page.get_by_role("link", name=room_name)).to_be_visible()
    await assert_no_sideways_scrolling(alice.page)
    await alice.enter(chat, room_name)
    await assert_no_sideways_scrolling(alice.page)
    for name in ("#status", "form.post", "#messages li:last-child"):
        await expect(alice.page.locator(name), "should be on the screen").to_be_in_viewport(ratio=1)


@in_stages(8)
async def test_account_pages_fit_a_small_screen_and_can_be_read(chat, arrive):
    alice = await arrive("W" * 50, viewport=SMALL)
    for path in ("login", "signup"):
        await alice.page.goto(f"{chat.url}/accounts/{path}/")
        await alice.fill_in(**dict.fromkeys(FIELDS[path], "W" * 8))
        await expect(alice.page.get_by_role("alert").first).to_be_visible()
        await assert_fits_and_can_be_read(alice.page)
    await alice.enter(chat, new_room())
    await assert_fits_and_can_be_read(alice.page)
    await alice.page.goto(f"{chat.url}/accounts/password_change/")
    await assert_fits_and_can_be_read(alice.page)


@in_stages(1, 6)
async def test_page_for_a_wrong_address_leads_back_to_the_rooms(chat, arrive):
    alice = await arrive("alice", viewport=SMALL)
    await alice.page.goto(f"{chat.url}/chat/caf%C3%A9/")
    await expect(alice.page.get_by_role("heading")).to_have_text("No such page")
    await assert_no_sideways_scrolling(alice.page)
    await alice.page.keyboard.press("Tab")
    await alice.page.keyboard.press("Enter")
    await expect(alice.page.get_by_role("heading")).to_have_text("Rooms")
    alice.forgive("status of 404")


# --- the server goes away -------------------------------------------------------------------


@pytest.mark.parametrize("number", [5, 8])
async def test_page_says_that_its_server_is_gone_and_a_message_waits_for_it(number, start, arrive):
    alice = await arrive("alice")
    async with start(number) as chat:
        await alice.enter(chat, "lobby")
        await asyncio.to_thread(chat.instances[0].kill)
        await expect(alice.status).to_contain_text("Disconnected")
        # Without a socket the form is posted, and the browser says that nobody answers.
        await alice.say("is anyone there?")
        await alice.page.wait_for_function(BROWSERS_OWN_ERROR)
        await asyncio.to_thread(chat.instances[0].start)
        await alice.page.reload()
        await alice.sees(("alice", "is anyone there?"))
        # Before this server goes too: a handshake that it breaks off is one more complaint.
        await expect(alice.status).to_have_text(READY)
    alice.forgive("ERR_CONNECTION_REFUSED")


@in_stages(2)
async def test_poll_that_begins_offline_is_asked_again_and_nothing_is_missed(both):
    alice, bob = both
    said = [("bob", "one"), ("bob", "two"), ("bob", "three")]
    await bob.say("one")
    await alice.sees(said[0])
    await alice.page.context.set_offline(True)
    # The request that is waiting still gets this one; the next one begins offline.
    await bob.say("two")
    await expect(alice.status, "say that no news come").to_have_text(NO_NEWS)
    await bob.say("three")
    await bob.sees(*said)
    await alice.page.context.set_offline(False)
    await alice.sees(*said)
    await expect(alice.status).to_have_text(READY)
    assert len(alice.loads) == 1, "alice should not have to reload"
    alice.forgive("net::ERR_")


@in_stages(2, 3)
async def test_page_comes_back_by_itself_after_its_proxy_has_answered_with_an_error(chat, arrive):
    alice, address, room_name = await arrive("alice"), re.compile("/(messages|stream)/"), new_room()
    async with network(chat) as proxy:
        await alice.enter(proxy, room_name)
        refused = asyncio.Event()

        async def refuse(route):
            await route.fulfill(status=502)
            refused.set()

        await alice.page.route(address, refuse)
        proxy.cut()
        await asyncio.wait_for(refused.wait(), BACK_SECONDS)
        await expect(alice.status).to_have_text(NO_NEWS)
        await post(chat, room_name, "bob", "did you miss me?")
        await alice.page.unroute(address)
        proxy.mend()
        await expect(alice.status).to_have_text(READY, timeout=BACK_SECONDS * 1000)
        await alice.sees(("bob", "did you miss me?"))
        assert len(alice.loads) == 1, "alice should not have to reload"
        await alice.page.close()
    alice.forgive("net::ERR_|status of 502")


# --- left, and come back to -----------------------------------------------------------------

# As the browser says it of a page that it takes out of its back/forward cache. The headless shell
# has no such cache, and Playwright switches that of others off.
COME_BACK = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"


@in_stages(4, 7, 8, 9)
async def test_page_that_comes_back_out_of_the_browsers_cache_loads_again(chat, arrive):
    alice, room_name = await arrive(new_name()), new_room()
    await alice.enter(chat, room_name)
    await post(chat, room_name, "bob", "while you were away")
    await alice.page.evaluate(f"document.title = 'as it was left'; {COME_BACK}")
    await expect(alice.page, "it should load again").to_have_title(re.compile(f"^{room_name} "))
    await alice.sees(("bob", "while you were away"))
    await expect(alice.status).to_have_text(READY)
    assert len(alice.loads) == 2, "once is enough"
    if chat.stage.can["logout"] == "yes":
        await log_out_elsewhere(alice, chat)
        await alice.page.evaluate(COME_BACK)
        await alice.is_at("Log in")


@in_stages(3, 5)
async def test_page_that_comes_back_with_something_half_written_keeps_it(chat, arrive):
    alice = await arrive("alice")
    await alice.enter(chat, new_room())
    await alice.text_field.fill("half writ")
    await alice.page.evaluate(COME_BACK)
    await alice.text_field.press("End")
    await alice.page.keyboard.type("ten")
    await alice.page.keyboard.press("Enter")
    await alice.sees(("alice", "half written"))
    assert len(alice.loads) == 1, "a reload would empty the field"


# --- more tabs than threads -----------------------------------------------------------------

TABS, THREADS = 5, 4


async def test_fifth_tab_of_long_polling_loads_only_when_a_poll_ends(stage_folders, arrive):
    alice, ended = await arrive("alice"), []
    async with (
        long_polling(stage_folders, wait=6) as chat,
        counted(chat) as (address, count),
    ):
        tabs = [await alice.page.context.new_page() for _ in range(TABS)]
        for tab in tabs[:THREADS]:
            tab.on("response", lambda answer: "messages" in answer.url and ended.append("a poll"))
            await tab.goto(f"{address.url}/chat/lobby/")
        fourth = "each tab's poll should go out: the browser's cache lets out one at a time"
        for _ in range(50):
            if count.requests < 2 * THREADS:
                await asyncio.sleep(0.1)
        assert count.requests >= 2 * THREADS, fourth
        ended.clear()
        await tabs[-1].goto(f"{address.url}/chat/lobby/")
        ended.append("the fifth tab")
        assert ended[0] == "a poll", "four held polls leave no thread for a fifth tab's page"
        await alice.page.context.close()


# --- offline, and back ----------------------------------------------------------------------


@in_stages(9)
async def test_after_ten_seconds_away_both_see_the_same_once_and_in_order(chat, both, arrive):
    # Both at the same time, since most of it is waiting.
    await asyncio.gather(be_offline(*both), be_in_a_tunnel(chat, arrive))


async def be_offline(alice, bob):
    """Away in a way that the browser knows of."""
    context = alice.page.context
    said = await be_away(alice, bob, lambda: context.set_offline(True))
    await context.set_offline(False)
    await assert_both_see_once(alice, bob, said)


async def be_in_a_tunnel(chat, arrive):
    """Away in a way that nobody tells the browser of."""
    alice, bob, room_name = await arrive("alice"), await arrive("bob"), new_room()
    async with network(chat.instances[0]) as phone:
        await alice.enter(phone, room_name)
        await bob.enter(chat.instances[1], room_name)
        said = await be_away(alice, bob, phone.cut)
        phone.mend()
        await assert_both_see_once(alice, bob, said)
        # Before the way to the server goes: she would rightly complain.
        await alice.page.close()


async def be_away(alice, bob, leave):
    """Take alice offline for ten seconds, while both write. Returns what is said in all."""
    before = ("alice", "before")
    await alice.say("before")
    for person in (alice, bob):
        await person.sees(before)
    if leaving := leave():
        await leaving
    await expect(alice.status).to_have_text(OFFLINE)
    for text in ("where are you?", "hello?"):
        await bob.say(text)
    for text in ("in a tunnel", "still there"):
        await alice.say(text)
    await alice.keeps_waiting("in a tunnel", "still there")
    missed = [("bob", "where are you?"), ("bob", "hello?")]
    await bob.sees(before, *missed)
    await asyncio.sleep(AWAY_SECONDS)  # nothing is waited for: being away is the experiment
    await alice.sees(before)
    await expect(alice.status).to_have_text(re.compile("^Offline.* · 2 waiting to be sent$"))
    return [before, *missed, ("alice", "in a tunnel"), ("alice", "still there")]


async def assert_both_see_once(alice, bob, said):
    await expect(alice.status).to_have_text("Live", timeout=BACK_SECONDS * 1000)
    await alice.keeps_waiting()
    for person in (alice, bob):
        await person.sees(*said)
        assert len(person.loads) == 1, f"{person.name} should not have to reload"
        await person.page.reload()
        await person.sees(*said)
    alice.forgive(UNREACHABLE)


async def test_pages_come_back_by_themselves_when_their_killed_server_does(start, arrive):
    alice, bob = await arrive("alice"), await arrive("bob")
    said = [("alice", "before"), ("alice", "in between"), ("bob", "in between too")]
    async with start(9) as chat:
        for person in (alice, bob):
            await person.enter(chat, "lobby")
        await alice.say("before")
        await bob.sees(said[0])
        await asyncio.to_thread(chat.instances[0].kill)
        for person, text in (alice, "in between"), (bob, "in between too"):
            await expect(person.status).to_have_text(OFFLINE)
            await person.say(text)
            await person.keeps_waiting(text)
        await asyncio.to_thread(chat.instances[0].start)
        for person in (alice, bob):
            await person.keeps_waiting()
            await expect(person.status).to_have_text("Live")
        await assert_each_is_there_once(alice, bob, said)
        for person in (alice, bob):
            await person.page.close()
            person.forgive(UNREACHABLE)


@in_stages(9)
async def test_what_waits_to_be_sent_outlives_a_reload(chat, arrive):
    alice, room_name = await arrive("alice", viewport=SMALL), new_room()
    # With a word that is too long for any line.
    waits = MARKUP_WITH_SCRIPT + "W" * 100
    async with network(chat) as phone:
        await alice.enter(phone, room_name)
        nothing = "an empty list should take no room, nor say that there are no messages"
        await expect(alice.page.locator("#waiting"), nothing).to_be_hidden()
        phone.cut()
        await expect(alice.status).to_have_text(OFFLINE)
        await alice.say(waits)
        await alice.keeps_waiting(waits)
        await assert_nothing_was_injected(alice)
        await assert_fits_and_can_be_read(alice.page)
        await expect(alice.page.get_by_text(waits)).to_be_in_viewport(ratio=1)
        with pytest.raises(BrowserError, match="ERR_"):
            await alice.page.reload()
        await alice.page.wait_for_function(BROWSERS_OWN_ERROR)
        phone.mend()
        await alice.page.goto(f"{phone.url}/chat/{room_name}/")
        await alice.sees(("alice", waits))
        await alice.keeps_waiting()
        await alice.page.reload()
        await alice.sees(("alice", waits))
        await expect(alice.status).to_have_text("Live")
        await alice.page.close()
    alice.forgive(UNREACHABLE)


# Without TLS there is none, except on the machine itself.
NO_SECURE_CONTEXT = "delete Crypto.prototype.randomUUID"


@in_stages(9)
async def test_page_by_plain_http_sends_and_has_a_refused_message_back(chat, arrive):
    alice = await arrive("alice")
    await alice.page.add_init_script(NO_SECURE_CONTEXT)
    await alice.enter(chat, new_room())
    # Else the browser itself would not let it out.
    await alice.text_field.evaluate("field => { field.form.noValidate = true; }")
    await alice.say("x" * 2_001)
    await expect(alice.status).to_have_text(re.compile("^Not sent: .*at most 2000 characters"))
    await expect(alice.text_field, "with the reason").to_have_value("x" * 2_001)
    await alice.keeps_waiting()
    said = []
    for text in ("shorter", "from a phone in the same network"):
        await alice.say(text)
        said.append(("alice", text))
        await alice.sees(*said)
        await alice.keeps_waiting()
    await expect(alice.status).to_have_text("Live")


@in_stages(8, 9, FINAL)
async def test_after_a_logout_in_one_tab_the_other_says_so_and_keeps_its_text(chat, arrive):
    alice, room_name, sockets = await arrive(new_name()), new_room(), []
    alice.page.on("websocket", lambda socket: sockets.append(socket))
    await alice.enter(chat, room_name)
    await log_out_elsewhere(alice, chat)
    ended, in_time = "the other tab should say so", LOGOUT_SECONDS * 1000
    await expect(alice.status, ended).to_have_text(LOGGED_OUT, timeout=in_time)
    await alice.say("too late")
    if waits := chat.stage.can["stored_once"] == "yes":
        await alice.keeps_waiting("too late")
        unsent = "not sent" if chat.stage.number == FINAL else "waiting to be sent"
        await expect(alice.status).to_have_text(re.compile(f"^Logged out.* · 1 {unsent}$"))
    else:
        await expect(alice.text_field, "no login in its place").to_have_value("too late")
    # A network that goes and comes makes other pages connect again.
    for offline in (True, False):
        await expect(alice.status, "it should still say so").to_have_text(LOGGED_OUT)
        await alice.page.context.set_offline(offline)
    await expect(alice.status, "it should still say so").to_have_text(LOGGED_OUT)
    assert len(sockets) == 1, "a page whose login has ended should not knock again"
    await alice.page.reload()
    await alice.is_at("Log in")
    if waits:
        await alice.fill_in(username=alice.name, password=PASSWORD)
        await alice.sees((alice.name, "too late"))
        await alice.keeps_waiting()


# Chance is what we say, and each wait for a next try is noted and left out.
CHANCE = """
window.delays = [];
Math.random = () => {chance};
const wait = window.setTimeout;
window.setTimeout = (callback, delay) => (delays.push(delay), wait(callback));
"""


@in_stages(9)
@pytest.mark.parametrize("chance", [0.25, 1])
async def test_page_tries_again_by_chance_later_each_time_within_30_seconds(chat, arrive, chance):
    alice = await arrive("alice", luck=CHANCE.format(chance=chance))
    wanted = [chance * seconds * 1000 for seconds in (1, 2, 4, 8, 16, 30, 30)]
    async with network(chat) as phone:
        await alice.enter(phone, new_room())
        for _ in range(2):
            phone.cut()
            await alice.page.wait_for_function(f"delays.length >= {len(wanted)}")
            assert (await alice.page.evaluate("delays"))[: len(wanted)] == wanted
            phone.mend()
            await expect(alice.status).to_have_text("Live")
            # A page that was back begins again with a short wait.
            await alice.page.evaluate("delays.length = 0")
        await alice.page.close()
    alice.forgive(UNREACHABLE)


@pytest.mark.parametrize("number", [8, 9])
async def test_page_whose_socket_is_refused_says_so_and_the_log_says_why(number, arrive):
    alice = await arrive("alice")
    # As if a proxy had changed the origin on the way.
    change = "chat/access.py", "if is_same_origin(scope):", "if not scope:"
    async with changed(number, *change) as chat:
        await alice.log_in(chat)
        await alice.page.goto(f"{chat.url}/chat/lobby/")
        what = re.compile("the server is away, or refuses this page", re.IGNORECASE)
        await expect(alice.status, "a reload is no cure, so say what is").to_contain_text(what)
        why = await log_line(chat.instances[0], "Refused a socket")
        assert chat.url in why, "the log should say which origin came"
        assert "CSRF_TRUSTED_ORIGINS" in why, "and what to set"
        await alice.page.close()
    alice.forgive(UNREACHABLE)


# --- a page of another site -----------------------------------------------------------------

RESIGNED = "I hereby resign."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def evil_site():
    async with lab("evil_site", server="daphne") as site:
        yield site


async def visit(person, site, chat, room_name, host="127.0.0.1"):
    """Open the evil page in another tab of a person's browser. Returns its outcome and console."""
    tab, console = await person.page.context.new_page(), []
    tab.on("console", lambda entry: console.append(entry.text))
    await tab.goto(f"http://{host}:{site.port}/#{chat.ws_url}/ws/chat/{room_name}/")
    return tab.locator("#outcome"), console


async def nothing_was_written(alice):
    await alice.page.reload()
    await alice.say("I stay.")
    await alice.sees(("alice", "I stay."))


@in_stages(8, 9)
async def test_evil_page_is_refused_before_its_socket_is_open(chat, arrive, evil_site):
    alice, room_name = await arrive("alice"), new_room()
    await alice.enter(chat, room_name)
    for host in ("127.0.0.1", "localhost"):
        outcome, console = await visit(alice, evil_site, chat, room_name, host)
        await expect(outcome).to_have_text("closed with 1006")
        assert "Unexpected response code: 403" in console[0], f"a page of {host}"
    await nothing_was_written(alice)
