"""chat_final as it leaves one machine: three instances in production mode, on PostgreSQL and two
Redis servers, behind nginx with the configuration that ships.
"""

import asyncio
import contextlib
import json
import secrets
import ssl
import subprocess
from collections import Counter
from functools import partial

import httpx
import pytest
import pytest_asyncio
import redis
import websockets

from chatflow import post
from chatflow.basics.addresses import HOST, NO_TLS
from chatflow.basics.errors import LaunchError, MissingError
from chatflow.clients.guests import Guest
from chatflow.clients.sockets import connect
from chatflow.probing.people import new_room
from chatflow.running import nginx
from chatflow.running.environment import OVERLAY, QUICK_SETTINGS
from chatflow.running.instances import AS_PROXY
from final.helpers import FINAL, PATIENCE, at, logged_since, logs, next_answer, until
from final.helpers import post as say
from helpers.missing import need
from helpers.resume import LAST, assert_is_database, log_in, stored, write_all
from helpers.talking import all_of
from labs.http2_over_tls import make_certificate

TOKEN = "a token of our own"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SETTINGS = {
    "DEVELOPMENT": "0",
    "SECRET_KEY": "only-for-this-test-and-longer-than-fifty-characters-1234567890",
    # By its address each instance is asked here, past nginx.
    "ALLOWED_HOSTS": f"{nginx.NAME},{HOST}",
    "METRICS_TOKEN": TOKEN,
    # So short that a test can wait for it.
    "HEAD_SECONDS": "0.5",
    # Its users go with the run, so hashing their passwords may be quick.
    "DJANGO_SETTINGS_MODULE": QUICK_SETTINGS,
    "PYTHONPATH": str(OVERLAY),
}
# Whatever comes before them: by their hashes two rooms are on one Redis, and two on the other.
ROOMS = ["north", "lagos", "paris", "quito"]
# So many does each client write.
TEXTS = 20


@pytest.fixture(scope="module")
def in_front(tmp_path_factory):
    """Call it with ports, and changes if there are any, for a `with` block with an nginx."""
    need("nginx", nginx.find_binary)
    certificate, key = make_certificate(tmp_path_factory.mktemp("certificate"))
    return partial(nginx.server, certificate=certificate, key=key)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chat(start, in_front, server):
    # By way of `in_front`, since without nginx there is nothing to start.
    options = {"database": server.new_database(), "settings": SETTINGS}
    async with start(FINAL, instances=3, redis_shards=2, **options) as chat:
        yield chat


@pytest.fixture(scope="module")
def proxy(chat, in_front):
    with in_front(ports_of(chat)) as proxy:
        yield proxy


def ports_of(chat):
    return [instance.port for instance in chat.instances]


# --- what it lets through -------------------------------------------------------------------------


async def test_sockets_are_spread_over_the_instances_and_hear_each_other(chat, proxy):
    room_name, session = new_room(), await log_in(proxy, "alice")
    async with all_of(at(proxy, room_name, session=session) for _ in range(6)) as sockets:
        said = []
        for writer in sockets:
            said.append(await say(writer, f"message {len(said)}"))
            for socket in sockets:
                assert socket is writer or await next_answer(socket) == said[-1]
        assert (await post(proxy, room_name, "alice", "by form")).status_code == 302
        by_form = [await next_answer(socket) for socket in sockets]
    assert [*said, by_form[0]] == stored(chat, room_name)
    assert by_form == by_form[:1] * 6
    lines = await logged_by(proxy, 6, path=f"/ws/chat/{room_name}/", status="101")
    wanted = {f"{HOST}:{port}": 2 for port in ports_of(chat)}
    assert Counter(line["upstream"] for line in lines) == wanted, "in turn, so evenly"


async def logged_by(proxy, count=1, **wanted):
    """The lines in nginx's own log that say this, when there are so many: a socket's at its end."""
    async with asyncio.timeout(PATIENCE):
        while True:
            lines = [json.loads(line) for line in proxy.access_log.read_text().splitlines()]
            lines = [line for line in lines if wanted.items() <= line.items()]
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.02)  # nothing tells when it has written


# --- under load, over a restart -------------------------------------------------------------------


async def test_everybody_who_writes_while_an_instance_restarts_has_everything_once(
    chat, proxy, in_front
):
    stopping, names = chat.instances[0], [f"user{number}" for number in range(8)]
    sessions = await asyncio.gather(*(log_in(proxy, name) for name in names))
    # One of its own: for a while it will not ask the instance that was away.
    with in_front(ports_of(chat)) as proxy:
        guests = [Guest([proxy], room, session) for room in ROOMS for session in sessions]
        try:
            async with asyncio.TaskGroup() as tasks:
                for number, guest in enumerate(guests):
                    tasks.create_task(write_all(guest, texts_of(number)))
                await until_all_have(1, guests)
                used = [len(rooms_on(server)) for server in chat.redis]
                assert used == [2, 2], "the rooms should be spread over both Redis servers"
                assert await asyncio.to_thread(stopping.program.stop) == 0, "it should end in order"
                await until_all_have(TEXTS * len(names), guests)
                for room in ROOMS:
                    # In turn it comes to the instance that is away, and has to be passed on.
                    assert (await post(proxy, room, names[0], LAST)).status_code == 302
        finally:
            await asyncio.to_thread(stopping.stop)
            await asyncio.to_thread(stopping.start)
    for number, room in enumerate(ROOMS):
        first = number * len(names)
        judge(stored(chat, room), guests[first : first + len(names)], first)
    sent_away = [guest.ends for guest in guests if guest.ends]
    assert len(sent_away) == pytest.approx(len(guests) / 3, abs=1), "and nobody else"
    assert {codes[0] for codes in sent_away} == {4012}


def texts_of(number):
    return [f"{number}: {count}" for count in range(TEXTS)]


async def until_all_have(count, guests):
    async with asyncio.timeout(3 * PATIENCE):
        while any(len(guest.heard) < count for guest in guests):  # noqa: ASYNC110, it tells nobody
            await asyncio.sleep(0.02)


def rooms_on(server):
    """Which of the rooms this Redis passes on."""
    with redis.Redis.from_url(server.url) as client:
        channels = [channel.decode() for channel in client.pubsub_channels()]
    return {room for room in ROOMS for channel in channels if channel.endswith(f"_{room}")}


def judge(events, guests, first):
    """What is stored in a room is what these have written, and what each of them has heard."""
    wanted = [text for number, _ in enumerate(guests, first) for text in texts_of(number)]
    assert Counter(event["text"] for event in events) == Counter([*wanted, LAST])
    for guest in guests:
        assert_is_database(events, 0, guest.heard)
        assert len(guest.heard) == len(events)


# --- who is slow, and who is only quiet -----------------------------------------------------------


async def test_who_is_slow_is_cut_off_but_a_quiet_socket_stays(chat, proxy, in_front):
    session = await log_in(proxy, "alice")
    times = [("client_header", "10s", "1s"), ("client_body", "10s", "1s")]
    times += [("proxy_read", "35s", "2s")]
    hasty = [(f"{name}_timeout {ours}", f"{name}_timeout {quick}") for name, ours, quick in times]
    with in_front(ports_of(chat), changes=hasty) as proxy:
        async with connect(proxy, new_room(), session=session) as socket:
            head = exchange(proxy, f"GET /slow-head/ HTTP/1.1\r\nHost: {nginx.NAME}\r\n")
            body = exchange(proxy, request("POST", "/slow-body/", "Content-Length: 9") + "text=")
            assert await asyncio.gather(head, body) == ["", ""], "nobody waits for them for ever"
            for _ in range(6):  # in three seconds
                await until(socket, lambda event: event["type"] == "head")
            await say(socket, "still here")
        [line] = await logged_by(proxy, path="/slow-body/")
    assert (line["status"], line["upstream"]) == ("408", ""), (
        "half a body is no instance's business"
    )


def request(method, path, *lines, host=nginx.NAME):
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *lines]
    return "\r\n".join([*head, "", ""])


async def exchange(proxy, text, *, port=None, **options):
    """What it answers to just these characters; nothing if it hangs up. A `port` is without TLS."""
    tls = {} if port else {"ssl": proxy.tls, **options}
    reader, writer = await asyncio.open_connection(nginx.NAME, port or proxy.port, **tls)
    with contextlib.closing(writer):
        writer.write(text.encode())
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(PATIENCE):
                return (await reader.read()).decode()
    return ""


# --- what it refuses ------------------------------------------------------------------------------


def with_body(path, size):
    return request("POST", path, f"Content-Length: {size}") + "x" * size


def with_chunked_body(path, size):
    head = request("POST", path, "Transfer-Encoding: chunked")
    return f"{head}{size:x}\r\n{'x' * size}\r\n0\r\n\r\n"


def with_headers(path, size):
    """In lines of a thousand, or in one."""
    longest = 1_000 if size > 10_000 else size
    return request("GET", path, *[f"X-Long: {'x' * longest}"] * (size // longest))


TOO_BIG = {
    "body": (413, with_body, 65_536, 65_537),
    "chunked body": (413, with_chunked_body, 65_536, 65_537),
    "URL": (414, lambda path, size: request("GET", f"{path}?{'x' * size}"), 3_900, 4_100),
    "header": (400, with_headers, 3_900, 4_100),
    "headers": (400, with_headers, 14_000, 17_000),
}


@pytest.mark.parametrize("case", TOO_BIG.values(), ids=TOO_BIG.keys())
async def test_what_is_too_big_reaches_no_instance(chat, proxy, case):
    status, make, fits, too_big = case
    fitting, refused, before = f"/{secrets.token_hex(8)}/", f"/{secrets.token_hex(8)}/", logs(chat)
    # There is no such page, and an instance logs that it was asked for it.
    assert statuses(await exchange(proxy, make(fitting, fits))) == [404]
    by_nginx = {"status": str(status), "upstream": ""}
    known = len(await logged_by(proxy, 0, **by_nginx))
    assert statuses(await exchange(proxy, make(refused, too_big))) == [status]
    await logged_by(proxy, known + 1, **by_nginx)
    logged = logged_since(chat, before)
    assert fitting in logged, "an instance should be asked for what just fits"
    assert refused not in logged


def statuses(answer):
    return [int(line.split()[1]) for line in answer.splitlines() if line.startswith("HTTP/")]


async def test_who_asks_for_another_name_is_not_answered(chat, proxy):
    before, path = logs(chat), f"/{secrets.token_hex(8)}/?a=b"
    plainly = {"port": proxy.plain_port}
    for host in ("evil.example.com", HOST, f"evil.{nginx.NAME}"):
        assert await exchange(proxy, request("GET", path, host=host)) == ""
        assert await exchange(proxy, request("GET", path, host=host), **plainly) == ""
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            await exchange(proxy, request("GET", path), server_hostname=host)
    sent_on = await exchange(proxy, request("GET", path), **plainly)
    assert f"\r\nLocation: https://{nginx.NAME}{path}\r\n" in sent_on
    assert "\r\nServer: nginx\r\n" in sent_on, "its version is nobody's business"
    logged = logged_since(chat, before)
    assert "HTTP_HOST" not in logged, "Django complains of a name that is not allowed"
    assert path.partition("?")[0] not in logged, "and of a page that is not there"


METRICS = ["/metrics", "/metrics?a=b", "//metrics", "/%6detrics", "/./metrics", "/x/../metrics"]


async def test_metrics_are_not_for_the_world_however_one_writes_them(chat, proxy):
    async with httpx.AsyncClient(verify=NO_TLS) as http:
        for instance in chat.instances:
            page = await http.get(f"{instance.url}/metrics", headers=BEARER)
            assert "chat_sockets" in page.text, "the token should be right"
    for path in METRICS:
        answer = await exchange(proxy, request("GET", path, f"Authorization: Bearer {TOKEN}"))
        assert statuses(answer) == [404]
    lines = await logged_by(proxy, len(METRICS), path="/metrics")
    assert {line["upstream"] for line in lines} == {""}, "no instance should be asked"


async def test_page_of_another_site_opens_no_socket(chat, proxy):
    room_name, session = new_room(), await log_in(proxy, "alice")
    for origin in ("https://evil.example.com", f"http://{nginx.NAME}:{proxy.port}", "null"):
        with pytest.raises(websockets.InvalidStatus) as refusal:
            async with connect(proxy, room_name, session=session, origin=origin):
                pass
        assert refusal.value.response.status_code == 403
    async with at(proxy, room_name, session=session):
        pass  # as its own page, `at` may


# --- what a client makes up -----------------------------------------------------------------------


async def test_root_path_that_a_client_makes_up_changes_nothing(chat, proxy):
    made_up = {"Daphne-Root-Path": "/x", **AS_PROXY, **BEARER}
    async with httpx.AsyncClient(verify=proxy.tls) as http:
        direct = await http.get(f"{chat.url}/x/metrics", headers=made_up)
        assert "chat_sockets" in direct.text, "Daphne itself believes it: so it has to be stripped"
        assert (await http.get(f"{proxy.url}/x/metrics", headers=made_up)).status_code == 404


async def test_scheme_that_a_client_makes_up_changes_nothing(chat, proxy):
    async with httpx.AsyncClient(verify=proxy.tls) as http:
        for scheme, status in [("http", 301), ("https", 200)]:
            made_up = {"X-Forwarded-Proto": scheme}
            assert (await http.get(chat.url, headers=made_up)).status_code == status
            assert (await http.get(proxy.url, headers=made_up)).status_code == 200
            plain = await http.get(f"http://{nginx.NAME}:{proxy.plain_port}/", headers=made_up)
            assert plain.status_code == 301, "who comes without TLS should come again with it"


MADE_UP = [
    *("Daphne-Root-Path", "Forwarded", "Keep-Alive", "Proxy", "Sec-WebSocket-Protocol", "TE"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix"),
    *("X-Forwarded-Proto", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Original-URL"),
    *("X-Real-IP", "X-Rewrite-URL", "X-Script-Name", "X_Forwarded_Proto"),
]


@pytest.mark.parametrize("upgrade", ["websocket", "h2c", None])
async def test_instance_is_sent_headers_of_nginx_in_place_of_those_made_up(in_front, upgrade):
    lines = [f"{name}: /evil" for name in MADE_UP] + ["Cookie: a=b"]
    lines += [f"Upgrade: {upgrade}"] if upgrade else []
    async with listening(b"HTTP/1.1 204 No Content\r\n\r\n") as (port, asked):
        with in_front([port] * 3) as proxy:
            assert statuses(await exchange(proxy, request("GET", "/", *lines))) == [204]
    wanted = {
        "host": f"{nginx.NAME}:{proxy.port}",
        "x-forwarded-proto": "https",
        "x-forwarded-for": HOST,
        "connection": "close",
        "cookie": "a=b",
    }
    if upgrade == "websocket":
        wanted |= {"connection": "upgrade", "upgrade": "websocket"}
    [head] = asked
    assert dict(line.lower().split(": ", 1) for line in head.splitlines()[1:-1]) == wanted


@contextlib.asynccontextmanager
async def listening(answer):
    """Somebody in place of an instance, who keeps what nginx sends and answers this, or hangs up.

    Yields the port, and a list of the heads of all requests so far.
    """
    asked = []

    async def serve(reader, writer):
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1], asked


async def test_post_that_was_sent_to_an_instance_is_sent_to_no_other(in_front):
    async with listening(b"") as (port, asked):
        for method, times in [("POST", 1), ("GET", 3)]:
            with in_front([port] * 3) as proxy:
                text = request(method, "/", "Content-Length: 0")
                assert statuses(await exchange(proxy, text)) == [502]
            assert [head.split()[0] for head in asked] == [method] * times
            asked.clear()


# --- nginx itself ---------------------------------------------------------------------------------


def test_nginx_has_nothing_to_say_about_the_file_that_ships(in_front):
    with in_front([8000, 8001, 8002]) as proxy:
        done = subprocess.run([*proxy.command, "-t"], capture_output=True, text=True, check=False)
    # Without root it cannot be another user, and cannot open more files.
    others = [line for line in done.stderr.splitlines() if '"user"' not in line]
    assert (done.returncode, "[warn]" in "".join(others)) == (0, False), done.stderr


def test_what_is_to_be_changed_has_to_be_there(in_front):
    with pytest.raises(LaunchError, match="should have 'client_max_body_size 1g' 1x"):
        in_front([1, 2, 3], changes=[("client_max_body_size 1g", "")]).__enter__()


def test_no_nginx_at_all_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(nginx, "SBIN", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="package nginx-light"), nginx.server([1, 2, 3], "", ""):
        pass
