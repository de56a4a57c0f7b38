"""`scripts/screenshots.sh`: two people chat in the running stage 06, and have their picture taken.

Alice is on instance A, Bob on instance B. What they see goes side by side into one picture, and the
live page into another. The ways of two messages, across processes in stage 06 and to one who was
away in stage 09, are drawn from their traces, and so are a learner's first try of stage 05 and the
film of chat_final, of which instance B is killed. chat_final also has both sides of a conversation
taken.
"""

import argparse
import asyncio
import base64
import sys

from playwright.async_api import expect

from ..basics.catalog import ROOT, find_stage
from ..basics.errors import LaunchError
from ..clients.browser import chromium
from ..clients.sockets import connect, frame, next_event
from ..clients.traffic import network
from ..clients.visitor import Visitor
from ..drawing.picture import draw, draw_map, draw_steps
from ..live.flow_page import FlowPage
from ..practice.checking import check
from ..practice.exercises import find
from ..running.launcher import stage
from ..running.variants import variant
from .filming import film_kill

PICTURES = ROOT / "notebooks" / "pictures"
# Each colour scheme, with the end of the names of its files.
SCHEMES = {"light": "", "dark": "_dark"}
SIZE = {"width": 520, "height": 640}
TALK = [
    ("alice", "Hi Bob! Does this reach you?"),
    ("bob", "It does, and I never reloaded."),
    ("alice", "I am on instance A. And you?"),
    ("bob", "On instance B: another process, another port."),
    ("alice", "So how do my words get to you?"),
    ("bob", "Through Redis. It takes each one to both of us."),
]

# One conversation in chat_final: alice at a wide screen, bob with his phone, in the dark.
FINAL_PICTURES = find_stage("final").folder / "screenshots"
PHONE = {"color_scheme": "dark", "has_touch": True, "is_mobile": True}
FINAL_SCREENS = {
    "alice": {"viewport": {"width": 960, "height": 580}, "color_scheme": "light"},
    "bob": {"viewport": {"width": 360, "height": 640}, **PHONE},
}
FINAL_TALK = [
    ("alice", "Are the tomatoes in?"),
    ("bob", "Since noon. They stand behind the shed, where the wind does not reach them."),
    ("alice", "Then let us water them tonight."),
    ("bob", "I am away from six, could you?"),
    ("alice", "Of course. Is the key where it was?"),
    ("bob", "Under the third pot."),
]
FINAL_WAITING = ["Take the long hose.", "The short one leaks."]

# What a learner of stage 05 may forget.
JOINING = """\
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        self.is_member = True
"""

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
# Where a page is as white as the one that shows its picture, one must see where it ends.
EDGED = """
<img style="display: block; border: 1px solid #8b949e; border-radius: 8px" width="{}"
  src="data:image/png;base64,{}">
"""
FIGURE = '<figure><figcaption>{}</figcaption><img src="data:image/png;base64,{}"></figure>'


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="screenshots.sh",
        description="Let two people chat in stage 06, one on each of two instances, and take "
        "the README's pictures of it, light and dark, of two messages' ways, and the film of a "
        "kill, into notebooks/pictures/; and two in chat_final, into chat_final/screenshots/.",
        epilog="CHROMIUM names the browser to use instead of the first one on PATH.",
    )
    parser.add_argument("--only", choices=TAKES, help="take these pictures, and leave the others")
    wanted = parser.parse_args(arguments).only
    try:
        for take in [TAKES[wanted]] if wanted else TAKES.values():
            asyncio.run(take())
    except LaunchError as error:
        print(error, file=sys.stderr)
        return error.exit_code


async def take_pictures():
    """Both pages side by side, once in each colour scheme."""
    async with chromium() as browser, stage(6, instances=2) as chat:
        pages = await enter_both(enter, browser, chat)
        await talk(pages)
        for scheme, end in SCHEMES.items():
            figures = ""
            for (name, page), instance in zip(pages.items(), chat.instances, strict=True):
                await page.emulate_media(color_scheme=scheme)
                picture = base64.b64encode(await page.screenshot()).decode()
                caption = f"{name.capitalize()}, on instance {instance.name}"
                figures += FIGURE.format(caption, picture)
            frame = await browser.new_page(device_scale_factor=2, color_scheme=scheme)
            await frame.set_content(FRAME.format(figures=figures, **SIZE))
            save(PICTURES / f"two_users{end}.png", await frame.locator("body").screenshot())
            await frame.close()


async def draw_crossing():
    """The way of one message from alice, on instance A, to bob, on instance B."""
    async with stage(6, instances=2, trace=True) as chat:
        a, b = chat.instances
        async with connect(a, "lobby", "alice") as alice, connect(b, "lobby", "bob"):
            await alice.send(frame("post", author="alice", text="hello, bob"))
            flow = await chat.flow("hello, bob", reaches=["alice", "bob"])
    return both_forms("flow_06", flow)


async def draw_return():
    """The way of one message from alice to bob, whose network was away when she wrote."""
    async with (
        stage(9, instances=2, trace=True) as chat,
        network(chat.instances[1]) as phone,
        connect(chat, "lobby", "alice") as alice,
    ):
        async with connect(phone, "lobby", "bob") as bob:
            phone.cut()
            await bob.wait_closed()
            await chat.request_flow("bob", "close")  # B has noticed
        await alice.send(frame("post", author="alice", text="are you there?"))
        await next_event(alice)
        phone.mend()
        async with connect(phone, "lobby", "bob", after=0):
            flow = await chat.flow("are you there?", reaches=["alice", "bob"])
    return both_forms("flow_09", flow)


def both_forms(name, flow):
    """{file: SVG} of a flow: hop by hop, and for a narrow screen as a map."""
    flow = flow.without("redis")
    return {f"{name}.svg": draw(flow).svg, f"{name}_map.svg": draw_map(flow, narrow=True).svg}


async def draw_half():
    """A half solution of build 5, in which nobody joins the room's group, beside our own stage."""
    exercise = find("build", "5")
    async with variant(5, "chat/consumers.py", JOINING, "") as folder:
        verdict = await check(exercise, folder)
    own, ours = verdict.pictures
    titles = ("A first try of stage 05", "Stage 05 itself")
    drawn = map(steps_of, (own.flow, ours.flow), titles, verdict.differs)
    return dict(zip(("half_05.svg", "whole_05.svg"), drawn, strict=True))


def steps_of(flow, title, mark):
    names = [missed.client.partition("/")[2] for missed in flow.missed]
    end = f"Never reached: {' and '.join(names)}." if names else "It reaches everybody."
    about = f"At hop {mark + 1} the two ways part. {end}"
    return draw_steps(flow, title=title, about=about, mark=mark).svg


# What is drawn from traces; each gives {file: SVG}.
FLOWS = {"crossing": draw_crossing, "return": draw_return, "kill": film_kill, "half": draw_half}


async def draw_flows():
    for draw_flow in FLOWS.values():
        for name, picture in (await draw_flow()).items():
            save(PICTURES / name, picture.encode())


async def take_live_pictures():
    """The live page, while the newest message is half-way."""
    page = FlowPage(0)
    try:
        async with chromium() as browser, stage(6, instances=2, trace=True) as chat:
            page.start(chat)
            size = {"width": 1160, "height": 700}
            watching = await browser.new_page(viewport=size, device_scale_factor=2)
            await watching.goto(page.url)
            await talk(await enter_both(enter, browser, chat))
            await expect(watching.locator("#recent li")).to_have_count(len(TALK))
            await watching.locator("#recent li").first.click()
            await watching.locator("#position").fill("22")  # half-way, with the message in Redis
            for scheme, end in SCHEMES.items():
                await watching.emulate_media(color_scheme=scheme)
                save(PICTURES / f"live{end}.png", await watching.screenshot())
    finally:
        await asyncio.to_thread(page.stop)


async def enter_both(enter, browser, chat):
    """Have alice enter on instance A, and bob on B. Returns {name: page}."""
    instances = zip(("alice", "bob"), chat.instances, strict=True)
    return {name: await enter(browser, instance, name) for name, instance in instances}


async def enter(browser, instance, name):
    """Open the lobby in a browser of one's own, and give one's name. Returns the page."""
    page = await browser.new_page(viewport=SIZE, device_scale_factor=2)
    await page.goto(f"{instance.url}/chat/lobby/")
    await page.get_by_label("Your name").fill(name)
    await expect(page.locator("#status")).to_contain_text("Connected")
    return page


async def say(page, text):
    message = page.get_by_label("Message", exact=True)
    await message.fill(text)
    await message.press("Enter")


async def talk(pages, said=TALK, say=say):
    for count, (name, text) in enumerate(said, 1):
        await say(pages[name], text)
        for page in pages.values():
            await expect(page.locator("#messages li")).to_have_count(count)


async def take_final_pictures():
    """Both sides of one conversation in chat_final; and bob's when he is offline."""
    async with chromium() as browser, stage("final", instances=2) as chat:
        pages = await enter_both(enter_final, browser, chat)
        alice, bob = pages["alice"], pages["bob"]
        await talk(pages, FINAL_TALK, say_by_button)
        for page in pages.values():
            await expect(page.locator("#count")).to_have_text("2")
        await bob.get_by_label("Message", exact=True).press_sequentially("Take the")
        await expect(alice.locator("#typing")).not_to_be_empty()
        await take_page(alice, "alice.png")
        await alice.emulate_media(color_scheme="dark")
        await take_page(alice, "alice_dark.png")
        await take_page(bob, "bob.png")
        await bob.context.set_offline(True)
        for text in FINAL_WAITING:
            await say_by_button(bob, text)
        await expect(bob.locator("#status")).to_contain_text(f"{len(FINAL_WAITING)} waiting")
        await take_page(bob, "bob_offline.png")


async def enter_final(browser, instance, name):
    """Open chat_final's room in a browser of one's own, logged in. Returns the page."""
    async with Visitor(instance, name) as visitor:
        await visitor.log_in()
    page = await browser.new_page(
        **FINAL_SCREENS[name], device_scale_factor=1.5, reduced_motion="reduce"
    )
    cookie = {"name": "sessionid", "value": visitor.session, "url": instance.url}
    await page.context.add_cookies([cookie])
    await page.goto(f"{instance.url}/chat/garden/")
    await expect(page.locator("#status")).to_have_text("Live")
    return page


async def say_by_button(page, text):
    """As on a phone, where Enter begins a new line."""
    await page.get_by_label("Message", exact=True).fill(text)
    await page.get_by_role("button", name="Send").click()


async def take_page(page, name):
    await page.mouse.move(0, 0)  # else it would point at the button
    picture = base64.b64encode(await page.screenshot()).decode()
    frame = await page.context.browser.new_page(device_scale_factor=1.5)
    await frame.set_content(EDGED.format(page.viewport_size["width"], picture))
    save(FINAL_PICTURES / name, await frame.locator("img").screenshot(omit_background=True))
    await frame.close()


# What --only chooses from.
TAKES = {
    "users": take_pictures,
    "flows": draw_flows,
    "live": take_live_pictures,
    "final": take_final_pictures,
}


def save(path, picture):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(picture)
    print(f"{path.relative_to(ROOT)}: {len(picture) // 1000} KB")


if __name__ == "__main__":
    sys.exit(main())
