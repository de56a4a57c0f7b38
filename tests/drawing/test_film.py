"""The moving picture: what it shows at each moment, and what where nothing moves."""

import base64
from itertools import pairwise
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from chatflow.clients.browser import chromium, find_chromium
from chatflow.drawing.dark import themed
from chatflow.drawing.film import NARROW, WIDE, Clock, Scene, film
from chatflow.drawing.svg import COLOURS
from helpers.missing import need

SCENES = [
    Scene(
        "Alice writes.",
        (("websocket", "alice", "A"), ("layer", "A", "B"), ("websocket", "B", "bob"))
        + (("websocket", "A", "alice"),),
        {"alice": ["one"], "bob": ["one"]},
        "written 1",
    ),
    Scene(
        "B is killed.",
        (("websocket", "alice", "A"), ("websocket", "A", "alice")),
        {"alice": ["one", "two"], "bob": ["one"]},
        "written 2",
        away=("B", "bob"),
    ),
    Scene(
        "B is back.",
        (("database", "database", "B"), ("websocket", "B", "bob")),
        {"alice": ["one", "two"], "bob": ["one", "two"]},
        "heard 2",
    ),
]
CLOCK = Clock(SCENES)
SVG = "{http://www.w3.org/2000/svg}"
# What a reader sees: the texts that are not transparent, in the order in which they are drawn.
SEEN = """() => [...document.querySelectorAll("svg text")].filter((text) => {
  for (let each = text; each; each = each.parentElement) {
    const { opacity, display } = getComputedStyle(each);
    if (opacity === "0" || display === "none") return false;
  }
  return true;
}).map((text) => text.textContent)"""
SEEK = """(seconds) => {
  const svg = document.querySelector("svg");
  svg.pauseAnimations();
  svg.setCurrentTime(seconds);
}"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page():
    need("chromium", find_chromium)
    async with chromium() as browser:
        page = await browser.new_page()
        await page.set_content(themed(film("A film", SCENES)))
        yield page


async def seen_at(page, seconds):
    await page.evaluate(SEEK, seconds)
    return await page.evaluate(SEEN)


async def test_a_message_is_on_a_page_from_when_the_dot_has_come_there(page):
    there = CLOCK.of_way(0, 3)
    assert (await seen_at(page, there - 0.1)).count("one") == 0
    assert (await seen_at(page, there + 0.1)).count("one") == 1, "bob's, who was told first"
    assert (await seen_at(page, CLOCK.of_way(0, 4) + 0.1)).count("one") == 2


async def test_who_is_away_is_so_for_that_scene_and_hears_nothing_in_it(page):
    during = await seen_at(page, CLOCK.begins[2] - 0.1)
    assert {"killed", "offline", "B is killed.", "written 2"} <= {*during}
    assert during.count("two") == 1, "on alice's page only"
    for moment in (CLOCK.begins[1] - 0.1, CLOCK.begins[2] + 0.1):
        assert not {"killed", "offline", "B is killed."} & {*(await seen_at(page, moment))}


async def test_where_nothing_moves_it_shows_its_end(page):
    at_the_end = await seen_at(page, CLOCK.total - 0.1)
    assert {"B is back.", "heard 2"} <= {*at_the_end}
    assert at_the_end.count("two") == 2
    await page.evaluate(SEEK, CLOCK.begins[1] + 0.1)
    await page.emulate_media(reduced_motion="reduce")
    try:
        assert await page.evaluate(SEEN) == at_the_end, "whatever the moment"
        assert await page.locator(".dot").is_hidden()
    finally:
        await page.emulate_media(reduced_motion="no-preference")
    drawn = ElementTree.fromstring(at_rest(film("A film", SCENES)))
    assert [text.text for text in drawn.iter(f"{SVG}text")] == at_the_end, "and without animation"


def at_rest(svg):
    """The picture as where SVG does not move: without its animations, and what these would show."""
    ElementTree.register_namespace("", SVG.strip("{}"))
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for part in [part for part in parent if part.get("opacity") == "0"]:
            parent.remove(part)
        for part in parent.findall(f"{SVG}animate"):
            parent.remove(part)
    return ElementTree.tostring(root, encoding="unicode")


async def test_in_an_img_too_it_is_still_for_a_reader_who_asked_for_that():
    need("chromium", find_chromium)
    moving = themed(film("A film", SCENES))
    # Playwright's own emulation does not come as far as into an <img>.
    async with chromium("--force-prefers-reduced-motion") as browser:
        page = await browser.new_page(reduced_motion="null")
        shots = []
        for svg in (moving, at_rest(moving)):
            source = base64.b64encode(svg.encode()).decode()
            await page.set_content(f'<img src="data:image/svg+xml;base64,{source}">')
            await page.locator("img").evaluate("image => image.decode()")
            shots.append(await page.screenshot())
    assert shots[0] == shots[1]


@pytest.mark.parametrize("ground", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_dot_goes_the_ways_in_their_order_and_colours(ground):
    root = ElementTree.fromstring(film("A film", SCENES, ground))
    [dot] = [part for part in root if part.get("class") == "dot"]
    ways = [way for scene in SCENES for way in scene.ways]
    fill = dot.find("{*}animate[@attributeName='fill']")
    colours = fill.get("values").split(";")
    assert colours[-len(ways) :] == [COLOURS[kind] for kind, *_ in ways]
    spots = dot.find("{*}animateTransform").get("values").split(";")
    legs = [(one, other) for one, other in pairwise(spots) if one != other]
    middles = {name: "{:g} {:g}".format(*ground.middle(name)) for name in ground.places}
    wanted = [(middles[start], middles[end]) for _, start, end in ways]
    assert [leg for leg in legs if leg in wanted][: len(wanted)] == wanted
