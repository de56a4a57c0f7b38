"""The pages of chat_final where a browser, a network or a person is not as one expects."""

import asyncio
import contextlib
import re
import shutil

import pytest
import pytest_asyncio
from playwright.async_api import expect

from chatflow import post
from chatflow.basics.addresses import HOST, Address
from chatflow.basics.hidden import hidden
from chatflow.clients.browser import chromium
from chatflow.clients.visitor import PASSWORD
from final.helpers import FINAL, PATIENCE, in_database, session_of, store
from final.users import ALIAS, BACK, OFFLINE, arriving, look_at
from helpers.browser import UNREACHABLE

# One browser and one run of the stage for all tests of this file: they stay in one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

# As a proxy may write our origin: one that the server is told to trust, and one that it is not.
TRUSTED, STRANGE = "https://localhost:8443", "https://localhost:8000"
SETTINGS = {"ALLOWED_HOSTS": f"{HOST},{ALIAS},localhost", "TRUSTED_ORIGINS": TRUSTED}
KEPT = 300
MOST_LAYOUTS = 100
TOO_LONG = "Not sent: this is too long for one message. Shorten it, or send it in parts."
FAILED = "Something has failed on this page. Reload it, and try again."
# Left and shown again by way of the browser's back/forward cache, which headless ones do not have.
LEAVE, RETURN = [
    f"dispatchEvent(new PageTransitionEvent('{kind}', {{ persisted: true }}))"
    for kind in ("pagehide", "pageshow")
]
# Returns when nothing has come into the list for a second.
ALL_SHOWN = """() => new Promise((done) => {
  const list = document.querySelector("#messages");
  let timer = setTimeout(done, 1_000);
  const again = () => { clearTimeout(timer); timer = setTimeout(done, 1_000); };
  new MutationObserver(again).observe(list, { childList: true });
})"""
# Notes whenever something is left out between two messages on the page.
NOTE_GAPS = """() => {
  window.gaps = 0;
  const number = (text) => Number(text.textContent.replace("number ", ""));
  new MutationObserver(() => {
    const shown = [...document.querySelectorAll("#messages p")].map(number);
    gaps += shown.some((each, index) => each > shown[index - 1] + 1);
  }).observe(document.querySelector("#messages"), { childList: true });
}"""
COUNT_UP = "UPDATE chat_room SET last_seq = last_seq + ? WHERE name = ?"
DELETE = """
INSERT INTO chat_message (room_name, seq, author, client_id, text, sent_at, deletes_id)
SELECT room_name, (SELECT last_seq + 1 FROM chat_room WHERE name = room_name), author,
  lower(hex(randomblob(16))), '', sent_at, id
FROM chat_message WHERE room_name = ? AND text = ?
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chat(start):
    async with start(FINAL, settings=SETTINGS) as chat:
        yield chat


# --- browsers that lack something, or name it otherwise -------------------------------------


async def test_a_page_of_plain_http_under_another_name_sends(chat, arrive, room_name):
    alice, url = await arrive("alice"), chat.url.replace(HOST, ALIAS)
    cookie = {"name": "sessionid", "value": await session_of(chat, "alice"), "url": url}
    await alice.page.context.add_cookies([cookie])
    await alice.page.goto(f"{url}/chat/{room_name}/")
    await alice.is_live()
    assert not await alice.page.evaluate("isSecureContext"), "this should be such a page"
    await alice.say("from a phone")
    await alice.sees(("alice", "from a phone"))
    [[client_id]] = in_database(
        chat, "SELECT client_id FROM chat_message WHERE room_name = ?", room_name
    )
    # A header that such a page need not have, and that the browser tells us it does without.
    alice.forgive("Cross-Origin-Opener-Policy")
    assert re.fullmatch("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", client_id), "no UUID"


async def test_nothing_that_fails_on_a_page_is_silent(alice):
    await alice.page.evaluate("void (crypto.getRandomValues = () => { throw Error('none') })")
    await alice.say("hello")
    await expect(alice.refused, "a handler that throws should be told").to_have_text(FAILED)
    await expect(alice.text_field, "the text should stay").to_have_value("hello")
    await alice.page.reload()
    await alice.is_live()
    await expect(alice.refused).to_be_empty()
    await alice.page.evaluate("void Promise.reject(Error('later'))")
    await expect(alice.refused, "what fails later should be told").to_have_text(FAILED)
    alice.forgive("^uncaught (none|later)")


async def test_the_enter_that_ends_a_word_of_an_input_method_sends_nothing(alice):
    await alice.text_field.fill("にほん")
    enter_key = """(field, init) => field.dispatchEvent(new KeyboardEvent(
      "keydown", { key: "Enter", bubbles: true, cancelable: true, ...init }))"""
    # Safari's, and what all others say.
    for init in ({"keyCode": 229}, {"keyCode": 229, "isComposing": True}):
        assert await alice.text_field.evaluate(enter_key, init), f"{init}: the word should end"
        await expect(alice.text_field, "the text should stay").to_have_value("にほん")
    assert not await alice.text_field.evaluate(enter_key, {"keyCode": 13})
    await alice.sees(("alice", "にほん"))


async def begin(user, room_name, **options):
    """Begin a private room, on the page that lists all rooms."""
    await user.page.get_by_label("Room name").last.fill(room_name)
    await user.page.get_by_role("button", name="Begin").click(**options)


# --- texts that are too long ----------------------------------------------------------------


async def test_of_a_text_that_is_too_long_all_stays_until_it_fits(alice):
    length, text, keyboard = alice.page.locator("#length"), alice.text_field, alice.page.keyboard
    await text.fill("x" * 1_800)
    await expect(length, "nobody counts while there is room").to_be_empty()
    await text.fill("")
    await keyboard.insert_text("x" * 2_500)
    await expect(text, "nothing should be cut off").to_have_value("x" * 2_500)
    await expect(length).to_have_text("2,500 of 2,000")
    for send in (text.press("Enter"), alice.page.get_by_role("button", name="Send").click()):
        await send
        await expect(alice.refused).to_have_text(TOO_LONG)
        await expect(text, "nothing should be lost").to_have_value("x" * 2_500)
    await alice.keeps_waiting()
    await look_at(alice)
    # As the server counts: code points, and no white space at the ends.
    await text.fill(f" {'😀' * 2_001}\n")
    await expect(length).to_have_text("2,001 of 2,000")
    await text.fill(f" {'😀' * 2_000}\n")
    await expect(length).to_have_text("2,000 of 2,000")
    await text.press("Enter")
    await alice.sees(("alice", "😀" * 2_000))
    await expect(alice.refused).to_be_empty()
    await expect(length).to_be_empty()


async def test_a_name_that_is_too_long_is_refused_in_words_and_not_cut(chat, arrive, room_name):
    alice = await arrive("alice")
    await alice.page.goto(f"{chat.url}/accounts/signup/")
    await alice.page.get_by_label("Username").focus()
    await alice.page.keyboard.insert_text("x" * 60)
    await alice.fill_in(password1=PASSWORD, password2=PASSWORD)
    await expect(alice.page.get_by_role("alert")).to_contain_text("at most 50 characters")
    await expect(alice.page.get_by_label("Username")).to_have_value("x" * 60)
    await alice.log_in(chat)
    await alice.page.goto(f"{chat.url}/")
    await begin(alice, room_name)
    invite = alice.page.get_by_label("Name of somebody to invite")
    await invite.focus()
    await alice.page.keyboard.insert_text("x" * 60)
    await invite.press("Enter")
    await expect(alice.page.get_by_role("alert").first).to_contain_text("nobody of this name")
    await expect(invite).to_have_value("x" * 60)
    alice.forgive("status of 400")


async def test_a_script_that_comes_late_takes_the_focus_from_no_field(chat, arrive, room_name):
    alice, begun = await arrive("alice"), asyncio.Event()
    await alice.log_in(chat)
    await alice.page.goto(f"{chat.url}/")

    async def late(route):
        await begun.wait()
        await route.continue_()

    await alice.page.route("**/chat.*js", late)
    await begin(alice, room_name, no_wait_after=True)
    invite = alice.page.get_by_label("Name of somebody to invite")
    await invite.press_sequentially("bo")
    begun.set()
    await expect(alice.status).to_have_text("Live")
    await expect(invite, "the script took the focus from a field in use").to_be_focused()
    await alice.page.reload()
    await expect(alice.text_field, "a new page begins at the message").to_be_focused()


# --- pages that were left -------------------------------------------------------------------


async def test_who_leaves_a_page_is_gone_and_comes_back_to_a_new_one(alice, bob):
    await expect(bob.people).to_have_text(["alice", "bob"])
    await alice.say("hello")
    await bob.sees(("alice", "hello"))
    await alice.page.evaluate(LEAVE)
    await expect(bob.people, "a page that was left holds no socket").to_have_text(["bob"])
    await alice.say("this waits")
    await alice.text_field.fill("half of it")
    await bob.say("are you there?")
    await alice.page.evaluate(LEAVE)
    loads = len(alice.loads)
    await alice.page.evaluate(RETURN)
    said = [("alice", "hello"), ("bob", "are you there?"), ("alice", "this waits")]
    for user in (alice, bob):
        await user.sees(*said)
    assert len(alice.loads) == loads + 1, "it should have been loaded again"
    await expect(alice.text_field, "what is half written should stay").to_have_value("half of it")
    await expect(bob.people).to_have_text(["alice", "bob"])
    await alice.text_field.press("Enter")
    await bob.sees(*said, ("alice", "half of it"))
    await alice.page.reload()
    await expect(alice.text_field, "what was sent should not come back").to_have_value("")


async def test_back_shows_no_conversation_of_before_a_logout(chat, room_name):
    full = shutil.which("chromium") or shutil.which("google-chrome")
    if not full or "chromium" in hidden():
        # Not insisted upon in CI, as a browser without windows will do for all other tests.
        pytest.skip("Only a full Chromium has a back/forward cache (Debian: apt install chromium).")
    options = {
        "executable_path": full,
        "ignore_default_args": ["--disable-back-forward-cache", "--headless"],
    }
    async with chromium("--headless=new", **options) as browser, arriving(browser) as arrive:
        alice, bob = await arrive("alice"), await arrive("bob")
        for user in (alice, bob):
            await user.log_in(chat)
            await user.page.goto(f"{chat.url}/")
            await user.page.goto(f"{chat.url}/chat/{room_name}/")
            await user.is_live()
        await bob.say("between you and me")
        await alice.sees(("bob", "between you and me"))
        await alice.text_field.fill("half of it")
        await alice.page.get_by_role("link", name="All rooms").click()
        await alice.is_at("Rooms")
        await expect(bob.people, "who has left is not here any more").to_have_text(["bob"])
        await alice.page.go_back()
        await alice.is_live()
        await expect(alice.text_field).to_have_value("half of it")
        await alice.page.get_by_role("button", name="Log out").click()
        await expect(alice.page.get_by_role("link", name="Log in")).to_be_visible()
        await alice.page.go_back()
        await alice.is_at("Log in")


# --- more messages than a page can show at once ---------------------------------------------


@contextlib.asynccontextmanager
async def few_layouts_for_missed(chat, user, room_name):
    """Their network is away while bob writes a thousand messages, and is back for the block."""
    await user.offline()
    await expect(user.status).to_have_text(re.compile(f"^{OFFLINE}"))
    store(chat, room_name, numbers(1, 1_000), "bob")
    session = await user.page.context.new_cdp_session(user.page)
    await session.send("Performance.enable")
    before = await layouts(session)
    await user.offline(False)
    await user.is_live()
    yield
    count = await layouts(session) - before
    assert count < MOST_LAYOUTS, f"{count} layouts: messages that come at once are shown at once"


async def layouts(session):
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    return next(int(each["value"]) for each in metrics if each["name"] == "LayoutCount")


async def test_of_a_thousand_missed_messages_the_newest_are_shown_at_once(chat, enter, room_name):
    await post(chat, room_name, "alice", "before")
    alice = await enter("alice")
    await alice.page.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
    texts = alice.page.locator("#messages p")
    async with few_layouts_for_missed(chat, alice, room_name):
        await expect(texts.last).to_have_text("number 1000", **BACK)
    await expect(texts, "the page should begin again at the newest").to_have_count(KEPT)
    assert await texts.all_text_contents() == numbers(1_001 - KEPT, 1_000), "each, and in order"
    title = await alice.page.title()
    assert title.startswith(f"(1000) {room_name} "), "each should be counted as unread"
    await expect(texts.last).to_be_in_viewport()
    await expect(alice.items.first).to_have_attribute("data-day", re.compile("."))
    earlier = alice.page.get_by_role("button", name="Earlier messages")
    await earlier.focus()
    await earlier.press("Enter")
    await expect(texts.first, "the others should come back").to_have_text(f"number {951 - KEPT}")
    await expect(texts).to_have_count(KEPT + 50)
    # One that is on the page, and one that is not.
    for number in (1_000, 1):
        in_database(chat, DELETE, room_name, f"number {number}")
        in_database(chat, COUNT_UP, 1, room_name)
    await expect(texts.last).to_have_text("deleted")
    await alice.say("I am back")
    await expect(texts.last).to_have_text("I am back")
    await expect(texts, "the list should not grow for ever").to_have_count(KEPT)
    await alice.keeps_waiting()


async def test_who_reads_further_up_stays_there_whatever_comes(chat, enter, room_name):
    for verse in "ABC":
        await post(chat, room_name, "bob", "\n".join(f"{verse} {line}" for line in range(20)))
    alice = await enter("alice")
    texts = alice.page.locator("#messages p")
    await alice.page.evaluate("document.querySelector('#scroller').scrollTop = 100")
    newest = alice.page.get_by_role("button", name="New messages")
    async with few_layouts_for_missed(chat, alice, room_name):
        await expect(newest).to_be_visible()
        await expect(texts.nth(600), "some hundreds are shown").to_be_attached()
    await alice.page.evaluate(ALL_SHOWN)
    shown = await texts.all_text_contents()
    assert len(shown) < 700, "some hundreds, and not all: a layout of thousands takes too long"
    assert shown[3:] == numbers(1, len(shown) - 3), "what follows what is read should follow it"
    place = "document.querySelector('#scroller').scrollTop"
    assert await alice.page.evaluate(place) == 100, "what was read should stay there"
    await alice.page.evaluate(NOTE_GAPS)
    await newest.click()
    await expect(texts.last).to_have_text("number 1000")
    assert not await alice.page.evaluate("gaps"), "nothing should be left out, not for a moment"
    await expect(texts).to_have_count(KEPT)
    assert await texts.all_text_contents() == numbers(1_001 - KEPT, 1_000), "each, and in order"
    await expect(texts.last).to_be_in_viewport()
    await expect(newest).to_be_hidden()


def numbers(first, last):
    return [f"number {number}" for number in range(first, last + 1)]


# --- what a browser believes of the network --------------------------------------------------


async def test_whatever_the_browser_believes_the_page_asks_at_once(alice):
    sent, answered, said = [], [], []
    [socket] = alice.sockets
    socket.on("framesent", lambda frame: sent.append(frame))
    socket.on("framereceived", lambda frame: '"history"' in frame and answered.append(frame))
    await alice.page.evaluate("Object.defineProperty(navigator, 'onLine', { value: false })")
    for event in ("offline", "online", "visibilitychange"):
        sent.clear()
        answered.clear()
        target = "document" if event == "visibilitychange" else "window"
        await alice.page.evaluate(f"void {target}.dispatchEvent(new Event('{event}'))")
        async with asyncio.timeout(PATIENCE):
            while not answered:
                await alice.page.evaluate("0")
        assert len(sent) == 1, f"{event}: one question is enough"
        said.append(("alice", f"I am here: {event}"))
        await alice.say(said[-1][1])
        await alice.sees(*said)
    assert await alice.spoken() == ["Live"], "a server that answers is there"
    assert len(alice.sockets) == 1, "a socket that lives should be kept"


async def test_a_browser_that_believes_it_is_offline_still_finds_the_server(chat, alice):
    await alice.page.evaluate("Object.defineProperty(navigator, 'onLine', { value: false })")
    await alice.page.evaluate("void window.dispatchEvent(new Event('offline'))")
    await asyncio.to_thread(chat.instances[0].kill)
    await expect(alice.status).to_have_text(OFFLINE)
    # Sooner than a page that waits for the browser to say "online", or for a sign of life.
    async with alice.page.expect_websocket(timeout=PATIENCE * 1000):
        pass
    await asyncio.to_thread(chat.instances[0].start)
    await alice.is_live()
    alice.forgive(UNREACHABLE)


# --- a proxy that changes the origin --------------------------------------------------------


@contextlib.asynccontextmanager
async def tunnel(chat, origin, more=b""):
    """Address of a relay that tells the server another host, and another origin, than it has."""
    host = origin.removeprefix("https://").encode()
    names = {b"Host": host + more, b"Origin": origin.encode()}

    def changed(piece):
        return re.sub(rb"(?<=\r\n)(Host|Origin): [^\r]*", replace, piece)

    def replace(found):
        return found[1] + b": " + names[found[1]]

    async def carry(reader, writer, change=bytes):
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while piece := await reader.read(65_536):
                writer.write(change(piece))
                await writer.drain()

    async def accept(reader, writer):
        server_reader, server_writer = await asyncio.open_connection(HOST, chat.instances[0].port)
        ways = (carry(reader, server_writer, changed), carry(server_reader, writer))
        await asyncio.gather(*ways)

    server = await asyncio.start_server(accept, HOST, 0)
    async with server:
        address = Address(server.sockets[0].getsockname()[1])
        address.site = chat.url
        yield address


async def test_a_changed_origin_is_told_with_what_to_set(chat, arrive, room_name):
    came, expected = STRANGE, STRANGE.replace("https", "http")
    async with tunnel(chat, came) as address:
        alice = await arrive("alice")
        await alice.log_in(chat)
        await alice.page.goto(f"{address.url}/chat/{room_name}/")
        words = re.compile(
            f"Not live: .* {re.escape(expected)}, .*{re.escape(address.url)}.*TRUSTED_ORIGINS"
        )
        await expect(alice.status, "it should say what is wrong").to_have_text(words)
        await look_at(alice)
        log = chat.instances[0].program.said()
        assert re.search(f"TRUSTED_ORIGINS.*{came}.*{expected}", log), "the log names it"
        await alice.page.get_by_role("button", name="Log out").click()
        await alice.is_at("Nothing was changed")
        for word in (came, expected, f"TRUSTED_ORIGINS={came}"):
            await expect(alice.page.locator("main")).to_contain_text(word)
        await look_at(alice)
        alice.forgive("status of 403|WebSocket connection to")


# Trusted, or told by the proxy that it has taken the TLS off.
@pytest.mark.parametrize(
    ("origin", "more"),
    [(TRUSTED, b""), (STRANGE, b"\r\nX-Forwarded-Proto: https")],
    ids=["trusted", "told"],
)
async def test_a_changed_origin_is_let_in_once_it_is_known(chat, arrive, room_name, origin, more):
    async with tunnel(chat, origin, more) as address:
        dora = await arrive("dora")
        await dora.log_in(chat)
        await dora.page.goto(f"{address.url}/chat/{room_name}/")
        await dora.is_live()
        await dora.say("hello")
        await dora.sees(("dora", "hello"))
        await dora.page.get_by_role("button", name="Log out").click()
        await dora.is_at("Rooms")
