"""`race.sh`: the race on a page for a lecture hall, from the button to the last cell."""

import signal

import httpx
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import expect

from chatflow import capabilities, find_stage
from helpers import scripts
from helpers.browser import assert_no_sideways_scrolling

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDTHS = (360, 1920)
EVIL = "http://evil.example/"
FORM = "<form method=post action={}start><button>Win a prize</button></form>"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return scripts.copy_repository(tmp_path_factory.mktemp("race"))


@pytest.fixture
def race(repository):
    """race.sh with the stage that has least to try: its page's address is `url`."""
    words = [repository / "scripts" / "race.sh", "1", "--no-browser", "--port", "0"]
    with scripts.Script(repository, words, output=repository / ".run" / "said") as race:
        race.wait_until_it_says("Ctrl-C")
        race.url = race.said.split("The race is at ")[1].split()[0]
        yield race


async def test_one_press_and_the_lane_and_its_column_are_there(race, browser):
    context = await browser.new_context(viewport={"width": 1400, "height": 900})
    page, troubles = await context.new_page(), []
    page.on("console", lambda entry: troubles.append(entry.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    await page.goto(race.url)
    start, lane = page.locator("#start"), page.locator("#lanes li")
    await expect(start).to_have_text("Start")
    await expect(lane).to_contain_text("waits for its turn")
    await a_foreign_page_cannot_press_it(race, context)
    await expect(start, "so it has not begun").to_have_text("Start")
    await press_by_keyboard(page, start)
    await expect(lane.locator(".reached").first).to_be_visible(timeout=60_000)
    await expect(lane.locator("p")).to_have_text("nobody, until they reload", timeout=60_000)
    await expect(lane.locator(".missed")).to_have_count(2)
    await expect(page.locator("#news"), "who cannot see it hears it").to_contain_text("01: nobody")
    await expect(start).to_have_text("Race again", timeout=60_000)
    cells = await page.locator("#rows td .unseen").all_text_contents()
    assert cells == [find_stage(1).can[key] for key in capabilities()]
    await look_at(page)
    assert troubles == []
    await ends_in_the_middle_of_a_race(race, page, start)
    await context.close()


async def press_by_keyboard(page, button):
    await page.keyboard.press("Tab")
    await expect(button).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(button).to_be_disabled()


async def a_foreign_page_cannot_press_it(race, context):
    foreign = await context.new_page()
    page = {"content_type": "text/html", "body": FORM.format(race.url)}
    await foreign.route(EVIL, lambda route: route.fulfill(**page))
    await foreign.goto(EVIL)
    await foreign.get_by_role("button").click()
    await expect(foreign.locator("body")).to_have_text("Only the page itself has this button.")
    await foreign.close()
    async with httpx.AsyncClient(base_url=race.url) as http:
        asked = {
            403: http.post("start", headers={"Origin": "http://127.0.0.1:1"}),
            405: http.post("", headers={"Origin": race.url.rstrip("/")}),
            404: http.get("live.js"),
            421: http.get("", headers={"Host": "evil.example"}),
        }
        assert (await http.post("start")).status_code == 403, "nobody says whose page it is"
        for status, answer in asked.items():
            assert (await answer).status_code == status
        assert "frame-ancestors 'none'" in (await http.get("")).headers["content-security-policy"]


async def look_at(page):
    await page.evaluate(AXE_SCRIPT)
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        await assert_no_sideways_scrolling(page)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            found = await page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
            assert not found["violations"], f"axe at {width} px, {scheme}"


async def ends_in_the_middle_of_a_race(race, page, start):
    await start.press("Enter")
    await expect(page.locator("#progress")).to_contain_text("Running: 01")
    race.send(signal.SIGINT)
    await expect(page.locator("#progress")).to_contain_text("has ended", timeout=20_000)
    scripts.assert_nothing_left(race)
    assert race.process.wait(timeout=scripts.STOP_SECONDS) == 130
    assert "Traceback" not in race.said
    assert "The first lane moved after" in race.said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["11"], "There is no stage '11'"),
        (["--loud"], "Unrecognized arguments: --loud; see race.sh --help."),
        (["--port", "70000"], "There is no port 70000"),
    ],
)
async def test_what_cannot_be_is_said_in_one_sentence(repository, words, sentence):
    done = scripts.run_script(repository, "race.sh", *words)
    scripts.assert_one_sentence(done, 2, sentence)


async def test_busy_port_is_said_in_one_sentence(repository):
    with scripts.two_free_ports() as (port, _):
        done = scripts.run_script(repository, "race.sh", "--port", str(port))
    scripts.assert_one_sentence(done, 2, f"Port {port} cannot be used", "--port")
