"""People at browsers of their own: for tests of pages, by Playwright and the machine's Chromium."""

import contextlib
import re

import pytest
import pytest_asyncio
from playwright.async_api import TimeoutError as NothingCame
from playwright.async_api import expect

from chatflow.basics.catalog import LIVE_SECONDS
from chatflow.clients.browser import chromium, find_chromium
from chatflow.clients.visitor import Visitor, cookie_name
from helpers.missing import need

READY = re.compile("^(Reload to see|Live|Connected)")
OFFLINE = re.compile("^Offline")
LOGGED_OUT = re.compile("^Logged out")
# Would break out of an attribute or an element; short enough for a name.
MARKUP = '"><img src=x onerror=alert(hacked=1)>'
MARKUP_WITH_SCRIPT = f"</script><script>alert(hacked=1)</script>{MARKUP}"
# Back-off at its longest, and then the way back on a slow machine.
BACK_SECONDS = 45
# What a page shows sooner or later: five seconds, Playwright's own, a machine under load may need.
PATIENCE = 15
# What the browser says by itself about a server, or a network, that is not there.
UNREACHABLE = re.compile("WebSocket connection to|net::ERR_")
# Pages choose the time of their next attempt by chance. For tests it is always an early one.
LUCK = "Math.random = () => 0.1"

# The contrast of each text with what is behind it, as WCAG has it: [text, ratio].
CONTRASTS = """() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => channels(color).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const isOpaque = (element) => (channels(getComputedStyle(element).backgroundColor)[3] ?? 1) > 0;
  const contrast = (element) => {
    let ground = element;
    while (!isOpaque(ground)) ground = ground.parentElement;
    const [a, b] = [light(getComputedStyle(element).color),
      light(getComputedStyle(ground).backgroundColor)].sort((a, b) => b - a);
    return (a + .05) / (b + .05);
  };
  return [...document.querySelectorAll("body :is(a, b, button, div, h1, label, li, p, span, time)")]
    .filter((element) => element.checkVisibility() && element.textContent.trim())
    .map((element) => [element.textContent.trim(), contrast(element)]);
}"""


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
        self.troubles = [trouble for trouble in self.troubles if not re.search(words, trouble)]

    async def enter(self, instance, room_name):
        """Open a room: logged in where there are accounts, else under one's name."""
        is_user = await self.log_in(instance)
        await self.page.goto(f"{instance.url}/chat/{room_name}/")
        await expect(self.status, "the page should say that it is ready").to_have_text(READY)
        if not is_user:
            await self.name_field.fill(self.name)

    async def log_in(self, instance):
        """Bring a login's cookie along, where there are accounts. Returns whether there are."""
        async with Visitor(instance, self.name) as visitor:
            await visitor.log_in()
        if visitor.session:
            name = cookie_name(instance)
            cookie = {"name": name, "value": visitor.session, "url": instance.url}
            await self.page.context.add_cookies([cookie])
        return bool(visitor.session)

    async def fill_in(self, **fields):
        """Fill the fields of an account's page, and send it."""
        for name, value in fields.items():
            await self.page.locator(f"[name={name}]").fill(value)
        await self.page.keyboard.press("Enter")

    async def is_at(self, heading):
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    async def say(self, text):
        await self.text_field.fill(text)
        await self.text_field.press("Enter")

    async def sees(self, *messages):
        """Wait until the page shows these (author, text) and no others, in this order."""
        shown = self.page.locator("#messages :is(b, p)")
        what = f"{self.name} should see exactly these messages, each once, in this order"
        await expect(shown, what).to_have_text([word for message in messages for word in message])

    async def keeps_waiting(self, *texts):
        """Wait until the page shows these texts, and no others, as not sent yet."""
        shown = self.page.locator("#waiting p")
        what = f"{self.name} should see what waits to be sent"
        await expect(shown, what).to_have_text(list(texts), timeout=BACK_SECONDS * 1000)

    async def hears_something(self):
        """Whether a first message comes while one waits without reloading."""
        try:
            await self.page.locator("#messages li").first.wait_for(timeout=LIVE_SECONDS * 1000)
        except NothingCame:
            return False
        return True


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    need("chromium", find_chromium)
    expect.set_options(timeout=PATIENCE * 1000)
    async with chromium() as browser:
        yield browser
    expect.set_options(None)


@pytest_asyncio.fixture(loop_scope="module")
async def arrive(browser):
    async with arriving(browser) as arrive:
        yield arrive


@contextlib.asynccontextmanager
async def arriving(browser, kind=Person, script=LUCK, **always):
    """Call it with a name for a Person; in the end nothing may have gone wrong on any page."""
    people = []

    async def arrive(name, luck=script, **options):
        context = await browser.new_context(**always, **options)
        await context.add_init_script(luck)
        people.append(kind(name, await context.new_page()))
        return people[-1]

    yield arrive
    troubles = {person.name: person.troubles for person in people if person.troubles}
    for person in people:
        await person.page.context.close()
    assert not troubles, "the console of a page should stay silent"


async def assert_each_is_there_once(alice, bob, said):
    """Both see the same; who of the two was back first, chance says."""
    shown = []
    for person in (alice, bob):
        items = person.page.locator("#messages li")
        await expect(items).to_have_count(len(said))
        shown.append(await items.locator(":is(b, p)").all_inner_texts())
        assert len(person.loads) == 1, f"{person.name} should not have to reload"
    assert shown[0] == shown[1], "both should see the same, in the same order"
    assert sorted(zip(shown[0][::2], shown[0][1::2], strict=True)) == sorted(said)


async def assert_nothing_was_injected(person):
    # The page's own scripts are a module and, from 08 on, a piece of JSON.
    script = "script:not([type=module], [type='application/json'])"
    injected = person.page.locator(f"img, #messages script, {script}")
    await expect(injected, "what people write should be shown as text").to_have_count(0)
    assert await person.page.evaluate("window.hacked") is None, "a visitor's script has run"


async def log_out_elsewhere(person, instance):
    """Log out in another tab of the same browser."""
    tab = await person.page.context.new_page()
    await tab.goto(f"{instance.url}/")
    await tab.get_by_role("button", name="Log out").click()
    await expect(tab.get_by_role("link", name="Log in")).to_be_visible()
    await tab.close()


async def tab_to(person, element):
    """Press Tab until this element is focused; so one with no mouse can reach it."""
    for _ in range(20):
        await person.page.keyboard.press("Tab")
        if await element.evaluate("element => element === document.activeElement"):
            return
    pytest.fail("this should be reached with the Tab key")


async def assert_fits_and_can_be_read(page):
    await assert_no_sideways_scrolling(page)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        pale = [text for text, contrast in await page.evaluate(CONTRASTS) if contrast < 4.5]
        assert not pale, f"{page.url} shows text that is hard to read on {scheme} ground: {pale}"


async def assert_no_sideways_scrolling(page):
    page_width, width = await page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert page_width <= width, f"{page.url} is {page_width} px wide on a screen of {width} px"
