"""The chat_final that most tests of this folder share, and the browser for those of its pages."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from chatflow.clients.browser import chromium, find_chromium
from final.helpers import FINAL, PATIENCE
from final.users import ALIASED, arriving
from helpers.missing import need


@pytest.fixture(scope="session")
def chat(running):
    return running(FINAL)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    """For tests that stay in the event loop of their file."""
    need("chromium", find_chromium)
    expect.set_options(timeout=PATIENCE * 1000)
    async with chromium(ALIASED) as browser:
        yield browser
    expect.set_options(None)


@pytest_asyncio.fixture(loop_scope="module")
async def arrive(browser):
    async with arriving(browser) as arrive:
        yield arrive
