"""Write a message in the page of a stage as a person would, in a real browser."""

from dataclasses import dataclass

from chatflow.clients.browser import chromium, has_chromium


@dataclass
class Seen:
    """What the browser asked for, before the message was written and in all, and what it shows."""

    requests_before: int
    requests: int
    items: list[str]


async def write_in_browser(chat, text):
    """What was Seen while Alice wrote in the lobby; None where there is no browser."""
    if not has_chromium():
        return None
    async with chromium() as browser:
        page, requests = await browser.new_page(), []
        page.on("request", lambda request: requests.append(request.url))
        await page.goto(f"{chat.url}/chat/lobby/")
        await page.get_by_text("Connected by WebSocket").wait_for()
        before = len(requests)
        await page.get_by_label("Your name").fill("alice")
        await page.get_by_label("Message", exact=True).fill(text)
        await page.get_by_role("button", name="Send").click()
        items = page.locator("#messages p")
        await items.get_by_text(text).wait_for()
        return Seen(before, len(requests), await items.all_inner_texts())
