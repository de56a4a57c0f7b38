"""`scripts/screenshots.sh`: two people chat in the running stage 06, and have their picture taken.

Alice is on instance A, Bob on instance B. What they see goes side by side into one picture, and the
live page into another. The ways of two messages, across processes in stage 06 and to one who was
away in stage 09, are drawn from their traces.
"""

import argparse
import asyncio
import base64
import json
import sys

from playwright.async_api import expect

from .browser import chromium
from .catalog import ROOT
from .client import connect, next_event
from .drawing.picture import draw
from .errors import LaunchError
from .flow_page import FlowPage
from .launcher import stage
from .traffic import network

PICTURES = ROOT / "notebooks" / "pictures"
FILES = {"light": "two_users.png", "dark": "two_users_dark.png"}
LIVE_FILES = {"light": "live.png", "dark": "live_dark.png"}
LIVE_SIZE = {"width": 1160, "height": 700}
LIVE_HOP = "22"  # a moment half-way, with the message in Redis
SIZE = {"width": 520, "height": 640}
TALK = [
    ("alice", "Hi Bob! Does this reach you?"),
    ("bob", "It does, and I never reloaded."),
    ("alice", "I am on instance A. And you?"),
    ("bob", "On instance B: another process, another port."),
    ("alice", "So how do my words get to you?"),
    ("bob", "Through Redis. It takes each one to both of us."),
]

FRAME = """
<style>
  body {{ margin: 0; padding: 24px; width: max-content; display: flex; gap: 24px;
    font: 16px/1.5 system-ui, sans-serif; background: light-dark(#cdd5df, #2b3440);
    color: light-dark(#1f2937, #e6eaf0); color-scheme: light dark; }}
  figure {{ margin: 0; }}
  figcaption {{ margin-bottom: 8px; }}
  img {{ display: block; width: {width}px; border-radius: 10px; }}
</style>
{figures}
"""
FIGURE = '<figure><figcaption>{}</figcaption><img src="data:image/png;base64,{}"></figure>'


def main(arguments=None):
    parser().parse_args(arguments)
    try:
        asyncio.run(take_pictures())
        for name, draw_flow in FLOWS.items():
            save(PICTURES / name, asyncio.run(draw_flow()).encode())
        asyncio.run(take_live_pictures())
    except LaunchError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def parser():
    return argparse.ArgumentParser(
        prog="screenshots.sh",
        description="Let two people chat in stage 06, one on each of two instances, and take "
        "the README's pictures of it, light and dark, and of two messages' ways, into "
        "notebooks/pictures/.",
        epilog="CHROMIUM names the browser to use instead of the first one on PATH.",
    )


async def take_pictures():
    async with chromium() as browser, stage(6, instances=2) as chat:
        alice = await enter(browser, chat.instances[0], "alice")
        bob = await enter(browser, chat.instances[1], "bob")
        await talk({"alice": alice, "bob": bob})
        captions = {"Alice, on instance A": alice, "Bob, on instance B": bob}
        for scheme, name in FILES.items():
            await take_picture(browser, captions, scheme, PICTURES / name)


async def draw_crossing():
    """The way of one message from alice, on instance A, to bob, on instance B, as SVG."""
    async with stage(6, instances=2, trace=True) as chat:
        a, b = chat.instances
        async with connect(a, "lobby", "alice") as alice, connect(b, "lobby", "bob"):
            await write(alice, "hello, bob")
            flow = await chat.flow("hello, bob", reaches=["alice", "bob"])
    return draw(flow.without("redis")).svg


async def draw_return():
    """The way of one message from alice to bob, whose network was away when she wrote, as SVG."""
    async with (
        stage(9, instances=2, trace=True) as chat,
        network(chat.instances[1]) as phone,
        connect(chat, "lobby", "alice") as alice,
    ):
        async with connect(phone, "lobby", "bob") as bob:
            phone.cut()
            await bob.wait_closed()
            await chat.request_flow("bob", "close")  # B has noticed
        await write(alice, "are you there?")
        await next_event(alice)
        phone.mend()
        async with connect(phone, "lobby", "bob", after=0):
            flow = await chat.flow("are you there?", reaches=["alice", "bob"])
    return draw(flow.without("redis")).svg


async def write(socket, text):
    await socket.send(json.dumps({"type": "post", "author": "alice", "text": text}))


# Each with the file that it is kept in.
FLOWS = {"flow_06.svg": draw_crossing, "flow_09.svg": draw_return}


async def take_live_pictures():
    """The live page, while the newest message is half-way."""
    page = FlowPage(0)
    try:
        async with chromium() as browser, stage(6, instances=2, trace=True) as chat:
            page.start(chat)
            options = {"viewport": LIVE_SIZE, "device_scale_factor": 2}
            watching = await browser.new_page(**options)
            await watching.goto(page.url)
            alice = await enter(browser, chat.instances[0], "alice")
            bob = await enter(browser, chat.instances[1], "bob")
            await talk({"alice": alice, "bob": bob})
            await expect(watching.locator("#recent li")).to_have_count(len(TALK))
            await watching.locator("#recent li").first.click()
            await watching.locator("#position").fill(LIVE_HOP)
            for scheme, name in LIVE_FILES.items():
                await watching.emulate_media(color_scheme=scheme)
                save(PICTURES / name, await watching.screenshot())
    finally:
        await asyncio.to_thread(page.stop)


async def enter(browser, instance, name):
    """Open the lobby in a browser of one's own, and give one's name. Returns the page."""
    page = await browser.new_page(viewport=SIZE, device_scale_factor=2)
    await page.goto(f"{instance.url}/chat/lobby/")
    await page.get_by_label("Your name").fill(name)
    await expect(page.locator("#status")).to_contain_text("Connected")
    return page


async def talk(pages):
    for count, (name, text) in enumerate(TALK, 1):
        message = pages[name].get_by_label("Message", exact=True)
        await message.fill(text)
        await message.press("Enter")
        for page in pages.values():
            await expect(page.locator("#messages li")).to_have_count(count)


async def take_picture(browser, captions, scheme, path):
    figures = [
        FIGURE.format(caption, await shot(page, scheme)) for caption, page in captions.items()
    ]
    frame = await browser.new_page(device_scale_factor=2, color_scheme=scheme)
    await frame.set_content(FRAME.format(figures="".join(figures), **SIZE))
    save(path, await frame.locator("body").screenshot())
    await frame.close()


def save(path, picture):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(picture)
    print(f"{path.relative_to(ROOT)}: {len(picture) // 1000} KB")


async def shot(page, scheme):
    await page.emulate_media(color_scheme=scheme)
    return base64.b64encode(await page.screenshot()).decode()


if __name__ == "__main__":
    sys.exit(main())
