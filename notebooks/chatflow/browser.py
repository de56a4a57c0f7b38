"""The machine's own Chromium, driven by Playwright: for the browser tests and the screenshots."""

import contextlib
import os
import shutil

from playwright.async_api import async_playwright

from .errors import MissingError

# The first is the same engine without windows, and takes half the processor time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

# It shall load our pages and nothing else.
SWITCHES = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


def find_chromium():
    """Path of the browser to drive. Raises MissingError if there is none."""
    wanted = os.environ.get("CHROMIUM")
    for name in [wanted] if wanted else NAMES:
        if found := shutil.which(name):
            return found
    missing = f"CHROMIUM is {wanted!r}, which cannot be run" if wanted else "No Chromium to be had"
    raise MissingError(
        f"{missing}: install one (Debian: apt install chromium), or set CHROMIUM to its path."
    )


def has_chromium():
    """Whether there is one; if not, it is said that what needs it is left out."""
    try:
        find_chromium()
    except MissingError as missing:
        print(f"{missing} Without a browser this experiment is left out.")
        return False
    return True


@contextlib.asynccontextmanager
async def chromium():
    """A headless Chromium for the length of an `async with` block."""
    path = find_chromium()
    # Chromium's sandbox refuses to run as root, in a container, say.
    switches = SWITCHES + (["--no-sandbox"] if os.geteuid() == 0 else [])
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=switches)
        try:
            yield browser
        finally:
            await browser.close()


async def console_of(url, javascript):
    """Run this on the page at `url`; returns what its console shows, or None without a browser.

    If the JavaScript evaluates to a promise, the lines are those up to its end.
    """
    try:
        find_chromium()
    except MissingError:
        return None
    lines = []
    async with chromium() as browser:
        page = await browser.new_page()
        page.on("console", lambda entry: lines.append(entry.text))
        await page.goto(url)
        await page.evaluate(javascript)
    return lines
