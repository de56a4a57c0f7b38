"""The chat_final that most tests of this folder share, and the browser for those of its pages."""

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, settings
from playwright.async_api import expect

from chatflow.clients.browser import chromium, find_chromium
from chatflow.probing.people import new_room
from chatflow.running import postgres
from final.helpers import FINAL, PATIENCE
from final.users import ALIASED, arriving
from helpers.missing import need
from helpers.talking import new_name

CASES, TIMES_WITH_FAULTS = 60, 20


def pytest_configure(config):
    """With how many cases test_fuzz.py tries a property."""
    times = TIMES_WITH_FAULTS if config.getoption("--faults", default=False) else 1
    settings.register_profile(
        "cases",
        max_examples=CASES * times,
        deadline=None,
        database=None,
        print_blob=True,
        # Nothing is explained: a try may take a second, as Daphne looks for what fails once in one.
        phases=(Phase.generate, Phase.shrink),
        # It measures this machine, which others may be using; and all cases share their fixtures.
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


@pytest.fixture(scope="session")
def chat(running):
    return running(FINAL)


@pytest.fixture
def room_name():
    """A room in which nobody has written yet."""
    return new_room()


@pytest.fixture
def name():
    """Somebody new, whose limits nobody has used up."""
    return new_name()


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL."""
    need("postgresql", postgres.find_binaries)
    with postgres.server() as server:
        yield server


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


@pytest.fixture
def enter(chat, arrive, room_name):
    """Call it with a name, and options of a context: somebody is live in the room."""

    async def enter(name, instance=chat, **options):
        user = await arrive(name, **options)
        await user.enter(instance, room_name)
        await user.is_live()
        return user

    return enter


@pytest_asyncio.fixture(loop_scope="module")
async def alice(chat, enter):
    return await enter("alice", chat.instances[0])


@pytest_asyncio.fixture(loop_scope="module")
async def bob(chat, enter):
    return await enter("bob", chat.instances[-1])
