"""The walkthrough as the learner meets it: `lab.sh`, JupyterLab, the first notebook."""

import asyncio
import contextlib
import os
import re
import subprocess
import time

import pytest
import pytest_asyncio
from playwright.async_api import expect

from chatflow.basics.catalog import ROOT
from chatflow.basics.errors import MissingError
from chatflow.clients.browser import chromium, find_chromium
from chatflow.running.ports import free_port
from chatflow.running.processes import Program, RunFolder
from helpers.missing import leave_out

START_SECONDS = 60
CUT_CODE = """[...document.querySelectorAll(".jp-CodeCell .cm-scroller")]
    .filter(code => code.scrollWidth > code.clientWidth + 1).map(code => code.textContent)"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@contextlib.asynccontextmanager
async def jupyter_lab(**variables):
    """Run lab.sh without opening a browser; yields the address of the first notebook in it."""
    files = RunFolder("lab")
    options = ["--no-browser", "--ServerApp.token=", "--port", str(free_port())]
    try:
        command = [ROOT / "scripts" / "lab.sh", *options]
        # Not the tabs that the user has left open.
        workspaces = {"JUPYTERLAB_WORKSPACES_DIR": str(files.path / "workspaces")}
        log, environment = files.path / "lab.log", os.environ | workspaces | variables
        server = Program(command, folder=files, log=log, env=environment)
        yield f"{await address(server)}/lab/tree/notebooks/00_start_here.ipynb"
    finally:
        await asyncio.to_thread(files.close)


async def address(server):
    give_up_at = time.monotonic() + START_SECONDS
    while not (said := re.search(r"(http://127\.0\.0\.1:\d+)/lab", server.log.read_text())):
        assert server.poll() is None, server.last_lines()
        assert time.monotonic() < give_up_at, server.last_lines()
        await asyncio.sleep(0.05)
    return said[1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def new_page():
    """Call it for a page of the one browser."""
    try:
        find_chromium()
    except MissingError as error:
        leave_out("chromium", error)
    async with chromium() as browser:
        context = await browser.new_context(viewport={"width": 1000, "height": 1000})
        yield context.new_page


async def run_cell(page, prompt):
    """Run a cell by its key, as a person does: again if a page still at work has not taken it."""
    async with asyncio.timeout(START_SECONDS):
        taken = False
        while not taken:
            await prompt.click()  # a key goes to the cell that was clicked, wherever focus was
            await page.keyboard.press("Shift+Enter")
            taken = await is_taken(prompt)
    await expect(prompt).to_have_text(re.compile(r"^\[\d+\]:$"), timeout=START_SECONDS * 1000)


async def is_taken(prompt, seconds=3):
    try:
        await expect(prompt).not_to_have_text("[ ]:", timeout=seconds * 1000)
    except AssertionError:
        return False
    return True


async def test_lab_opens_the_first_notebook_trusted_and_runs_its_cells(new_page):
    async with jupyter_lab() as url:
        page = await new_page()
        await page.goto(url)
        heading = page.get_by_role("heading", name="one chat, built up")
        await expect(heading).to_be_visible(timeout=START_SECONDS * 1000)
        await expect(page.get_by_title("Notebook trusted", exact=False)).to_be_visible()
        kernel = page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")
        await expect(kernel).to_be_visible(timeout=START_SECONDS * 1000)
        await expect(page.locator(".jp-FileBrowser")).to_be_hidden()
        await page.set_viewport_size({"width": 700, "height": 1000})
        await expect(page.locator(".jp-CodeCell .cm-content").first).to_be_visible()
        assert await page.evaluate(CUT_CODE) == [], "code is wrapped"
        await page.set_viewport_size({"width": 1000, "height": 1000})
        # The first two cells of code: the imports, and the map that is read from steps.toml.
        for number in (1, 2):
            await run_cell(page, page.locator(".jp-CodeCell .jp-InputPrompt").nth(number - 1))
        stage_map = page.locator(".jp-OutputArea-output table").first
        await expect(stage_map).to_contain_text("A WSGI view")
        await expect(page.get_by_text("Jupyter news")).to_have_count(0)
        # Before its own cell is run: the SVG, in which the message moves.
        await see_picture(page, ".jp-RenderedSVG")


async def test_untrusted_notebook_shows_its_flow_pictures_before_any_cell_is_run(
    new_page, tmp_path
):
    # So that lab.sh finds all trusted, and trusts none where Jupyter looks here.
    await asyncio.to_thread(subprocess.run, [ROOT / "scripts" / "bootstrap.sh"], check=True)
    # An empty folder is somebody who has just come.
    async with jupyter_lab(JUPYTER_DATA_DIR=str(tmp_path)) as url:
        page = await new_page()
        await page.goto(url)
        trust = page.get_by_title("Notebook not trusted", exact=False)
        await expect(trust).to_be_visible(timeout=START_SECONDS * 1000)
        await see_picture(page, ".jp-RenderedImage")


async def see_picture(page, kind):
    picture = page.locator(f"{kind} img").first
    await picture.scroll_into_view_if_needed(timeout=START_SECONDS * 1000)
    await expect(picture).to_be_visible()
    width = await picture.evaluate("image => image.complete ? image.naturalWidth : 0")
    assert width > 100, "a picture that shows"
    if kind == ".jp-RenderedSVG":
        shown = await picture.evaluate("image => image.getBoundingClientRect().width")
        assert shown == pytest.approx(width, abs=1), "as large as it was drawn: it scrolls"
