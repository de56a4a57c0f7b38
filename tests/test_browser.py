"""What people see: two users, each in a browser of their own, on the pages of the stages."""

import os
import re

import pytest
import pytest_asyncio
from playwright.async_api import TimeoutError as NothingCame
from playwright.async_api import expect

from chatflow import post
from chatflow.browser import chromium, find_chromium
from chatflow.capabilities import new_room
from chatflow.client import LIVE_SECONDS
from chatflow.errors import MissingError

# One browser for all tests of this file: it has to stay in one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

READY = re.compile("^(Reload to see|Live|Connected)")
# Would break out of an attribute or an element; short enough for a name.
MARKUP = '"><img src=x onerror=alert(hacked=1)>'
MARKUP_WITH_SCRIPT = f"</script><script>alert(hacked=1)</script>{MARKUP}"


def in_stages(*numbers):
    cases = [pytest.param(number, id=f"stage_{number}") for number in numbers]
    return pytest.mark.parametrize("chat", cases, indirect=True)


class Person:
    """Somebody at a browser of their own, with a note of all that goes wrong on its page."""

    def __init__(self, name, page):
        self.name, self.page = name, page
        self.loads, self.troubles = [], []
        self.status = page.locator("#status")
        self.name_field = page.get_by_label("Your name")
        self.text_field = page.get_by_label("Message", exact=True)
        page.on("domcontentloaded", lambda page: self.loads.append(page.url))
        page.on("console", self.note_console)
        page.on("pageerror", lambda error: self.troubles.append(f"uncaught {error}"))
        page.on("dialog", self.note_dialog)

    def note_console(self, entry):
        if entry.type in ("error", "warning"):
            self.troubles.append(entry.text)

    async def note_dialog(self, dialog):
        self.troubles.append(f"a dialog says {dialog.message!r}")
        await dialog.dismiss()

    def forgive(self, words):
        """Take off the note what the browser itself says about a failure that is meant."""
        self.troubles = [trouble for trouble in self.troubles if words not in trouble]

    async def enter(self, instance, room_name):
        """Open a room and give one's name."""
        await self.page.goto(f"{instance.url}/chat/{room_name}/")
        await expect(self.status, "the page should say that it is ready").to_have_text(READY)
        await self.name_field.fill(self.name)

    async def say(self, text):
        await self.text_field.fill(text)
        await self.text_field.press("Enter")

    async def sees(self, *messages):
        """Wait until the page shows these (author, text) and no others, in this order."""
        shown = self.page.locator("#messages :is(b, p)")
        what = f"{self.name} should see exactly these messages, each once, in this order"
        await expect(shown, what).to_have_text([word for message in messages for word in message])

    async def hears_something(self):
        """Whether a first message comes while one waits without reloading."""
        try:
            await self.page.locator("#messages li").first.wait_for(timeout=LIVE_SECONDS * 1000)
        except NothingCame:
            return False
        return True


def no_browser(reason):
    """Skip; but fail in CI, which insists on a browser."""
    refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    refuse(f"NO BROWSER, so nobody has looked at the pages. {reason}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    try:
        find_chromium()
    except MissingError as error:
        no_browser(error)
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def arrive(browser):
    """Call it with a name for a Person; in the end nothing may have gone wrong on any page."""
    people = []

    async def arrive(name, **options):
        context = await browser.new_context(**options)
        people.append(Person(name, await context.new_page()))
        return people[-1]

    yield arrive
    troubles = {person.name: person.troubles for person in people if person.troubles}
    for person in people:
        await person.page.context.close()
    assert not troubles, "the console of a page should stay silent"


@pytest.fixture
def both_enter(arrive):
    """Call it with a stage: alice enters a new room of it and bob too, elsewhere if that works."""

    async def both_enter(chat):
        crosses = chat.stage.can["crosses_instances"] == "yes"
        room_name = new_room()
        alice, bob = await arrive("alice"), await arrive("bob")
        await alice.enter(chat.instances[0], room_name)
        await bob.enter(chat.instances[-1 if crosses else 0], room_name)
        return alice, bob

    return both_enter


# --- two people -----------------------------------------------------------------------------


@in_stages(1)
async def test_bob_sees_alices_message_only_after_a_reload(chat, both_enter):
    alice, bob = await both_enter(chat)
    await alice.say("hello")
    await alice.sees(("alice", "hello"))
    assert not await bob.hears_something(), "in this stage news should come only with a reload"
    await bob.page.reload()
    await bob.sees(("alice", "hello"))


@in_stages(3, 5, 6)
async def test_both_see_each_message_once_and_in_order_without_reloading(chat, both_enter):
    await have_a_conversation(*await both_enter(chat))


async def test_long_polling_page_is_live_too(start, both_enter):
    # On its own: the requests that closed pages leave behind hold threads for up to 25 s.
    async with start(2) as chat:
        alice, bob = await both_enter(chat)
        await have_a_conversation(alice, bob)
        # Before the server goes: they would rightly complain that it has gone.
        await alice.page.close()
        await bob.page.close()


async def have_a_conversation(alice, bob):
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


@in_stages(4)
async def test_second_tab_hears_nothing_where_every_socket_is_an_island(chat, both_enter):
    alice, bob = await both_enter(chat)
    await alice.say("can you hear me?")
    await alice.sees(("alice", "can you hear me?"))
    await bob.say("is anyone there?")
    # Had alice's message come to bob, it would have come before the echo of his own.
    await bob.sees(("bob", "is anyone there?"))
    await alice.sees(("alice", "can you hear me?"))
    await bob.page.reload()
    await bob.sees(("alice", "can you hear me?"), ("bob", "is anyone there?"))


# --- markup in what people write ------------------------------------------------------------


@in_stages(1, 3, 5)
async def test_markup_in_a_message_stays_text(chat, arrive):
    mallory, bob = await arrive(MARKUP), await arrive("bob")
    room_name = new_room()
    for person in (mallory, bob):
        await person.enter(chat, room_name)
    await mallory.say(MARKUP_WITH_SCRIPT)
    await mallory.sees((MARKUP, MARKUP_WITH_SCRIPT))
    if chat.stage.can["live"] == "yes":
        await assert_markup_is_text(bob)
    # Now in the page itself, as the template writes it.
    await bob.page.reload()
    await assert_markup_is_text(bob)
    await assert_markup_is_text(mallory)


async def assert_markup_is_text(person):
    await person.sees((MARKUP, MARKUP_WITH_SCRIPT))
    await assert_nothing_was_injected(person)


async def assert_nothing_was_injected(person):
    injected = person.page.locator("img, #messages script, script:not([type=module])")
    await expect(injected, "what people write should be shown as text").to_have_count(0)
    assert await person.page.evaluate("window.hacked") is None, "a visitor's script has run"


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


# --- keyboard, small screens ----------------------------------------------------------------


@in_stages(1, 3, 5)
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


async def type_message(person, text):
    await expect(person.text_field).to_be_focused()
    await expect(person.text_field, "what was sent should be gone from the field").to_have_value("")
    await person.page.keyboard.type(text)
    await person.page.keyboard.press("Enter")


@in_stages(1, 5)
async def test_message_of_spaces_only_is_not_sent_and_nothing_is_lost(chat, arrive):
    alice = await arrive("alice")
    await alice.enter(chat, new_room())
    await alice.name_field.fill("  ")
    await alice.say("hello")
    await expect(alice.text_field, "a refused message stays in its field").to_have_value("hello")
    await alice.name_field.fill("alice")
    await alice.say("   ")
    await alice.say("hello")
    await alice.sees(("alice", "hello"))


@in_stages(1, 3, 5, 6)
async def test_pages_fit_a_small_screen(chat, arrive):
    alice = await arrive("alice", viewport={"width": 360, "height": 640})
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


@in_stages(1, 3, 6)
async def test_page_for_a_wrong_address_leads_back_to_the_rooms(chat, arrive):
    alice = await arrive("alice", viewport={"width": 360, "height": 640})
    await alice.page.goto(f"{chat.url}/chat/caf%C3%A9/")
    await expect(alice.page.get_by_role("heading")).to_have_text("No such page")
    await assert_no_sideways_scrolling(alice.page)
    await alice.page.keyboard.press("Tab")
    await alice.page.keyboard.press("Enter")
    await expect(alice.page.get_by_role("heading")).to_have_text("Rooms")
    alice.forgive("status of 404")


async def assert_no_sideways_scrolling(page):
    page_width, width = await page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert page_width <= width, f"{page.url} is {page_width} px wide on a screen of {width} px"


# --- the server goes away -------------------------------------------------------------------


@pytest.mark.parametrize("number", [5, 6])
async def test_page_says_that_its_server_is_gone_and_a_message_waits_for_it(number, start, arrive):
    alice = await arrive("alice")
    async with start(number) as chat:
        await alice.enter(chat, "lobby")
        chat.instances[0].kill()
        await expect(alice.status).to_contain_text("Disconnected")
        # Without a socket the form is posted, and the browser says that nobody answers.
        await alice.say("is anyone there?")
        await expect(alice.page.locator("body")).to_contain_text("ERR_CONNECTION_REFUSED")
        async with start(number, port=chat.instances[0].port):
            await alice.page.reload()
            await alice.sees(("alice", "is anyone there?"))
            # Before this server goes too: a handshake that it breaks off is one more complaint.
            await expect(alice.status).to_have_text(READY)
    alice.forgive("ERR_CONNECTION_REFUSED")
