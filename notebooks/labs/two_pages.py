"""Two people in two browsers at two instances: one loses the network, one instance is killed."""

import asyncio
import base64
from dataclasses import dataclass

from IPython.display import HTML

from chatflow import Visitor, post
from chatflow.clients.browser import chromium, has_chromium

ROOM = "kitchen"
WRITTEN = [
    ("alice", "The soup is ready."),
    ("alice", "Bob?"),
    ("bob", "In the lift, two minutes."),
]
WIDE, HIGH = 430, 560  # as wide as a phone: two of them fit into a notebook


@dataclass
class Seen:
    """What Bob's page said of its connection, and the texts of both pages in the end.

    `apart` and `together` are pictures of Alice's page and Bob's, as PNG.
    """

    states: list[str]
    alice: list[str]
    bob: list[str]
    apart: list[bytes]
    together: list[bytes]


async def two_pages(chat):
    """What was Seen; None where no browser can be had."""
    if not has_chromium():
        # By their forms, so that what comes later has the same number with and without a browser.
        for name, text in WRITTEN:
            await post(chat, ROOM, name, text)
        return None
    async with chromium() as browser:
        alice, bob = [
            await open_page(browser, instance, name)
            for instance, name in zip(chat.instances, ("alice", "bob"), strict=True)
        ]
        (_, soup), (_, bob_is_asked), (_, answer) = WRITTEN
        await write(alice, soup)
        await texts_of(bob, 1)
        states = [await state_of(bob)]
        await bob.context.set_offline(True)
        await bob.locator('#status[data-state="offline"]').wait_for()
        await asyncio.to_thread(chat.instances[1].kill)
        await write(alice, bob_is_asked)
        await write(bob, answer)
        states.append(await state_of(bob))
        apart = [await page.screenshot() for page in (alice, bob)]
        await asyncio.to_thread(chat.instances[1].start)
        await bob.context.set_offline(False)
        texts = [await texts_of(page, 3) for page in (alice, bob)]
        await bob.locator('#status[data-state="live"]').wait_for()
        states.append(await state_of(bob))
        for page in (alice, bob):
            await page.locator("#people li").nth(1).wait_for(state="attached")
        return Seen(states, *texts, apart, [await page.screenshot() for page in (alice, bob)])


async def open_page(browser, instance, name):
    """The room's page, of somebody who is logged in, when it is live."""
    async with Visitor(instance, name) as visitor:
        await visitor.log_in()
    page = await browser.new_page(viewport={"width": WIDE, "height": HIGH})
    cookie = {"name": "sessionid", "value": visitor.session, "url": instance.url}
    await page.context.add_cookies([cookie])
    await page.goto(f"{instance.url}/chat/{ROOM}/")
    await page.locator('#status[data-state="live"]').wait_for()
    return page


async def write(page, text):
    await page.get_by_label("Message", exact=True).fill(text)
    await page.keyboard.press("Enter")


async def state_of(page):
    return await page.locator("#status").inner_text()


async def texts_of(page, count):
    """The messages that a page shows, as soon as there are this many."""
    items = page.locator("#messages p")
    await items.nth(count - 1).wait_for()
    return await items.all_inner_texts()


def side_by_side(pictures, pages=("Alice's page", "Bob's page")):
    """Pictures of pages, to be shown in a notebook."""
    sources = (base64.b64encode(picture).decode() for picture in pictures)
    images = (
        f'<td><img src="data:image/png;base64,{source}" alt="{page}"></td>'
        for source, page in zip(sources, pages, strict=True)
    )
    return HTML(f"<table><tr>{''.join(images)}</tr></table>")
