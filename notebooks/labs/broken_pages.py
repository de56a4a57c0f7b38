"""What a browser shows while Redis is dead: stage 06's page next to that of the finished chat."""

import asyncio
from dataclasses import dataclass

from chatflow import post
from chatflow.clients.browser import chromium, has_chromium

from .two_pages import HIGH, ROOM, WIDE, open_page, texts_of

BEFORE = "Good morning."
DURING = "Is anybody there?"


@dataclass
class Shown:
    """What each page says of its connection, the texts in it, and a picture of each, as PNG."""

    states: list[str]
    texts: list[list[str]]
    pictures: list[bytes]


async def without_redis(before, chat):
    """Bob's page of both, while Alice posts with her form; None where no browser can be had."""
    if not has_chromium():
        # So that what comes later has the same number with and without a browser.
        for run in (before, chat):
            for text in (BEFORE, DURING):
                await post(run, ROOM, "alice", text)
        return None
    async with chromium() as browser:
        pages = [
            await open_plain_page(browser, before.instances[1]),
            await open_page(browser, chat.instances[1], "bob"),
        ]
        for number, run in enumerate((before, chat)):
            await post(run, ROOM, "alice", BEFORE)
            await texts_of(pages[number], 1)
            run.redis[0].kill()
        await pages[0].get_by_text("Disconnected").wait_for()
        for run in (before, chat):
            await post(run, ROOM, "alice", DURING)
        await texts_of(pages[1], 2)
        shown = Shown(
            [await page.locator("#status").inner_text() for page in pages],
            [await page.locator("#messages p").all_inner_texts() for page in pages],
            [await page.screenshot() for page in pages],
        )
    for run in (before, chat):
        await asyncio.to_thread(run.redis[0].restart)
    return shown


async def open_plain_page(browser, instance):
    """A room's page of stage 06, which knows nobody, when it is connected."""
    page = await browser.new_page(viewport={"width": WIDE, "height": HIGH})
    await page.goto(f"{instance.url}/chat/{ROOM}/")
    await page.get_by_text("Connected by WebSocket").wait_for()
    return page
