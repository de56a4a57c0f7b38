"""What people see of chat_final: two users at two instances, each in a browser of their own."""

import asyncio
import itertools
import re
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
import pytest_asyncio
from playwright.async_api import expect

from chatflow import post
from chatflow.clients.traffic import network
from chatflow.clients.visitor import PASSWORD
from final.helpers import FINAL, in_database, session_of, set_status, store, user_id
from final.users import OFFLINE, SMALLEST, assert_fits, look_at
from helpers import browser
from helpers.browser import MARKUP, MARKUP_WITH_SCRIPT, UNREACHABLE
from helpers.talking import new_name

# One browser and one run of the stage for all tests of this file: they stay in one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

# Few sockets, for the test of this limit; and signs of life that a test can wait for.
SOCKETS_PER_USER = 3
SETTINGS = {"SOCKETS_PER_USER": str(SOCKETS_PER_USER), "HEAD_SECONDS": "2"}
# A page tries again after so long at the latest, also when it has lost its server twice in a row.
# It says that it is offline half a second later.
COMES_BACK_MS = 2_000
MUTED = "You are muted in this room: you may read, but not write."
BANNED = "You may not be in this room any more"
# What no form would let in as a name.
TURNED = "eve \u202eecila"

# Notes what changes from now on; but not where a restart may show, nor what others do all the time.
WATCH = """
window.changed = [];
const watch = (changes) => changes.forEach(({ target }) => {
  const element = target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement;
  const isExpected = element.closest("#status, #messages, #news, #newest, #typing, aside");
  if (!isExpected) changed.push(element.outerHTML);
});
const all = { attributes: true, characterData: true, childList: true, subtree: true };
new MutationObserver(watch).observe(document, all);
"""
# Returns when the page knows of it.
SCROLL_UP = """() => new Promise((done) => {
  const scroller = document.querySelector("#scroller");
  scroller.addEventListener("scroll", done, { once: true });
  scroller.scrollTop = 200;
})"""
# Puts markup into the page, and returns what the policy has stopped of it.
INJECT = """async () => {
  const blocked = new Set();
  addEventListener("securitypolicyviolation", (one) => blocked.add(one.effectiveDirective));
  const image = '<img src="data:," onerror="window.hacked = 1">';
  document.body.insertAdjacentHTML("beforeend", image);
  const script = document.createElement("script");
  script.text = "window.hacked = 1";
  document.body.append(script);
  document.body.insertAdjacentHTML("beforeend", '<p style="color: red">');
  while (blocked.size < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  return [...blocked].sort();
}"""
# Where somebody is: in their own text, and in what they read.
PLACE = """(() => {
  const { id, value, selectionStart, selectionEnd } = document.activeElement;
  const { scrollTop } = document.querySelector("#scroller");
  return { id, value, caret: [selectionStart, selectionEnd], scrollTop };
})()"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chat(start):
    async with start(FINAL, instances=2, settings=SETTINGS) as chat:
        yield chat


# --- two people -----------------------------------------------------------------------------


async def test_two_at_two_instances_see_each_other_come_type_write_and_go(alice, bob):
    for user in (alice, bob):
        await expect(user.people, "both should be shown").to_have_text(["alice", "bob"])
        await expect(user.page.locator("#count")).to_have_text("2")
    await bob.text_field.press_sequentially("hello")
    await expect(alice.typing).to_have_text(re.compile("^\u2068bob\u2069 is typing …$"))
    await expect(bob.typing, "nobody is told of their own typing").to_be_empty()
    await bob.text_field.press("Enter")
    await alice.sees(("bob", "hello"))
    assert not await alice.typing.text_content(), "who has written it types no more"
    await alice.say("hi, bob")
    await both_have(alice, bob, [("bob", "hello"), ("alice", "hi, bob")])
    await bob.page.close()
    await expect(alice.people, "who has left is not here any more").to_have_text(["alice"])


async def test_after_a_while_offline_both_pages_show_the_same_once_and_in_order(alice, bob):
    await alice.say("before")
    await bob.sees(("alice", "before"))
    place = await alice.page.locator("#scroller").bounding_box()
    await alice.offline()
    await expect(alice.status).to_have_text(OFFLINE)
    for text in ("in a tunnel", "still there"):
        await alice.say(text)
    for text in ("where are you?", "hello?"):
        await bob.say(text)
    said = [("alice", "before"), ("bob", "where are you?"), ("bob", "hello?")]
    await bob.sees(*said)
    await expect(alice.status).to_have_text(f"{OFFLINE} · 2 waiting to be sent")
    await alice.keeps_waiting("in a tunnel", "still there")
    await alice.sees(said[0])
    assert await alice.page.locator("#scroller").bounding_box() == place, "nothing should move"
    await alice.offline(False)
    said += [("alice", "in a tunnel"), ("alice", "still there")]
    await both_have(alice, bob, said)
    await alice.keeps_waiting()
    waiting = [f"{OFFLINE} · {count} waiting to be sent" for count in (1, 2)]
    news = [f"bob: {text}" for text in ("where are you?", "hello?")]
    spoken = await alice.spoken()
    assert spoken == ["Live", OFFLINE, *waiting, *news, "Live"], "each change is told once"
    for user in (alice, bob):
        await user.page.reload()
        await user.sees(*said)
    alice.forgive(UNREACHABLE)


async def test_both_pages_come_back_by_themselves_after_a_restart_and_a_kill(chat, alice, bob):
    a, b = chat.instances
    await asyncio.gather(asyncio.to_thread(a.stop), asyncio.to_thread(b.kill))
    for user, text in ((alice, "during a restart"), (bob, "during a crash")):
        await expect(user.status).to_have_text(re.compile(f"^(Connecting|{OFFLINE})"))
        await user.say(text)
        await user.keeps_waiting(text)
        await expect(user.status).to_have_text(f"{OFFLINE} · 1 waiting to be sent")
    await asyncio.gather(*[asyncio.to_thread(instance.start) for instance in (a, b)])
    for user in (alice, bob):
        await user.keeps_waiting()
        await user.is_live()
        user.forgive(UNREACHABLE)
    said = [("alice", "during a restart"), ("bob", "during a crash")]
    await browser.assert_each_is_there_once(alice, bob, said)


async def test_rolling_restart_leaves_what_a_user_writes_and_reads_as_it_is(chat, alice, bob):
    said, place = await in_the_middle_of_something(alice, bob)
    for instance in chat.instances:
        said += await restart(instance, bob)
        await both_have(alice, bob, said)
    await assert_undisturbed(alice, place)
    # Her page can come back to this instance only. That takes a second here; on a slow machine it
    # may take so long that she is told.
    assert [word for word in await told(alice) if word != OFFLINE] == ["Live", "Connecting", "Live"]
    for user in (alice, bob):
        user.forgive(UNREACHABLE)


async def test_rolling_restart_behind_a_proxy_is_only_a_word_in_the_status(chat, arrive, room_name):
    alice, bob = await arrive("alice"), await arrive("bob")
    clock = alice.page.clock
    await clock.install()
    # It sends newcomers to an instance that is ready.
    proxy = SimpleNamespace(url=chat.url, site=chat.site)
    async with network(proxy) as address:
        for user in (alice, bob):
            await user.enter(address, room_name)
            await user.is_live()
        said, place = await in_the_middle_of_something(alice, bob)
        # By a clock of her own, so that a slow machine does not count.
        await clock.pause_at(datetime.now() + timedelta(seconds=1))
        for instance, other in itertools.permutations(chat.instances):
            proxy.url = other.url
            said += await restart(instance, bob)
            await expect(alice.status).to_have_text("Connecting")
            await clock.run_for(COMES_BACK_MS)
            await alice.is_live()
            # What comes is shown by a timer of the page.
            await clock.resume()
            await both_have(alice, bob, said)
            await clock.pause_at(await alice.page.evaluate("Date.now()") / 1000 + 5)
        await assert_undisturbed(alice, place)
        assert await told(alice) == ["Live", "Connecting", "Live", "Connecting", "Live"]
        for user in (alice, bob):
            await user.page.context.close()


async def in_the_middle_of_something(alice, bob):
    """Alice reads what is further up, and has half a sentence in the field. Returns what is said,
    and her place."""
    said = [("bob", "\n".join(f"{verse} {line}" for line in range(40))) for verse in "AB"]
    for _, text in said:
        await bob.say(text)
    await alice.sees(*said)
    await alice.text_field.press_sequentially("half of it")
    for _ in range(3):
        await alice.text_field.press("ArrowLeft")
    await alice.page.evaluate(SCROLL_UP)
    said.append(("bob", "Are you there?"))
    await bob.say(said[-1][1])
    await expect(alice.page.locator("#newest"), "she should be left there").to_be_visible()
    place = {"id": "text", "value": "half of it", "caret": [7, 7], "scrollTop": 200}
    assert await alice.page.evaluate(PLACE) == place
    await alice.page.evaluate(WATCH)
    return said, place


async def restart(instance, bob):
    """As an operator does. Returns what bob says meanwhile."""
    stopping = asyncio.create_task(asyncio.to_thread(instance.stop))
    await bob.say(f"{instance.name} stops")
    await stopping
    await bob.say(f"{instance.name} is away")
    await asyncio.to_thread(instance.start)
    return [("bob", f"{instance.name} {what}") for what in ("stops", "is away")]


async def both_have(alice, bob, said):
    for user in (alice, bob):
        await user.is_live()
        await user.sees(*said)
        assert len(user.loads) == 1, f"{user.name} should not have to reload"


async def assert_undisturbed(alice, place):
    assert await alice.page.evaluate(PLACE) == place, "field, caret, focus and place should stay"
    assert not await alice.page.evaluate("changed"), "nothing else on the page should change"
    await expect(alice.refused).to_be_empty()


async def told(user):
    """What the page has told of itself, since it was live for the first time."""
    return [word for word in await user.spoken() if not word.startswith("bob: ")]


async def test_a_message_whose_answer_is_lost_is_sent_again_and_shown_once(chat, alice, bob):
    lost = []

    async def lose_the_first_answer(page):
        """From then on everything comes twice."""
        server = page.connect_to_server()

        async def pass_on(frame):
            if lost or '"type": "message"' not in frame:
                page.send(frame)
                page.send(frame)
                return
            lost.append(frame)
            await server.close()
            await page.close(code=4012)

        server.on_message(lambda frame: asyncio.ensure_future(pass_on(frame)))

    await alice.page.route_web_socket(re.compile("/ws/chat/"), lose_the_first_answer)
    await alice.page.reload()
    await alice.is_live()
    await alice.say("once")
    await bob.sees(("alice", "once"))
    await bob.say("and no more")
    for user in (alice, bob):
        await user.sees(("alice", "once"), ("bob", "and no more"))
        await user.keeps_waiting()
    assert lost, "the answer should have been lost"


# --- one's own messages, earlier ones, other zones ------------------------------------------


async def test_a_message_is_deleted_by_its_author_and_for_all_even_who_was_offline(alice, bob):
    await alice.say("too much")
    await bob.sees(("alice", "too much"))
    await bob.say("what?")
    for user in (alice, bob):
        await user.sees(("alice", "too much"), ("bob", "what?"))
    for user, text in ((alice, "too much"), (bob, "what?")):
        buttons = await user.delete_buttons().all()
        names = [await button.get_attribute("aria-label") for button in buttons]
        assert names == [f"Delete: {text}"], "there is one for one's own messages, and for no other"
    await bob.offline()
    await expect(bob.status).to_have_text(OFFLINE)
    await bob.items.nth(1).hover()
    await bob.delete_buttons().click()
    await expect(bob.refused).to_have_text("You are offline: try again when you are back.")
    await alice.items.nth(0).hover()
    await alice.delete_buttons().click()
    await alice.sees(("alice", "deleted"), ("bob", "what?"))
    await expect(alice.delete_buttons(), "nothing is deleted twice").to_have_count(0)
    await bob.offline(False)
    await bob.sees(("alice", "deleted"), ("bob", "what?"))
    await expect(bob.refused, "he is not offline any more").to_be_empty()
    await bob.page.reload()
    await bob.sees(("alice", "deleted"), ("bob", "what?"))


async def test_earlier_messages_come_in_pages_and_the_reader_stays_in_place(chat, enter, room_name):
    wanted = [f"number {number}" for number in range(1, 121)]
    store(chat, room_name, wanted)
    bob = await enter("bob")
    earlier = bob.page.get_by_role("button", name="Earlier messages")
    texts = bob.page.locator("#messages p")
    await expect(texts.last).to_be_in_viewport()
    await bob.page.keyboard.press("Shift+Tab")
    await expect(earlier, "it should be reached from the field").to_be_focused()
    # The second time twice, before the answer is there: that must not bring the same page again.
    twice = earlier.evaluate("button => { button.click(); button.click(); }")
    for first, asking in ((21, bob.page.keyboard.press("Enter")), (1, twice)):
        await earlier.scroll_into_view_if_needed()
        top = await texts.first.element_handle()
        place = (await top.bounding_box())["y"]
        await asking
        await expect(texts.first).to_have_text(f"number {first}")
        assert abs((await top.bounding_box())["y"] - place) <= 1, "what was read should stay there"
    assert await texts.all_text_contents() == wanted, "each once, and in order"
    await expect(earlier, "there is nothing before the first").to_be_hidden()
    await expect(bob.page.locator("#scroller"), "focus should not be lost").to_be_focused()
    assert await bob.spoken() == ["Live"], "what is old is not read out by itself"
    await post(chat, room_name, "carol", "new")
    newest = bob.page.get_by_role("button", name="New messages")
    await newest.click()
    await expect(texts.last).to_have_text("new")
    await expect(texts.last).to_be_in_viewport()
    await expect(newest).to_be_hidden()


async def test_long_messages_come_by_the_button_and_when_lost_on_the_way(chat, arrive, room_name):
    store(chat, room_name, ["я" * 2_000] * 70)
    bob, lost = await arrive("bob"), []

    def lose_messages(page):
        """An answer comes through: what was lost on the way is asked for."""
        server = page.connect_to_server()

        def pass_on(frame):
            is_lost = frame.startswith('{"type": "message"')
            lost.append(frame) if is_lost else page.send(frame)

        server.on_message(pass_on)

    await bob.page.route_web_socket(re.compile("/ws/chat/"), lose_messages)
    await bob.enter(chat, room_name)
    await bob.is_live()
    await expect(bob.items).to_have_count(50)
    earlier = bob.page.get_by_role("button", name="Earlier messages")
    await earlier.click()
    await expect(bob.items, "one page holds fifteen of these").to_have_count(65)
    await earlier.click()
    await expect(bob.items, "and the next one the rest").to_have_count(70)
    await expect(earlier).to_be_hidden()
    store(chat, room_name, ["я" * 2_000] * 60)
    await expect(bob.items, "it should ask on until nothing is missing").to_have_count(130)
    assert len(lost) == 60, "all of them should have been lost at first"


@pytest.mark.parametrize(
    ("zone", "day", "time"),
    [
        ("Pacific/Kiritimati", "Thursday 1 January 2026", "14:00"),
        ("America/New_York", "Wednesday 31 December 2025", "19:00"),
    ],
)
async def test_time_stamps_are_in_the_readers_zone(chat, enter, room_name, zone, day, time):
    store(chat, room_name, ["Happy new year!"])  # as 2026 begins in UTC
    bob = await enter("bob", timezone_id=zone, locale="en-GB")
    await expect(bob.page.locator("#messages time").first).to_have_text(time)
    await expect(bob.items.first).to_have_attribute("data-day", re.compile(day.replace(" ", ",? ")))
    shown = "new Date().toLocaleTimeString('en-GB', { timeStyle: 'short' })"
    before = await bob.page.evaluate(shown)
    await bob.say(f"now, in {zone}")
    await expect(bob.page.locator("#messages p").last).to_have_text(f"now, in {zone}")
    times = {before, await bob.page.evaluate(shown)}
    assert await bob.page.locator("#messages time").last.inner_text() in times


# --- without a mouse, without much room, without a script -----------------------------------


async def test_a_person_without_a_mouse_logs_in_writes_and_logs_out(chat, arrive, bob, room_name):
    alice = await arrive("alice")
    keyboard = alice.page.keyboard
    await post(chat, room_name, "alice", "first")
    await alice.page.goto(f"{chat.url}/chat/{room_name}/")
    await alice.is_at("Log in")
    await expect(alice.page.get_by_label("Username")).to_be_focused()
    for text in ("alice", PASSWORD):
        await keyboard.type(text)
        await assert_focus_can_be_seen(alice)
        await keyboard.press("Tab")
    await keyboard.press("Enter")
    await alice.is_at(room_name)
    await alice.is_live()
    await expect(alice.text_field).to_be_focused()
    await keyboard.type("one line")
    await keyboard.press("Shift+Enter")
    await keyboard.type("and another")
    await keyboard.press("Enter")
    second = ("alice", "one line\nand another")
    await alice.sees(("alice", "first"), second)
    await bob.sees(("alice", "first"), second)
    await expect(alice.text_field).to_have_value("")
    await bob.say("I hear you")
    await alice.sees(("alice", "first"), second, ("bob", "I hear you"))
    spoken = await alice.spoken()
    assert spoken == ["Live", "bob: I hear you"], "news is read out, once, and not one's own words"
    # Back from the field: to the newest of her own messages that can be deleted.
    await keyboard.press("Shift+Tab")
    await expect(alice.delete_buttons().last).to_be_focused()
    await assert_focus_can_be_seen(alice)
    await keyboard.press("Enter")
    await alice.sees(("alice", "first"), ("alice", "deleted"), ("bob", "I hear you"))
    await expect(alice.items.nth(1), "focus should not be lost").to_be_focused()
    await assert_focus_can_be_seen(alice)
    await keyboard.press("Tab")
    await expect(alice.text_field, "and the way goes on from there").to_be_focused()
    await browser.tab_to(alice, alice.page.get_by_role("button", name="Log out"))
    await assert_focus_can_be_seen(alice)
    await keyboard.press("Enter")
    await alice.is_at("Rooms")


async def assert_focus_can_be_seen(user):
    """Something is focused, on the screen, and looks other than it would without the focus."""
    focused = user.page.locator(":focus")
    await expect(focused, "something should have the focus").to_be_in_viewport()
    look = """element => {
      const look = () => {
        const { outlineStyle, boxShadow, opacity } = getComputedStyle(element);
        return { outlineStyle, boxShadow, opacity };
      };
      const [focused] = [look(), element.blur()];
      const blurred = look();
      element.focus();
      return [focused, blurred];
    }"""
    with_focus, without = await focused.evaluate(look)
    what = await focused.evaluate("element => element.outerHTML")
    assert with_focus != without, f"one should see that this has the focus: {what}"
    assert float(with_focus["opacity"]) == 1, f"what has the focus should be seen: {what}"


async def test_on_the_smallest_phone_all_fits_and_is_reached_by_touch(chat, arrive, room_name):
    long = "W" * 50
    alice = await arrive(long, viewport=SMALLEST, has_touch=True, is_mobile=True)
    room_name = room_name.ljust(50, "W")
    for text in ("W" * 2_000, "word " * 400):
        await post(chat, room_name, "bob", text)
    await alice.page.goto(f"{chat.url}/")
    await assert_fits(alice)
    await alice.enter(chat, room_name)
    await alice.is_live()
    await alice.text_field.fill("one line")
    await alice.text_field.press("Enter")
    await alice.text_field.press_sequentially("and another")
    await alice.page.get_by_role("button", name="Send").tap()
    await expect(alice.page.locator("#messages p").last).to_have_text("one line\nand another")
    await expect(alice.people.first, "who is here opens on demand").to_be_hidden()
    await alice.page.locator("summary").tap()
    await expect(alice.people.first).to_be_visible()
    await assert_fits(alice)
    for each in (alice.status, alice.text_field, alice.page.get_by_role("button", name="Send")):
        await expect(each, "should be on the screen").to_be_in_viewport(ratio=1)
    await alice.page.locator("summary").tap()
    delete, item = alice.delete_buttons().first, alice.items.nth(2)
    await expect(delete, "nothing hovers here").to_have_css("opacity", "1")
    await alice.say("the newest")
    await alice.page.get_by_role("button", name="Send").tap()
    await expect(delete, "it should not stand at all of them").to_have_css("opacity", "0")
    await item.locator(".bubble").tap()
    await expect(delete, "a tap should show it").to_have_css("opacity", "1")
    await delete.tap()
    await expect(item.locator("p")).to_have_text("deleted")


async def test_without_javascript_messages_are_read_posted_and_refused(chat, arrive, room_name):
    alice = await arrive("alice", java_script_enabled=False)
    await post(chat, room_name, "bob", "hello")
    await alice.log_in(chat)
    await alice.page.goto(f"{chat.url}/chat/{room_name}/")
    await alice.text_field.fill("no script here")
    await alice.page.get_by_role("button", name="Send").click()
    await alice.sees(("bob", "hello"), ("alice", "no script here"))
    await expect(alice.status, "that is all there is").to_have_text(re.compile("^Not live: reload"))
    await alice.text_field.focus()
    await alice.page.keyboard.insert_text("x" * 2_500)
    await alice.page.get_by_role("button", name="Send").click()
    await expect(alice.refused).to_contain_text("at most 2000 characters")
    await expect(alice.text_field, "nothing should be cut off").to_have_value("x" * 2_500)
    alice.forgive("status of 400")


# --- refusals -------------------------------------------------------------------------------


async def test_what_a_muted_user_wrote_comes_back_with_the_reason(chat, alice, bob, room_name):
    await bob.offline()
    await expect(bob.status).to_have_text(OFFLINE)
    for text in ("one", "two"):
        await bob.say(text)
    await alice.say("hello")
    set_status(chat, room_name, "bob", "muted")
    await bob.offline(False)
    await expect(bob.text_field, "nothing of it should be lost").to_have_value("one\ntwo")
    await expect(bob.refused).to_have_text(f"Not sent: {MUTED}")
    await bob.is_live()
    await bob.keeps_waiting()
    await bob.sees(("alice", "hello"))
    set_status(chat, room_name, "bob", None)
    await bob.text_field.press("Enter")
    for user in (alice, bob):
        await user.sees(("alice", "hello"), ("bob", "one\ntwo"))
    await expect(bob.refused).to_be_empty()
    set_status(chat, room_name, "bob", "muted")
    await bob.text_field.press_sequentially("and")
    await expect(bob.refused, "told before it is written in vain").to_have_text(MUTED)
    await bob.page.reload()
    await expect(bob.page.locator("#muted"), "told before anything is written").to_have_text(MUTED)
    await expect(bob.text_field, "nothing can be written in vain").to_be_disabled()
    set_status(chat, room_name, "bob", "member")
    await bob.page.reload()
    await expect(bob.text_field).to_be_enabled()


async def test_a_banned_user_is_told_and_the_page_does_not_knock_again(chat, alice, bob, room_name):
    await bob.say("still here")
    await alice.sees(("bob", "still here"))
    set_status(chat, room_name, "bob", "banned")
    await expect(bob.status).to_have_text(BANNED)
    await bob.say("too late")
    await expect(bob.status).to_have_text(f"{BANNED} · 1 not sent")
    # A network that goes and comes makes other pages connect again.
    for is_offline in (True, False):
        await bob.offline(is_offline)
        await expect(bob.status).to_have_text(f"{BANNED} · 1 not sent")
    assert len(bob.sockets) == 1, "a page that has been sent away should not knock again"
    await bob.page.reload()
    await bob.is_at("Not for you")
    bob.forgive("status of 403")


async def test_a_flood_is_told_in_words_and_goes_out_by_itself_in_time(chat, enter):
    flora = await enter("flora")
    await flora.say("drop 1")
    await flora.sees(("flora", "drop 1"))
    set_allowance(chat, "flora", 4_000_000_000)  # in 2096
    for text in ("drop 2", "drop 3"):
        await flora.say(text)
    fast = "That was fast: the rest waits, and goes out by itself"
    await expect(flora.status, "a refusal for now should be told").to_have_text(fast)
    await flora.keeps_waiting("drop 2", "drop 3")
    set_allowance(chat, "flora", 0)
    await flora.sees(*[("flora", f"drop {number}") for number in (1, 2, 3)])
    await flora.keeps_waiting()
    assert await flora.spoken() == ["Live", fast, "Live"], "each of it should be told once"


def set_allowance(chat, name, full_at):
    """From then on, in seconds since 1970, a user's bucket is full; long before it is empty."""
    update = "UPDATE chat_allowance SET spent_until = ? WHERE user_id = ?"
    in_database(chat, update, full_at, user_id(chat, name))


async def test_who_has_too_many_chats_open_is_told_in_the_last_one(chat, enter, room_name):
    emma = await enter("emma")
    wanted = ["Live"] * (SOCKETS_PER_USER - 1)
    wanted += ["You have too many chats open: close one first. Then reload the page"]
    for words in wanted:
        tab = await emma.page.context.new_page()
        await tab.goto(f"{chat.url}/chat/{room_name}/")
        await expect(tab.locator("#status")).to_have_text(words)


# --- markup in what people write ------------------------------------------------------------


async def test_markup_in_a_text_or_a_name_is_text_wherever_it_is_shown(
    chat, arrive, bob, room_name
):
    mallory, eve = await arrive(MARKUP), await arrive(TURNED)
    for user in (mallory, eve):
        session = await session_under(chat, user.name)
        cookie = {"name": "sessionid", "value": session, "url": chat.url}
        await user.page.context.add_cookies([cookie])
        await user.page.goto(f"{chat.url}/chat/{room_name}/")
    await expect(bob.people).to_have_text(sorted([MARKUP, "bob", TURNED]))
    await mallory.text_field.press_sequentially("…")
    await expect(bob.typing).to_have_text(f"\u2068{MARKUP}\u2069 is typing …")
    await mallory.say(MARKUP_WITH_SCRIPT)
    await eve.text_field.press_sequentially("…")
    await expect(bob.typing, "the name should not turn round what follows it").to_have_text(
        f"\u2068{TURNED}\u2069 is typing …"
    )
    await eve.say(f"\u202e{MARKUP}")
    said = [(MARKUP, MARKUP_WITH_SCRIPT), (TURNED, f"\u202e{MARKUP}")]
    for user in (mallory, eve, bob):
        await user.sees(*said)
        await assert_nothing_was_injected(user)
    label = f"Delete: {MARKUP_WITH_SCRIPT}"[:68]
    await expect(mallory.delete_buttons()).to_have_attribute("aria-label", label)
    await expect(mallory.page.locator(".who b")).to_have_text(MARKUP)
    await mallory.offline()
    await expect(mallory.status).to_have_text(OFFLINE)
    await mallory.say(MARKUP)
    await mallory.keeps_waiting(MARKUP)
    await assert_nothing_was_injected(mallory)
    # Now in the page itself, as the template writes it.
    await bob.page.reload()
    await bob.sees(*said)
    await assert_nothing_was_injected(bob)


async def session_under(chat, name):
    """A session of somebody whose name no form would let in: only the database can have it."""
    session = await session_of(chat, before := new_name())
    in_database(chat, "UPDATE auth_user SET username = ? WHERE username = ?", name, before)
    return session


async def test_markup_in_a_refused_name_stays_text_and_the_policy_would_stop_it(chat, arrive):
    mallory = await arrive("mallory")
    await mallory.page.goto(f"{chat.url}/?room_name={MARKUP}")
    await expect(mallory.page.get_by_label("Room name")).to_have_value(MARKUP)
    await assert_nothing_was_injected(mallory)
    await mallory.page.goto(f"{chat.url}/chat/{MARKUP}/")
    await mallory.is_at("No such page")
    await assert_nothing_was_injected(mallory)
    await mallory.page.goto(f"{chat.url}/accounts/signup/?next={MARKUP}")
    await mallory.fill_in(username=f"{MARKUP}!", password1=PASSWORD, password2=PASSWORD)
    await expect(mallory.page.get_by_role("alert")).to_contain_text("valid username")
    await expect(mallory.page.get_by_label("Username")).to_have_value(f"{MARKUP}!")
    await assert_nothing_was_injected(mallory)
    wanted = ["script-src-attr", "script-src-elem", "style-src-attr"]
    assert await mallory.page.evaluate(INJECT) == wanted
    assert await mallory.page.evaluate("window.hacked") is None
    mallory.forgive("status of 40[04]|Content Security Policy")


async def assert_nothing_was_injected(user):
    # The page's own scripts are a module and a piece of JSON.
    script = "script:not([type=module][src], [type='application/json'])"
    injected = user.page.locator(f"img, style, [style], [onerror], {script}")
    await expect(injected, "what people write should be shown as text").to_have_count(0)
    assert await user.page.evaluate("window.hacked") is None, "a visitor's script has run"
    assert "<" not in await user.page.title()


# --- for everybody: axe finds nothing, and all fits -----------------------------------------


async def test_axe_finds_nothing_on_the_pages_of_a_stranger(chat, arrive, room_name):
    stranger = await arrive("stranger")
    await post(chat, room_name, "alice", "hello")
    await stranger.page.goto(f"{chat.url}/?room_name=no room")
    await look_at(stranger)
    await stranger.page.goto(f"{chat.url}/accounts/signup/")
    await stranger.fill_in(username="no name", password1="123", password2="456")
    await expect(stranger.page.get_by_role("alert")).to_have_count(2)
    await look_at(stranger)
    await stranger.page.goto(f"{chat.url}/accounts/login/")
    await stranger.fill_in(username="alice", password="a guess")
    await expect(stranger.page.get_by_role("alert")).to_have_count(1)
    await look_at(stranger)
    await stranger.page.goto(f"{chat.url}/nothing/here/")
    await look_at(stranger)
    await stranger.page.goto(f"{chat.url}/accounts/login/")
    await stranger.page.context.clear_cookies()
    await stranger.fill_in(username="alice", password=PASSWORD)
    await stranger.is_at("Nothing was changed")
    await look_at(stranger)
    stranger.forgive("status of 40[034]")


async def test_axe_finds_nothing_on_the_pages_of_who_begins_a_private_room(chat, arrive, room_name):
    alice, dora = await arrive("alice"), await arrive("dora")
    for user in (alice, dora):
        await user.log_in(chat)
    await alice.page.goto(f"{chat.url}/accounts/password_change/")
    await look_at(alice)
    await alice.page.goto(f"{chat.url}/")
    await look_at(alice)
    await alice.page.get_by_label("Room name").last.fill(room_name)
    await alice.page.get_by_role("button", name="Begin").click()
    await alice.is_at(f"{room_name} private")
    await alice.is_live()
    invite = alice.page.get_by_label("Name of somebody to invite")
    await invite.fill("nobody")
    await invite.press("Enter")
    await expect(alice.page.get_by_role("alert").first).to_contain_text("nobody of this name")
    await expect(invite, "who made a mistake there should be there").to_be_focused()
    await look_at(alice)
    await alice.page.set_viewport_size(SMALLEST)
    await expect(invite, "nobody should have to look for a mistake").to_be_visible()
    for name in ("Invite", "Leave this room", "Send"):
        button = alice.page.get_by_role("button", name=name)
        await expect(button, f"{name} should be on the screen").to_be_in_viewport(ratio=1)
    await dora.page.goto(f"{chat.url}/chat/{room_name}/")
    await dora.is_at("Not for you")
    await look_at(dora)
    await invite.fill("dora")
    await invite.press("Enter")
    await expect(alice.page.locator("#who li").filter(has_text="dora")).to_have_count(1)
    await dora.page.reload()
    await dora.is_live()
    await look_at(dora)
    for user in (alice, dora):
        user.forgive("status of 40[03]")


async def test_axe_finds_nothing_in_a_room_whatever_state_it_is_in(chat, alice, bob, room_name):
    await look_at(alice)
    for text in ("a mistake", "a very long word: " + "W" * 300):
        await alice.say(text)
    await bob.say("hello")
    await expect(alice.items).to_have_count(3)
    await alice.delete_buttons().first.focus()
    await alice.page.keyboard.press("Enter")
    await expect(alice.page.locator(".deleted")).to_have_count(1)
    await bob.text_field.press_sequentially("and")
    await expect(alice.typing).not_to_be_empty()
    await look_at(alice)
    await alice.offline()
    await expect(alice.status).to_have_text(OFFLINE)
    await alice.say("this waits")
    await look_at(alice)
    set_status(chat, room_name, "bob", "muted")
    await bob.say("not for now")
    await expect(bob.refused).to_contain_text("muted")
    await look_at(bob)
    await bob.page.reload()
    await expect(bob.text_field).to_be_disabled()
    await look_at(bob)
    set_status(chat, room_name, "bob", "banned")
    await expect(bob.status).to_have_text(BANNED)
    await look_at(bob)
