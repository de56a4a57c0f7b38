"""The live page of run_step.sh --flow: what people who chat cause, in a browser next to it."""

import json
import re
import signal
import time

import httpx
import psutil
import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.async_api import expect

from chatflow.basics.addresses import Address
from chatflow.basics.catalog import LIVE_SECONDS
from chatflow.clients.sockets import connect, frame, next_of
from chatflow.drawing.folding import hop_words, station_titles
from chatflow.tracing.book import Book
from chatflow.tracing.flows import Scene, find_message, make_flow
from chatflow.tracing.hops import Hop
from chatflow.tracing.recent import SPARE, TRACES, Recent
from chatflow.tracing.redis_commands import Command, as_hops
from helpers import scripts
from helpers.browser import assert_fits_and_can_be_read

# One browser for all tests of this file: it has to stay in one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

RED = re.compile(r"\bbad\b")
STOP_WITH_A_PAGE_SECONDS = 5


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return scripts.copy_repository(tmp_path_factory.mktemp("flow"))


@pytest.fixture(scope="module")
def two_on_redis(repository):
    with scripts.step(repository, "6", "--instances", "2", "--flow") as running:
        yield running


def flow_url(running):
    return re.search(r"flow page +(http\S+/)\n", running.said)[1]


@pytest_asyncio.fixture(loop_scope="module")
async def watch(browser):
    """Call it with a Step for its flow page in a browser; it may not complain of anything."""
    troubles, contexts = [], []

    async def watch(running, width=1400, hurried=True):
        contexts.append(await browser.new_context(viewport={"width": width, "height": 900}))
        page = await contexts[-1].new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda entry: troubles.append(entry.text))
        await page.goto(flow_url(running))
        await expect(page.locator("#connection")).to_have_text("Live")
        if hurried:
            await hurry(page)
        return page

    yield watch
    for context in contexts:
        await context.close()
    # That the stream breaks off when the stage ends is what we wait for.
    assert [each for each in troubles if "ERR_" not in each] == []


async def hurry(page):
    """Play as fast as nobody could watch."""
    await page.evaluate("document.querySelector('#speed option:last-child').value = 30")
    await page.select_option("#speed", "30")


async def enter(arrive, running, *names):
    """People in a room of their own, each on another instance."""
    people = [await arrive(name) for name in names]
    for person, url in zip(people, running.urls, strict=False):
        await person.page.goto(f"{url}/chat/lobby/")
        await person.name_field.fill(person.name)
        if "WebSocket" in await person.page.content():
            await expect(person.status).to_have_text("Connected by WebSocket")
    return people


def in_list(page, title):
    return page.locator("#recent button").filter(has=page.get_by_text(title, exact=True))


async def plays_to_the_end(page, title):
    await expect(page.locator("#title")).to_have_text(title)
    await expect(page.locator("#picture svg.finished")).to_be_visible(timeout=10_000)


# --- two users chat -------------------------------------------------------------------------------


async def test_each_message_is_listed_with_its_author_and_its_recorded_hops_are_played(
    two_on_redis, watch, arrive
):
    page = await watch(two_on_redis)
    alice, bob = await enter(arrive, two_on_redis, "alice", "bob")
    await alice.say("hello bob")
    await plays_to_the_end(page, "alice: hello bob")
    await bob.say("hello alice")
    await plays_to_the_end(page, "bob: hello alice")
    await expect(page.locator("#verdict")).to_have_text("reached everybody")
    for title in ("alice: hello bob", "bob: hello alice"):
        await expect(in_list(page, title)).to_contain_text("reached everybody")
    await drawn_arrows_and_words_are_the_hops(page, recorded_flow(two_on_redis, "hello alice"))


async def drawn_arrows_and_words_are_the_hops(page, flow):
    hops, titles = flow.handshake + flow.hops, station_titles(flow)
    arrows = page.locator("#picture .hop")
    assert await arrows.evaluate_all("all => all.map(each => each.dataset.hop)") == [
        hop.id for hop in hops
    ]
    assert "layer/redis-1" in {hop.target for hop in hops if hop.kind == "redis"}
    await page.keyboard.press("r")
    await page.keyboard.press(" ")
    for number, hop in enumerate(hops, 1):
        await page.locator("#position").fill(str(number))
        await expect(page.locator("#words")).to_have_text(hop_words(number, hop, titles))
        assert await page.locator("#picture :is(.past, .now)").count() == number


def recorded_flow(running, text):
    """The flow as the trace folder has it, read by nothing that the page is made with."""
    [folder] = (
        each for each in scripts.run_folders(running.repository) if each.name.startswith("06")
    )
    hops = [Hop(**entry) for entry in entries(folder, "*.jsonl")]
    commands = as_hops([Command(**entry) for entry in entries(folder, "*.commands")], hops)
    book = Book(sorted([*hops, *commands], key=lambda hop: hop.at))
    return make_flow(book, find_message(book, text), Scene("", dict.fromkeys("AB", "daphne")))


def entries(folder, pattern):
    paths = sorted((folder / "trace").glob(pattern))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


async def test_each_hop_can_be_opened_by_keyboard_alone(two_on_redis, watch, arrive):
    page = await watch(two_on_redis)
    alice, bob = await enter(arrive, two_on_redis, "alice", "bob")
    await alice.say("open me")
    await plays_to_the_end(page, "alice: open me")
    flow = recorded_flow(two_on_redis, "open me")
    hops, focused = flow.handshake + flow.hops, page.locator("#picture .hop:focus")
    await page.locator("#picture").focus()
    for hop in hops[:3]:
        await page.keyboard.press("Tab")
        await expect(focused, "in the order of the picture").to_have_attribute("data-hop", hop.id)
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog")
    for number, hop in enumerate(hops[1:], 2):
        await expect(sheet.get_by_role("heading")).to_have_text(re.compile(rf"^{number}\. "))
        rows = await page.locator("#rows div").evaluate_all(ROWS)
        assert rows == [list(row) for row in hop.show().rows], hop
        await page.keyboard.press("ArrowRight")
    await bob.say("meanwhile")
    await expect(in_list(page, "bob: meanwhile")).to_contain_text("next")
    await expect(page.locator("#title"), "what is read stays").to_have_text("alice: open me")
    await page.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()
    await plays_to_the_end(page, "bob: meanwhile")


ROWS = "all => all.map((row) => [...row.children].map((part) => part.textContent))"


async def test_an_opened_hop_can_be_read_by_everybody(two_on_redis, watch, arrive):
    page = await watch(two_on_redis)
    await page.emulate_media(reduced_motion="reduce")  # so that nothing moves under the mouse
    (alice,) = await enter(arrive, two_on_redis, "alice")
    await alice.say("read me")
    await plays_to_the_end(page, "alice: read me")
    sheet, close = page.get_by_role("dialog"), page.get_by_role("button", name="Close")
    arrow = page.locator("#picture .hop").last  # it is in view, and not under the heads
    await arrow.locator(".hit").click(force=True)  # a line has no area, says Playwright
    await expect(sheet).to_contain_text('frame{"type": "message"')
    await close.click()
    await expect(arrow, "the focus is back").to_be_focused()
    await page.evaluate(AXE_SCRIPT)
    for width, form in ((1400, "Sequence"), (360, "Map")):
        await page.set_viewport_size({"width": width, "height": 740})
        await page.get_by_role("radio", name=form).check()
        await axe_finds_nothing(page, f"{width} px")
        arrow = page.locator("#picture").get_by_role("button").last
        await arrow.press("Enter")
        await expect(sheet).to_contain_text("read me")
        await axe_finds_nothing(page, f"{width} px, opened")
        await assert_fits_and_can_be_read(page)
        await page.keyboard.press("Escape")
        await expect(arrow).to_be_focused()


async def axe_finds_nothing(page, where):
    parts = "{ include: ['#player', '#opened'] }"
    found = await page.evaluate(f"axe.run({parts}, {{ resultTypes: ['violations'] }})")
    report = AxeResults(found).generate_report()
    assert not found["violations"], f"axe at {where}: {report}"


async def test_pause_step_and_replay(two_on_redis, watch, arrive):
    page = await watch(two_on_redis, hurried=False)
    count, position = page.locator("#count"), page.locator("#position")
    (alice,) = await enter(arrive, two_on_redis, "alice")
    await alice.say("slowly, please")
    await expect(page.locator("#title")).to_have_text("alice: slowly, please")
    await page.get_by_role("button", name="Pause").click()
    held = int(await position.input_value())
    await page.get_by_role("button", name="One hop on").click()
    await expect(count).to_have_text(re.compile(f"^{held + 1} / "))
    await page.keyboard.press("ArrowLeft")
    await expect(count).to_have_text(re.compile(f"^{held} / "))
    await alice.say("meanwhile")
    await expect(in_list(page, "alice: meanwhile")).to_contain_text("next")
    await expect(page.locator("#title"), "what is held stays").to_have_text("alice: slowly, please")
    await hurry(page)
    await page.get_by_role("button", name="Play", exact=True).click()
    await plays_to_the_end(page, "alice: meanwhile")
    await page.get_by_role("button", name="Replay").click()
    await expect(page.locator("#verdict")).to_have_text("on its way")
    await plays_to_the_end(page, "alice: meanwhile")


async def test_an_older_message_can_be_picked_by_keyboard(two_on_redis, watch, arrive):
    page = await watch(two_on_redis, width=600)
    (alice,) = await enter(arrive, two_on_redis, "alice")
    for text in ("older", "newer"):
        await alice.say(text)
        await plays_to_the_end(page, f"alice: {text}")
    await in_list(page, "alice: newer").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await plays_to_the_end(page, "alice: older")
    follow = page.get_by_role("button", name="Follow live")
    await expect(follow).to_have_attribute("aria-pressed", "false")
    await follow.click()
    await plays_to_the_end(page, "alice: newer")
    assert await page.locator("#picture [data-place]").count() == 8, "on a narrow screen: the map"
    await page.get_by_role("radio", name="Sequence").check()
    assert await page.locator("#picture .hop").count() > 8
    assert await page.evaluate("document.documentElement.scrollWidth") <= 600


# --- what is lost ---------------------------------------------------------------------------------


async def test_killed_instance_and_killed_redis_show_where_messages_end(repository, watch, arrive):
    with scripts.step(repository, "6", "--instances", "2", "--flow") as running:
        page = await watch(running)
        alice, bob = await enter(arrive, running, "alice", "bob")
        await bob.say("I am bob")
        await plays_to_the_end(page, "bob: I am bob")
        scripts.find_server(running, running.ports[1]).kill()
        await expect(page.locator("#parts [data-state=ended]")).to_contain_text("Instance B")
        await alice.say("is bob there?")
        await expect(page.locator("#verdict")).to_have_text("never reached: bob")
        await expect(in_list(page, "alice: is bob there?")).to_have_class(RED)
        await expect(page.locator("#picture .missed")).to_contain_text("instance B has ended")
        find_redis(running).kill()
        await expect(page.locator("#means")).to_contain_text("Redis 1 has ended.")
        await expect(alice.status).to_have_text(re.compile("Disconnected"))
        await alice.say("and Redis?")
        await expect(page.locator("#verdict")).to_contain_text("refused or lost")
        await expect(in_list(page, "alice: and Redis?")).to_have_class(RED)
        await page.get_by_role("radio", name="Map").check()
        lost = page.locator("#picture [data-state=lost]")
        await expect(lost).to_have_attribute("data-place", "layer")
        for person in (alice, bob):
            person.troubles.clear()  # that their sockets break off is meant
        await page.get_by_role("button", name="start Redis 1").click()
        await expect(page.locator("#means")).to_contain_text("Redis 1 runs again.")
        # What is stopped must end with the rest, here by SIGTERM and elsewhere by Ctrl-C.
        for name in ("Instance A", "Redis 1"):
            assert (await press(running, {"name": name, "action": "stop"})).status_code == 200


def find_redis(running):
    """Its Redis; that hides what is in its environment, so only its ancestors tell whose it is."""
    port = re.search(r"redis://127.0.0.1:(\d+)", running.said)[1]
    programs = psutil.Process(running.process.pid).children(recursive=True)
    return next(each for each in programs if f":{port}" in " ".join(each.cmdline()))


async def test_in_memory_a_message_never_reaches_the_other_instance(repository, watch, arrive):
    with scripts.step(repository, "5", "--instances", "2", "--flow") as running:
        page = await watch(running)
        alice, _ = await enter(arrive, running, "alice", "bob")
        began = time.monotonic()
        await alice.say("anybody?")
        await page.locator("#picture .hop").first.focus()
        await expect(page.locator("#verdict")).to_have_text(re.compile("^never reached: "))
        focused = page.locator("#picture .hop:focus")
        await expect(focused, "also in a picture that is drawn again").to_have_count(1)
        assert time.monotonic() - began > LIVE_SECONDS, "until then it may still come"
        await expect(page.locator("#verdict")).to_have_class(RED)
        missed = page.locator("#picture .missed")
        await expect(missed).to_contain_text("group_send in A reaches only the channels of A")


async def test_requests_of_a_wsgi_stage_are_shown_and_refused_ones_too(repository, watch, arrive):
    with scripts.step(repository, "1", "--flow") as running:
        page = await watch(running)
        (alice,) = await enter(arrive, running, "alice")
        await plays_to_the_end(page, "GET /chat/lobby/ by browser")
        await expect(page.locator("#recent button"), "not the launcher's own").to_have_count(1)
        await alice.page.goto(f"{running.url}/chat/caf%C3%A9/")
        await plays_to_the_end(page, "GET /chat/caf%C3%A9/ by browser")
        await expect(page.locator("#verdict")).to_have_text("refused or lost")
        await expect(page.locator("#picture .hop").last).to_contain_text("404")
        alice.forgive("404")
        (alice,) = await enter(arrive, running, "alice")
        await alice.say("hi")
        await expect(in_list(page, "alice: hi")).to_be_visible()
        await page.get_by_role("radio", name="Messages").check()
        await expect(page.locator("#recent button")).to_have_count(1)


# --- what nobody has caused -----------------------------------------------------------------------


async def test_what_the_hubs_of_chat_final_do_by_themselves_is_not_shown(repository, watch):
    often = {"variables": {"HEAD_SECONDS": "0.2"}}
    with scripts.step(repository, "final", "--instances", "2", "--flow", **often) as running:
        page = await watch(running)
        here, there = map(Address, running.ports)
        unread = {"max_queue": None}  # else so many heads would delay the sockets' closing
        async with (
            connect(here, "lobby", "dora", **unread) as dora,
            connect(there, "lobby", "emil", **unread) as emil,
        ):
            for socket in (dora, emil):
                await next_of(socket, "presence")
            await dora.send(frame("post", text="hello emil"))
            await plays_to_the_end(page, "dora: hello emil")
            await expect(page.locator("#verdict")).to_have_text("reached everybody")
            for _ in range(5):
                await next_of(emil, "head")
            await emil.send(frame("post", text="hello dora"))
            await plays_to_the_end(page, "emil: hello dora")
        await page.get_by_role("radio", name="Everything").check()
        await expect(in_list(page, "GET /ws/chat/lobby/ by dora")).to_be_visible()
        titles = (await page.locator("#recent").inner_text()).splitlines()
        await killed_by_a_switch_stays_so_and_by_others_comes_back(running)
    by_hubs = [title for title in titles if title.startswith(("A: ", "B: "))]
    assert not by_hubs, "heads, presence and renewals go on for ever"


async def killed_by_a_switch_stays_so_and_by_others_comes_back(running):
    await press(running, {"name": "Instance B", "action": "kill"})
    scripts.find_server(running, running.ports[0]).kill()
    running.wait_until_it_says("Instance A is started again")
    assert "Instance B has ended" in running.said
    assert "Instance B is started again" not in running.said


# --- the server of the page -----------------------------------------------------------------------


ASKED = [
    ("GET", path, None, 200) for path in ("/", "/live.js", "/opener.js", "/player.js", "/recent.js")
]
ASKED += [("GET", path, "evil.example", 421) for path in ("/", "/flows")]
ASKED += [("GET", "/flows", "127.0.0.1:1", 421), ("GET", "/../flow_page.py", None, 404)]
ASKED += [("POST", "/", None, 405), ("POST", "/switch", "evil.example", 421)]


@pytest.mark.parametrize(("method", "path", "host", "status"), ASKED)
async def test_only_the_page_and_only_by_its_own_name(two_on_redis, method, path, host, status):
    headers = {"Host": host} if host else {}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.request(method, flow_url(two_on_redis)[:-1] + path, headers=headers)
    assert answer.status_code == status
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "Access-Control-Allow-Origin" not in answer.headers


async def token_of(running):
    """What the page is told, to show it at each press."""
    url = f"{flow_url(running)}flows"
    async with httpx.AsyncClient(trust_env=False) as http, http.stream("GET", url) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                return json.loads(line.removeprefix("data: "))["token"]


async def press(running, body, **headers):
    """Press a switch without a browser; headers are those of the page itself, if not given."""
    url = flow_url(running)
    headers = {"Origin": url.rstrip("/"), "X-Token": await token_of(running), **headers}
    given = {name: value for name, value in headers.items() if value is not None}
    async with httpx.AsyncClient(trust_env=False, timeout=scripts.START_SECONDS) as http:
        return await http.post(f"{url}switch", json=body, headers=given)


KILL = {"name": "Instance A", "action": "kill"}
REFUSED = [
    (KILL, {"X-Token": None}, 403),
    (KILL, {"X-Token": "guessed"}, 403),
    (KILL, {"Origin": None}, 403),
    (KILL, {"Origin": "null"}, 403),
    (KILL, {"Origin": "http://127.0.0.1:1"}, 403),
    (KILL, {"Host": "evil.example", "Origin": "http://evil.example"}, 421),
    ({"name": "init", "action": "kill"}, {}, 409),
    ({"name": "Instance A", "action": "start"}, {}, 409),  # so it runs: nobody has killed it
    ({"name": "Instance A"}, {}, 400),
    ("kill", {}, 400),
]


async def test_a_switch_is_for_the_page_itself_and_for_what_can_be_switched(two_on_redis):
    for body, headers, status in REFUSED:
        answer = await press(two_on_redis, body, **headers)
        assert (answer.status_code, answer.text.count("\n")) == (status, 0), (body, headers)


PRESS = """([url, headers]) => fetch(url, { method: "POST", headers, body: "{}" })
  .then(({ status }) => status, (error) => error.name)"""
SHOW_IN_A_FRAME = """(src) => {
  const frame = document.body.appendChild(document.createElement("iframe"));
  return new Promise((resolve) => Object.assign(frame, { src, onload: resolve }));
}"""


async def test_a_foreign_page_cannot_press_nor_show_the_page_in_a_frame(two_on_redis, watch):
    page, url = await watch(two_on_redis), flow_url(two_on_redis)
    foreign = await page.context.new_page()
    await foreign.goto(f"{two_on_redis.url}/")  # of another origin, because of its port
    for headers in ({}, {"X-Token": await token_of(two_on_redis)}):
        assert await foreign.evaluate(PRESS, [f"{url}switch", headers]) == "TypeError"
    await foreign.evaluate(SHOW_IN_A_FRAME, url)
    await expect(foreign.frame_locator("iframe").locator("#parts")).to_have_count(0)


async def test_only_on_loopback(two_on_redis):
    port = httpx.URL(flow_url(two_on_redis)).port
    listeners = [
        connection.laddr.ip
        for process in two_on_redis.processes()
        for connection in process.net_connections("tcp")
        if connection.laddr.port == port and not connection.raddr
    ]
    assert listeners == ["127.0.0.1"]


async def test_ctrl_c_ends_all_and_the_page_says_so_and_comes_back(repository, watch):
    with scripts.two_free_ports() as (first, listeners):
        for listener in listeners:
            listener.close()
        running = scripts.Step(repository, "1", "--flow", "--port", str(first))
        again = None
        try:
            running.wait_until_it_says("Ready in")
            assert flow_url(running) == f"http://127.0.0.1:{first + 1}/"
            assert f"Open {flow_url(running)} next to the chat" in running.said
            page = await watch(running)
            begun = time.monotonic()
            running.send(signal.SIGINT)
            await expect(page.locator("#connection")).to_contain_text("run_step.sh has ended")
            scripts.assert_nothing_left(running, [first, first + 1])
            assert time.monotonic() - begun < STOP_WITH_A_PAGE_SECONDS
            assert running.process.wait() == 128 + signal.SIGINT
            assert "Traceback" not in running.said
            again = scripts.Step(repository, "1", "--flow", "--port", str(first))
            again.wait_until_it_says("Ready in")
            await expect(page.locator("#connection")).to_have_text("Live", timeout=10_000)
            again.send(signal.SIGTERM)
            scripts.assert_nothing_left(again)
        finally:
            for each in filter(None, (running, again)):
                each.end()


# --- what it keeps --------------------------------------------------------------------------------


def line(trace, number, kind, source, target, **others):
    """A hop as it is recorded; `others` are its other fields."""
    hop = {"id": f"{trace}-{number}", "at": number, "trace": trace, "cause": None, "kind": kind}
    hop |= {"source": source, "target": target, "label": "", "detail": {}}
    return f"{json.dumps(hop | others)}\n"


def note(path, *lines):
    with path.open("a") as file:
        file.writelines(lines)


async def test_only_the_last_traces_are_kept_and_how_open_connections_began(tmp_path):
    recent, path = Recent(tmp_path), tmp_path / "A.jsonl"
    ways = "websocket", "client/A1", "server/A"
    note(path, line("open", 1, *ways, detail={"socket": True}))
    note(path, line("named", 2, *ways, detail={"author": "alice"}))
    for number in range(3, 3000):
        trace = f"t{number}"
        note(path, line(trace, number, "http", f"client/B{number}", "server/B"))
        note(path, line(trace, number, "done", "server/B", "server/B"))
        if number % 100 == 0:
            recent.read()
    recent.read()
    book = recent.book()
    assert len(book.traces) <= TRACES + SPARE + 2
    assert "t2999" in book.traces
    assert book.names["A1"] == "alice"


async def test_half_a_line_is_read_when_it_is_whole(tmp_path):
    recent, text = Recent(tmp_path), line("t1", 1, "http", "client/A1", "server/A")
    note(tmp_path / "A.jsonl", text[:30])
    assert recent.read() == set()
    note(tmp_path / "A.jsonl", text[30:])
    assert recent.read() == {"t1"}
    assert recent.read() == set()


async def test_a_redis_command_belongs_to_the_one_call_that_is_open(tmp_path):
    recent, now = Recent(tmp_path), time.monotonic_ns()
    hops, told = tmp_path / "A.jsonl", tmp_path / "redis-1.commands"
    long_ago = now - 60_000_000_000
    ways = {"source": "consumer/A1", "target": "layer/redis-1"}
    joined = {"id": "A-1-2", "at": long_ago, "detail": {"channel": "specific.x!y"}}
    note(hops, line("join", 2, "layer", **ways, **joined))
    note(hops, line("join", 3, "done", **ways, at=long_ago + 1, cause="A-1-2"))
    note(told, command(long_ago, "CLIENT SETNAME A"))
    recent.read()
    note(hops, line("send", 4, "layer", **ways, id="A-1-4", at=now))
    note(told, command(now + 1, "ZRANGE asgi:group:lobby 0 -1"))
    recent.read()
    assert [hop.label for hop in recent.book().traces["send"]] == ["", "ZRANGE lobby"]


def command(at, words):
    told = {"at": at, "words": words, "server": "redis-1", "client": "127.0.0.1:1"}
    return f"{json.dumps(told | {'inside': False})}\n"
