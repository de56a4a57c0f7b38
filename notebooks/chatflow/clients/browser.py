"""The machine's own Chromium, driven by Playwright: for the browser tests and the screenshots."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import playwright
from playwright.async_api import async_playwright

from ..basics.errors import MissingError
from ..basics.hidden import hidden

# The first is the same engine without windows, and takes half the processor time.
NAMES = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "google-chrome-beta",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "brave-browser",
    "brave",
)
# Where packages put one that is not on PATH.
PLACES = (
    "/snap/bin/chromium",
    "/usr/lib/chromium/chromium",
    "/opt/google/chrome/chrome",
    "/opt/microsoft/msedge/msedge",
    "/opt/brave.com/brave/brave",
    *(
        f"{folder}/{name}.app/Contents/MacOS/{name}"
        for folder in ("/Applications", "~/Applications")
        for name in ("Google Chrome", "Chromium", "Microsoft Edge", "Brave Browser")
    ),
)
# What `playwright install` makes, in a folder for each version.
INSTALLED = (
    "chromium_headless_shell-[0-9]*/chrome-*/chrome-headless-shell",
    "chromium_headless_shell-[0-9]*/chrome-*/headless_shell",
    "chromium-[0-9]*/chrome-*/chrome",
    "chromium-[0-9]*/chrome-mac*/*.app/Contents/MacOS/*",
)
HOW_TO_HAVE_ONE = (
    "`.venv/bin/playwright install chromium-headless-shell` fetches one, without root; on Debian "
    "`apt install chromium` does, too; or set CHROMIUM to the path of yours."
)

# It is to load our pages and nothing else.
SWITCHES = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


def find_chromium():
    """Path of the browser to drive. Raises MissingError if there is none."""
    troubles = []
    for path in candidates():
        if not (trouble := trouble_with(path)):
            return path
        troubles.append(f" ({path}: {trouble})")
    raise MissingError(f"No Chromium to be had{''.join(troubles)}: {HOW_TO_HAVE_ONE}")


def candidates():
    """Paths where there should be a browser, the best one first."""
    if "chromium" in hidden():
        return []
    if wanted := os.environ.get("CHROMIUM"):
        return [shutil.which(wanted) or wanted]
    names = [shutil.which(name) for name in NAMES]
    places = [shutil.which(os.path.expanduser(place)) for place in PLACES]
    return [*filter(None, names), *installed_by_playwright(), *filter(None, places)]


def installed_by_playwright():
    """What Playwright's own installer has put in its folder, the newest version first."""
    found = [sorted(playwright_folder().glob(pattern), key=version) for pattern in INSTALLED]
    return [str(path) for paths in found for path in reversed(paths)]


def playwright_folder():
    wanted = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if wanted == "0":
        return Path(playwright.__file__).parent / "driver" / "package" / ".local-browsers"
    if wanted:
        return Path(wanted)
    cache = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or cache).expanduser() / "ms-playwright"


def version(path):
    return int(re.search(r"/chromium\w*-(\d+)/", str(path))[1])


@cache
def trouble_with(path):
    """Why this program is no browser that runs; None if it is one."""
    # A package may have left a script that asks for another one; a download may lack libraries.
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 30}
    try:
        done = subprocess.run([path, "--version"], errors="replace", check=False, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode:
        said = f"{done.stdout}{done.stderr}".strip().splitlines()
        return said[-1] if said else f"it ends with {done.returncode}"


def has_chromium():
    """Whether there is one; if not, it is said that what needs it is left out."""
    try:
        find_chromium()
    except MissingError as missing:
        print(f"{missing} Without a browser this experiment is left out.")
        return False
    return True


@contextlib.asynccontextmanager
async def chromium(*more, **options):
    """A headless Chromium for the length of an `async with` block, with `more` switches."""
    options = {"executable_path": find_chromium(), **options}
    # Chromium's sandbox refuses to run as root, in a container, say.
    switches = [*SWITCHES, *more, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(args=switches, **options)
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
