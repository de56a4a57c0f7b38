"""chat.live() and its switches: two people chat in a browser, and each switch is pressed."""

import asyncio
import re

import psutil
import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.async_api import expect

from chatflow import stage, websocket_reader
from chatflow.basics.errors import UsageError
from chatflow.live.chat import Chat
from chatflow.live.counter import stored
from chatflow.running import postgres
from chatflow.running.options import PRIVATE_POSTGRES
from helpers import scripts
from helpers.browser import BACK_SECONDS, LUCK, assert_no_sideways_scrolling
from helpers.missing import need

# One browser for all tests of this file: it has to stay in one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

BACK = {"timeout": BACK_SECONDS * 1000}
FIND = "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => ({ violations }))"


class Bench:
    """The page of a chat that is shown live, and the two people's pages in it."""

    def __init__(self, live, page):
        self.live, self.page, self.chat = live, page, live.pages[0].feed.run
        self.said = page.locator("#means")

    def of(self, name):
        """What is in the frame of this person."""
        return self.page.frame_locator(f"iframe[title='The page of {name}']")

    async def say(self, name, text):
        field = self.of(name).get_by_label("Message", exact=True)
        await field.fill(text)
        await field.press("Enter")

    async def see(self, *texts, names=("alice", "bob")):
        for name in names:
            await expect(self.of(name).locator("#messages p")).to_have_text(list(texts), **BACK)

    async def press(self, action, name, sentence):
        """By the keyboard; the page says in a sentence what is seen now."""
        button = self.page.get_by_role("button", name=f"{action} {name}", exact=True)
        await button.focus()
        await self.page.keyboard.press("Enter")
        await expect(self.said).to_contain_text(sentence, **BACK)
        await expect(button, "not a second time").to_have_attribute("aria-disabled", "true")
        await expect(button, "where the focus is, it stays").to_be_focused()

    async def shows(self, word, *names):
        """These people's pages show the word that the sentence says."""
        for name in names:
            await expect(self.of(name).locator("#status")).to_contain_text(word, **BACK)

    async def reload(self, *names):
        for name in names:
            frame = await self.page.locator(f"iframe[title='The page of {name}']").element_handle()
            await (await frame.content_frame()).goto(self.live.people[name].url + "/chat/live/")

    async def counts(self, *lines):
        """What the page counts for alice, and for bob; and the database says the same."""
        for number, line in enumerate(lines):
            await expect(self.page.locator("#counts li").nth(number)).to_have_text(line, **BACK)
        found = await asyncio.to_thread(stored, self.chat, "live")
        told = {count["writer"]: count["stored"] for count in self.live.counts()}
        assert told == {"alice": 0, "bob": 0} | found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def show(browser):
    """Call it with a stage that runs for the Bench of its `live()`; pages may not fail."""
    troubles, contexts = [], []

    async def show(chat):
        live = await chat.live()
        contexts.append(await browser.new_context(viewport={"width": 1000, "height": 1000}))
        await contexts[-1].add_init_script(LUCK)
        page = await contexts[-1].new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        await page.goto(live.urls[0])
        bench = Bench(live, page)
        await bench.shows(re.compile("Connected|Live"), "alice", "bob")
        return bench

    yield show
    for context in contexts:
        await context.close()
    assert troubles == []


async def test_each_switch_of_stage_06_does_what_its_sentence_says(show):
    async with stage(6, instances=2, trace=True) as chat:
        bench = await show(chat)
        await bench.say("alice", "one")
        await bench.see("one")
        await an_instance_is_stopped_and_goes_on(bench)
        await an_instance_is_killed_and_started(bench)
        await networks_are_cut_and_mended(bench)
        await redis_is_stopped_and_goes_on(bench)
        await redis_is_killed_and_started(bench)
        await all_is_reached_with_the_tab_key(bench)
        await axe_finds_nothing(bench)
        what_is_committed_is_a_still_picture(bench.live)
        await two_chats_are_shown_next_to_each_other(chat)
        await what_is_stopped_reaches_nobody_and_is_not_shown(bench)


async def an_instance_is_stopped_and_goes_on(bench):
    await bench.press(
        "stop", "Instance A", "still say “Connected”, but what is written there waits"
    )
    await bench.say("alice", "two")
    await bench.counts("alice wrote 2 · bob heard 1 · 1 on the way · lost 0 · in the database 1")
    await bench.shows("Connected", "alice")
    await bench.press("start", "Instance A", "Instance A goes on. What waited there is done now.")
    await bench.see("one", "two")


async def an_instance_is_killed_and_started(bench):
    await bench.press("kill", "Instance B", "say “Disconnected”: they hear nothing more")
    await bench.shows("Disconnected", "bob")
    await bench.say("alice", "three")
    await bench.say("bob", "nobody stores this")
    await bench.counts(
        "alice wrote 3 · bob heard 2 · lost 1 · in the database 3",
        "bob wrote 1 · alice heard 0 · lost 1 · in the database 0",
    )
    await bench.press("start", "Instance B", "Reload its pages")
    await bench.reload("bob")
    await bench.see("one", "two", "three")
    was_read = "alice wrote 3 · bob heard 2 · 1 after a reload · lost 0 · in the database 3"
    await bench.counts(was_read)


async def networks_are_cut_and_mended(bench):
    for name in ("alice", "bob"):
        await bench.press("cut", name, "The page says “Disconnected”: it hears nothing more")
        await bench.shows("Disconnected", name)
    await bench.say("alice", "nobody stores this")
    await bench.counts(re.compile("^alice wrote 4 · bob heard 2 .* database 3$"))
    for name in ("alice", "bob"):
        await bench.press("mend", name, "Reload the page")
    await bench.reload("alice", "bob")
    await bench.shows("Connected", "alice", "bob")


async def redis_is_stopped_and_goes_on(bench):
    await bench.press("stop", "Redis 1", "nobody sees what is written now, not even its author")
    await bench.say("alice", "four")
    on_the_way = "alice wrote 5 · bob heard 2 · 1 after a reload · 2 on the way · lost 0"
    await bench.counts(f"{on_the_way} · in the database 4")
    await bench.shows("Connected", "alice", "bob")
    await bench.see("one", "two", "three")
    await bench.press("start", "Redis 1", "Redis 1 goes on. What waited comes now.")
    await bench.see("one", "two", "three", "four")


async def redis_is_killed_and_started(bench):
    await bench.press("kill", "Redis 1", "All pages say “Disconnected”.")
    await bench.shows("Disconnected", "alice", "bob")
    await bench.say("alice", "five")
    await bench.counts(re.compile("^alice wrote 6 · bob heard 3 .* database 5$"))
    await expect(bench.of("alice").locator("body")).to_contain_text("Server Error")
    await bench.press("start", "Redis 1", "Reload all pages")
    await bench.reload("alice", "bob")
    await bench.say("bob", "six")
    await bench.see("one", "two", "three", "four", "five", "six")
    bobs = bench.page.locator("#counts li").nth(1)
    await expect(bobs).to_have_text(re.compile("^bob wrote 2 · alice heard 1 .* database 1$"))


async def all_is_reached_with_the_tab_key(bench):
    focused = "document.activeElement.getAttribute('aria-label')"
    await bench.page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        await bench.page.keyboard.press("Tab")
        reached.add(await bench.page.evaluate(focused))
    buttons = bench.page.locator("#parts button:visible")
    wanted = await buttons.evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))")
    assert len(wanted) == 3 * 3 + 2 * 2
    assert set(wanted) <= reached


async def axe_finds_nothing(bench):
    await bench.page.evaluate(AXE_SCRIPT)
    for scheme, width in (("light", 1400), ("dark", 360)):
        await bench.page.emulate_media(color_scheme=scheme)
        await bench.page.set_viewport_size({"width": width, "height": 1000})
        await assert_no_sideways_scrolling(bench.page)
        found = await bench.page.evaluate(FIND)
        assert not found["violations"], AxeResults(found).generate_report()


def what_is_committed_is_a_still_picture(live):
    """Without the frame, which notebooks.sh leaves out: nothing that is different tomorrow."""
    shown, _ = live._repr_mimebundle_()
    assert shown.keys() == {"text/html", "image/svg+xml", "image/png", "text/plain"}
    assert live.urls[0] in shown["text/html"]
    assert not re.search(r"127\.0\.0\.1|:\d{4}", shown["image/svg+xml"] + shown["text/plain"])
    for word in ("Instance B", "Redis 1", "kill", "mend", "Disconnected", "Channel layer"):
        assert word in shown["image/svg+xml"]


async def two_chats_are_shown_next_to_each_other(chat):
    both = await chat.live(beside=chat)
    assert len(set(both.urls)) == 2
    assert both.html.count("<iframe") == 2
    rooms = [person.room_name for page in chat.pages for person in page.people]
    assert rooms == ["live", "live", "live-2", "live-2", "live-3", "live-3"]


async def what_is_stopped_reaches_nobody_and_is_not_shown(bench):
    chat = bench.chat
    await bench.live.press("stop", "Instance B")
    await bench.say("alice", "seven")
    flow = await chat.flow("seven", within=0.5)
    assert [(one.client, one.reason) for one in flow.missed] == [BOB_IS_MISSED]
    with pytest.raises(UsageError, match="Instance B does not run: start it again"):
        await chat.live()
    with pytest.raises(UsageError, match="start the stage with trace=True"):
        await Chat(6).live()


BOB_IS_MISSED = "client/bob", "instance B is stopped"


# --- chat_final -----------------------------------------------------------------------------------


HEALS = "come back by themselves within half a minute, with what they missed"
GOES_ON = "The chat goes on: a message comes up to two seconds later"
# What is pressed, the sentence, what is pressed to heal it, and that sentence; in each case both
# write meanwhile.
HEALED = [
    ("stop", "Instance A", "still say “Live”", "start", "What waited there is done now."),
    ("kill", "Instance B", "Its pages keep what is written there", "start", HEALS),
    ("cut", "bob", "The page keeps what is written there", "mend", "comes back by itself"),
    ("stop", "Redis 1", GOES_ON, "start", "Messages come at once again."),
    ("kill", "Redis 1", GOES_ON, "start", "Messages come at once again."),
    ("kill", "PostgreSQL", "Nothing can be stored. The pages say so", "start", "is stored now."),
]


async def test_each_switch_of_chat_final_does_what_its_sentence_says_and_nothing_is_lost(show):
    need("postgresql", postgres.find_binaries)
    options = {"instances": 2, "trace": True, "database": PRIVATE_POSTGRES}
    async with stage("final", **options) as chat:
        bench = await show(chat)
        for number, (action, name, sentence, cure, cured) in enumerate(HEALED, 1):
            await bench.press(action, name, sentence)
            await both_write(bench, number)
            if sentence == GOES_ON:
                await both_see_all(bench, number)
            if name == "PostgreSQL":
                await bench.shows("Nothing can be stored right now", "alice", "bob")
            await bench.press(cure, name, cured)
            await both_see_all(bench, number)
            lines = [f"{a} wrote {number} · {b} heard {number}" for a, b in (PAIR, PAIR[::-1])]
            await bench.counts(*(f"{line} · lost 0 · in the database {number}" for line in lines))
        await bench.press("stop", "PostgreSQL", "Nothing is stored until it goes on.")
        started = psutil.Process(chat.postgres.program.pid).children()
        # Who has ended meanwhile stays a zombie: its parent is stopped as well.
        states = {each.status() for each in started} - {psutil.STATUS_ZOMBIE}
        assert states == {psutil.STATUS_STOPPED}
    # They are in groups of their own: unless they are let go on, they do not see that it is over.
    assert not psutil.wait_procs(started, scripts.STOP_SECONDS)[1]


PAIR = "alice", "bob"


async def both_write(bench, number):
    for name in PAIR:
        await bench.say(name, f"{number} by {name}")


async def both_see_all(bench, number):
    """Whoever was first, both pages show the same, each message once."""
    shown = [bench.of(name).locator("#messages p") for name in PAIR]
    for each in shown:
        await expect(each).to_have_count(2 * number, **BACK)
    alice, bob = [await each.all_inner_texts() for each in shown]
    assert alice == bob
    assert sorted(alice) == sorted(f"{n + 1} by {name}" for n in range(number) for name in PAIR)


async def test_each_switch_of_the_worker_does_what_its_sentence_says():
    async with stage(7, instances=2, trace=True) as chat:
        live = await chat.live()
        async with websocket_reader(chat.instances[-1], "lobby", "bob") as bob:

            async def rolls(text):
                """Bob's command, and what the bot says of it; None if it says nothing."""
                await bob.post("bob", text)
                assert await bob.next_text() == text
                return await bob.next_text()

            assert await rolls("/roll 1d1") == "bob rolls 1 = 1"
            for end, begin in (("kill", "start"), ("stop", "start")):
                assert "Nobody answers /roll" in await live.press(end, "The worker")
                assert await rolls("/roll 2d1") is None
                assert "answers what has waited" in await live.press(begin, "The worker")
                assert (await bob.next(within=BACK_SECONDS))["text"] == "bob rolls 1 + 1 = 2"
