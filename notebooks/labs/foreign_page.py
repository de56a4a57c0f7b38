"""What a page from elsewhere can do to a chat, in the browser of somebody who uses that chat.

The browser is a real one, the page is that of the lab `evil_site`. By hand, from the notebooks
folder: `../.venv/bin/python labs/foreign_page.py`, against stages 07 and 08 as they are.
"""

import asyncio
import re
import sys
from dataclasses import dataclass
from pathlib import Path

# So that this file also runs as a script: chatflow is next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatflow import Visitor, reading, stage
from chatflow.clients.browser import chromium, has_chromium
from chatflow.clients.visitor import PASSWORD
from chatflow.running.labs import lab
from chatflow.tracing.flow import Flow

ROOM = "office"
BROWSER = "alice's browser"  # its User-Agent, by which the pictures name it
WAIT_SECONDS = 10

# The chats are at 127.0.0.1: the same host, and another one that is this machine too.
SAME_HOST, OTHER_HOST = "127.0.0.1", "localhost"


@dataclass
class Attack:
    """One visit of Alice's browser to the foreign page, and what came of it."""

    chat: str
    host: str
    answer: int  # 101, the status of a refusal, or the code that closed the socket
    author: str | None  # under whose name the page's message stands in the room, if it does
    flow: Flow | None  # of that message


async def attacks(*targets):
    """Attack each of these: (what to call it, the running chat, the foreign page's host).

    Returns the Attacks in that order; None where no browser can be had.
    """
    if not has_chromium():
        return None
    async with chromium() as browser, lab("evil_site", server="daphne") as evil:
        return [await attack(browser, evil, *target) for target in targets]


async def attack(browser, evil, name, chat, host):
    """Let Alice's browser open the foreign page while she reads the room elsewhere, too."""
    async with reading(chat, ROOM, "alice"), await browser.new_context(user_agent=BROWSER) as hers:
        await log_in(hers, chat)
        seen, refused = await messages(chat), refusals(chat)
        await visit(hers, f"http://{host}:{evil.port}/#{chat.ws_url}/ws/chat/{ROOM}/")
        author, text = ((await messages(chat))[len(seen) :] or [(None, None)])[0]
        flow = await chat.flow(text, reaches=["alice"]) if text else None
    return Attack(name, host, (refusals(chat)[len(refused) :] or [101])[-1], author, flow)


async def log_in(context, chat):
    """Where there are accounts: as a person does, so that the site itself sets the cookie."""
    page = await context.new_page()
    response = await page.goto(f"{chat.url}/accounts/login/")
    if response.status == 404:
        return
    await page.locator("[name=username]").fill("alice")
    await page.locator("[name=password]").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_text("You are alice").wait_for()


async def visit(context, url):
    """Open a page, and return when its socket has brought something or has ended."""
    page, over = await context.new_page(), asyncio.Event()

    def watch(socket):
        socket.on("framereceived", lambda _: over.set())
        socket.on("close", lambda _: over.set())

    page.on("websocket", watch)
    await page.goto(url)
    async with asyncio.timeout(WAIT_SECONDS):
        await over.wait()


async def messages(chat):
    """Author and text of all that the room's page shows."""
    async with Visitor(chat, "alice") as alice:
        page = (await alice.open(ROOM)).text
    return re.findall(r"<li [^>]+><b>([^<]*)</b>.*?<p>([^<]*)</p></li>", page)


def refusals(chat):
    """The statuses and close codes by which the chat has refused something so far."""
    return [hop.detail["code"] for hop in chat.tracing.hops() if hop.lost]


def table(results):
    """The attacks as a Markdown table."""
    lines = ["| the chat, at 127.0.0.1 | the page, at another port of | answer | stored |"]
    lines += ["| --- | --- | --: | --- |"]
    for one in results:
        stored = f"as written by {one.author}" if one.author else "nothing"
        lines.append(f"| {one.chat} | {one.host} | {one.answer} | {stored} |")
    return "\n".join(lines)


async def main():
    async with stage(7, trace=True) as seven, stage(8, trace=True) as eight:
        results = await attacks(("07", seven, SAME_HOST), ("08", eight, SAME_HOST))
    if results:
        print(table(results))


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
