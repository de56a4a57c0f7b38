"""All pictures, generated and committed, as a browser shows them: nothing covered, all legible."""

import re
from functools import cache
from pathlib import Path

import pytest
import pytest_asyncio

from chatflow.basics.catalog import ROOT
from chatflow.clients.browser import chromium, find_chromium
from chatflow.drawing import flow_map, sequence
from chatflow.drawing.dark import themed
from chatflow.drawing.steps import steps
from drawing import flows
from helpers.missing import need

LOOKS = Path(__file__).with_name("looks.js").read_text()
PICTURES = ROOT / "notebooks" / "pictures"
PAGES = "".join((ROOT / page).read_text() for page in ("README.md", "notebooks/performance.md"))
LEGIBLE = 4.5  # contrast, as WCAG has it
SMALLEST, LARGEST = 11, 16  # letters, in px

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    need("chromium", find_chromium)
    async with chromium() as browser:
        yield browser


@cache
def generated():
    """Pictures of all the tests' flows, in each form, and with what hostile users write."""
    return [themed(svg) for svg in drawn()]


def drawn():
    made = [make() for make in flows.ALL.values()] + [*map(flows.nasty_texts, flows.NASTY)]
    for flow in made:
        yield from (sequence(flow), sequence(flow, times=True, clients=60))
        yield from (flow_map(flow), flow_map(flow, narrow=True))
        yield steps(flow, title="Yours", about="At hop 3 the two ways part.", mark=2)


def named(name, svg):
    return re.sub(r"<svg ", f'<svg data-name="{name}" ', svg, count=1)


async def faults_of(browser, pictures, *, style="", **media):
    """What `looks.js` finds wrong with these pictures, on one page."""
    # As wide as the widest picture: letters of a pixel or two have no true measure.
    page = await browser.new_page(viewport={"width": 8000, "height": 800})
    await page.emulate_media(reduced_motion="reduce", **media)
    await page.set_content(f"<style>{style}</style>{''.join(pictures)}")
    faults = await page.evaluate(LOOKS, LEGIBLE)
    await page.close()
    return faults


# What a reader has instead of our fonts: usually narrower letters, at worst much wider.
@pytest.mark.parametrize(("family", "scheme"), [("sans-serif", "light"), ("monospace", "dark")])
async def test_every_text_is_inside_legible_and_covers_nothing(browser, family, scheme):
    style = f"text {{ font-family: {family} }}"
    assert await faults_of(browser, generated(), style=style, color_scheme=scheme) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_in_a_picture_of_a_page_is_covered_or_pale(browser, scheme):
    pictures = [named(path.name, path.read_text()) for path in PICTURES.glob("*.svg")]
    assert len(pictures) >= 8
    assert await faults_of(browser, pictures, color_scheme=scheme) == []


# --- how large letters are, where pictures are embedded ------------------------------------------


# {file: width in px at which it is shown} of the pages' SVGs, in a column as GitHub's.
SHOWN = """() => Object.fromEntries([...document.images].filter((image) =>
  image.currentSrc.endsWith(".svg")).map((image) =>
  [image.currentSrc.split("/").at(-1), image.getBoundingClientRect().width]))"""
COLUMN = "body { margin: 0 auto; max-width: 880px; padding: 0 16px } img { max-width: 100% }"


def letters(svg):
    """Smallest and largest letters of a picture at its natural size, in px, and how wide it is."""
    natural = re.search(r"<svg [^>]*>", svg)[0]
    width = float(re.search(r'\bwidth="([\d.]+)"', natural)[1])
    units = width / float(re.search(r'viewBox="0 0 ([\d.]+)', natural)[1])
    # Matplotlib writes 10 points as a scale of 0.1 of its outlines.
    sizes = [float(scale) * 100 for scale in re.findall(r"scale\((0\.\d+) -0\.\d+\)", svg)]
    sizes += [float(size) for size in re.findall(r'font-size="([\d.]+)"', svg)]
    return min(sizes) * units, max(sizes) * units, width


@pytest.mark.parametrize("width", [360, 1000, 1600])
async def test_letters_on_pages_have_the_size_of_text_on_every_screen(browser, width, tmp_path):
    page = await browser.new_page(viewport={"width": width, "height": 800})
    html = "".join(re.findall(r"<picture>.*?</picture>", PAGES, re.DOTALL))
    path = tmp_path / "readme.html"
    path.write_text(f'<base href="{ROOT.as_uri()}/"><style>{COLUMN}</style>{html}')
    await page.goto(path.as_uri())
    shown = await page.evaluate(SHOWN)
    await page.close()
    assert len(shown) == 4
    for name, wide in shown.items():
        smallest, largest, own = letters((PICTURES / name).read_text())
        assert wide <= own + 0.5, f"{name} is not blown up"
        assert smallest * wide / own >= SMALLEST, (name, width)
        assert largest * wide / own <= LARGEST, (name, width)
