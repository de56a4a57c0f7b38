"""A page that loses its network while somebody writes in it, in a real browser."""

from dataclasses import dataclass

from chatflow import Visitor
from chatflow.clients.browser import chromium, has_chromium
from chatflow.clients.traffic import network
from chatflow.clients.visitor import cookie_name

ROOM, TEXT = "tunnel", "from inside a tunnel"


@dataclass
class Seen:
    """What the page said of its connection, one after the other, and the texts it shows."""

    states: list[str]
    items: list[str]


async def write_offline(chat):
    """What was Seen while Alice wrote without a network; None where no browser can be had."""
    if not has_chromium():
        return None
    async with chromium() as browser, network(chat) as phone, Visitor(phone, "alice") as alice:
        await alice.log_in()
        page, states = await browser.new_page(), []
        cookie = {"name": cookie_name(phone), "value": alice.session, "url": phone.url}
        await page.context.add_cookies([cookie])
        await page.goto(f"{phone.url}/chat/{ROOM}/")

        async def wait_for(state):
            await page.get_by_text(state, exact=True).wait_for()
            states.append(state)

        await wait_for("Live")
        phone.cut()
        await page.get_by_text("Offline").wait_for()
        await page.get_by_label("Message", exact=True).fill(TEXT)
        await page.get_by_role("button", name="Send").click()
        await wait_for("Offline · 1 waiting to be sent")
        phone.mend()
        await wait_for("Live")
        items = page.locator("#messages p")
        await items.get_by_text(TEXT).wait_for()
        return Seen(states, await items.all_inner_texts())
