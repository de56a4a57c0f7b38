"""People at the pages of chat_final, each in a browser of their own; and what axe says of these."""

import itertools
from functools import partial

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.async_api import expect

from chatflow.basics.addresses import HOST
from helpers import browser

SMALLEST = {"width": 320, "height": 640}
WIDE = {"width": 1440, "height": 900}
BACK = {"timeout": browser.BACK_SECONDS * 1000}
OFFLINE = "Offline, trying again"
# A name of this machine of which the browser does not know that it is one: as a phone sees it.
ALIAS = "chat.test"
ALIASED = f"--host-resolver-rules=MAP {ALIAS} {HOST}"

# Keeps what a screen reader would say by itself: all that comes into a live region. And a page that
# has lost its server tries again after a time that it chooses by chance: here always a short one.
LISTEN = """
Math.random = () => 0.1;
window.spoken = [];
addEventListener("DOMContentLoaded", () => {
  const listen = (changes) => changes.forEach(({ target, addedNodes }) => {
    const region = target.closest("[role=status], [role=alert], [role=log], [aria-live]");
    if (region) spoken.push(...[...addedNodes].map((node) => node.textContent));
  });
  new MutationObserver(listen).observe(document.body, { childList: true, subtree: true });
});
"""


class User(browser.Person):
    """A person on the pages of chat_final, who knows why it asks before it deletes."""

    was_offline = False

    def __init__(self, name, page):
        super().__init__(name, page)
        self.refused = page.locator("#refused")
        self.people = page.locator("#people li")
        self.items = page.locator("#messages li")
        self.typing = page.locator("#typing")
        self.sockets = []
        page.on("websocket", lambda socket: self.sockets.append(socket))

    def note_console(self, entry):
        # A page tries again while its network is away, and the browser says each time that it is.
        if not (self.was_offline and browser.UNREACHABLE.search(entry.text)):
            super().note_console(entry)

    async def note_dialog(self, dialog):
        if dialog.message == "Delete this message for everybody?":
            await dialog.accept()
        else:
            await super().note_dialog(dialog)

    async def offline(self, is_offline=True):
        self.was_offline = True
        await self.page.context.set_offline(is_offline)

    async def is_live(self):
        await expect(self.status, f"{self.name} should be live again").to_have_text("Live", **BACK)

    async def spoken(self):
        """What a screen reader has said by itself since the page was live for the first time."""
        spoken = await self.page.evaluate("spoken")
        return spoken[spoken.index("Live") :]

    def delete_buttons(self):
        return self.page.get_by_role("button", name="Delete")


# Colours change at once, so that each can be looked at.
arriving = partial(browser.arriving, kind=User, script=LISTEN, reduced_motion="reduce")


FIND = """(more) => axe.run({ resultTypes: ['violations'], ...more })
  .then(({ violations }) => ({ violations }))"""
# In the dark colours are all that is different.
RULES = {"dark": {"runOnly": ["color-contrast"]}, "light": {}}
LOOKS = list(itertools.product((SMALLEST, WIDE), RULES))


async def look_at(user):
    """Look at the page as it is now: on the smallest phone and a wide screen, dark and light."""
    if not await user.page.evaluate("'axe' in window"):
        await user.page.evaluate(AXE_SCRIPT)
    for size, scheme in LOOKS:
        await user.page.emulate_media(color_scheme=scheme)
        await user.page.set_viewport_size(size)
        await assert_fits(user)
        found = await user.page.evaluate(FIND, RULES[scheme])
        report = AxeResults(found).generate_report()
        where = f"on {user.page.url} ({scheme}, {size['width']} px)"
        assert not found["violations"], f"axe {where}: {report}"
    inline = user.page.locator("style, [style], script:not([src], [type='application/json'])")
    await expect(inline, "no script and no style stands in a page").to_have_count(0)


async def assert_fits(user):
    """Neither the page nor a part of it has to be scrolled sideways."""
    await browser.assert_no_sideways_scrolling(user.page)
    too_wide = """[...document.querySelectorAll("main, aside, #scroller")]
      .filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.outerHTML)"""
    assert not await user.page.evaluate(too_wide), "nothing should be cut off at the side"
