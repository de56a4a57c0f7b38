"""The page `today.md` says what its program has found, and what can be tried here is still so."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from chatflow.bench.measuring import kept
from chatflow.clients.browser import find_chromium
from chatflow.running.servers import ASGI_SERVERS
from helpers.missing import need
from labs import today

TELL_OF_IT = b"webtransport"


def test_page_shows_what_was_kept():
    text = today.PAGE.read_text()
    assert today.written(text, kept("today")) == text, "run labs/today.py --keep"


def test_wheels_of_all_that_is_compiled_were_asked_for():
    facts = kept("today")
    assert list(facts["wheels"]) == list(today.COMPILED)
    assert facts["versions"]["uvloop"] in facts["wheels"]["uvloop"]
    assert 0.3 < facts["uvloop"] < 1, "uvloop was quicker"


@pytest.mark.browser
async def test_a_browser_has_both_interfaces_and_no_server_for_one():
    need("chromium", find_chromium)
    _, found = await today.in_a_browser()
    assert found == kept("today")["browser"]


@pytest.mark.parametrize("server", ASGI_SERVERS)
def test_no_server_speaks_webtransport(server):
    folder = Path(find_spec(server.removesuffix("-asgi")).origin).parent
    files = [path for path in folder.rglob("*") if path.suffix in {".py", ".so"}]
    assert files
    speaks = [path for path in files if TELL_OF_IT in path.read_bytes().lower()]
    assert not speaks, "then today.md has to say so"
