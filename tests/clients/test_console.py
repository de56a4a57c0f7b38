"""What a browser's console shows, for the notebooks: where there is a browser, and where not."""

from chatflow.clients.browser import console_of, find_chromium
from helpers.missing import need

SAY_LATE = "new Promise(done => setTimeout(() => { console.error('late'); done(); }, 100))"


async def test_console_is_read_until_the_promise_is_kept(running):
    need("chromium", find_chromium)
    assert await console_of(running(1).url, "console.log('one', 2)") == ["one 2"]
    assert await console_of(running(1).url, SAY_LATE) == ["late"]


async def test_without_a_browser_there_is_no_console(running, monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    assert await console_of(running(1).url, "1") is None
