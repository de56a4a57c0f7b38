"""The small programs beside the notebooks, each on real servers.

What a waiting WSGI response costs, beside an ASGI one, is asserted by notebook 03.
"""

import asyncio
import contextlib
import json

import httpx
import pytest
import pytest_asyncio
import websockets

from chatflow.basics.addresses import NO_TLS
from chatflow.basics.errors import LaunchError, UsageError
from chatflow.running.labs import lab, log_line
from labs import raw_asgi
from labs.waiting_clients import until_waiting, waiting_clients

READERS = 100
LONG = "x" * 300_000

# Not ASCII: both protocols show its bytes as latin-1.
HEADERS = {"x-lab": "é".encode()}
SHOWN = "é".encode().decode("latin-1")
DEADLINE = 30


def client(app):
    limits = httpx.Limits(max_connections=READERS + 10)
    return httpx.AsyncClient(
        base_url=app.url, timeout=DEADLINE, limits=limits, trust_env=False, verify=NO_TLS
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["daphne", "uvicorn"])
async def asgi(request):
    async with lab("raw_asgi", server=request.param) as app:
        yield app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wsgi():
    async with lab("raw_wsgi", server="gunicorn", options=["--threads", "2"]) as app:
        yield app


async def test_raw_asgi_shows_the_scope_and_each_event_of_a_request(asgi):
    async with client(asgi) as http:
        answer = (await http.post("/some/path?a=b", content=LONG, headers=HEADERS)).json()
    scope, events = answer["scope"], answer["events"]
    assert scope["type"] == "http", f"the server called the application with this scope: {scope}"
    assert (scope["method"], scope["path"], scope["query_string"]) == ("POST", "/some/path", "a=b")
    assert scope["asgi"]["version"].startswith("3."), "the scope should name the ASGI version"
    assert ["x-lab", SHOWN] in scope["headers"]
    assert {event["type"] for event in events} == {"http.request"}
    assert [event["more_body"] for event in events] == [True] * (len(events) - 1) + [False]
    assert len(events) > 1, f"a body of {len(LONG)} bytes should come in several events"
    assert "".join(event["body"] for event in events) == LONG


async def test_a_hundred_requests_wait_in_one_thread_until_a_post_wakes_them_or_they_leave(asgi):
    async with client(asgi) as http:
        before = (await http.get("/")).json()
        readers = [asyncio.create_task(http.get("/wait")) for _ in range(READERS)]
        during = await until_waiting(asgi, READERS, within=DEADLINE)
        assert during["waiting"] == READERS
        assert not any(reader.done() for reader in readers), "GET /wait answered before POST /wake"
        await http.post("/wake")
        answers = await asyncio.gather(*readers)
        after = (await http.get("/")).json()
    assert [answer.status_code for answer in answers] == [200] * READERS
    assert before["threads"] == during["threads"] == 1, "they share the thread of the event loop"
    assert after["waiting"] == 0, "woken requests should no longer count as waiting"
    async with waiting_clients(asgi, READERS) as during:
        assert during["threads"] == 1
    # Daphne cancels an application too, ten seconds later. This one has heard the event.
    left = await until_waiting(asgi, 0, within=5)
    assert left["waiting"] == 0, "it is told that its clients have left"


async def test_raw_asgi_echoes_text_and_bytes_over_a_websocket(asgi):
    url = f"{asgi.ws_url}/anywhere"
    async with websockets.connect(url, proxy=None) as socket, asyncio.timeout(DEADLINE):
        for message in ("hello", "ünï", b"\x00\xff"):
            await socket.send(message)
            assert await socket.recv() == message


async def test_raw_asgi_refuses_protocols_that_it_does_not_speak():
    # As Uvicorn asks when it is started by hand; refused like this, it goes on and serves HTTP.
    with pytest.raises(ValueError, match="does not speak lifespan"):
        await raw_asgi.application({"type": "lifespan"}, receive=None, send=None)


async def test_raw_wsgi_shows_the_environ_and_the_body_of_a_request(wsgi):
    async with client(wsgi) as http:
        answer = (await http.post("/some/path?a=b", content=LONG, headers=HEADERS)).json()
    environ = answer["environ"]
    assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("POST", "/some/path")
    assert environ["QUERY_STRING"] == "a=b"
    assert environ["HTTP_X_LAB"] == SHOWN
    assert {"wsgi.input", "wsgi.version", "wsgi.multithread"} <= environ.keys()
    assert answer["body"] == LONG


async def test_a_websocket_handshake_is_just_a_get_to_wsgi(wsgi):
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(f"{wsgi.ws_url}/ws/", open_timeout=DEADLINE, proxy=None)
    environ = json.loads(refused.value.response.body)["environ"]
    assert refused.value.response.status_code == 200
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["HTTP_UPGRADE"] == "websocket"


async def test_wsgi_sends_a_piece_before_the_response_is_over(wsgi):
    async with client(wsgi) as http:
        async with http.stream("GET", "/wait") as response, asyncio.timeout(DEADLINE):
            lines = response.aiter_lines()
            assert await anext(lines) == "waiting"
            assert (await http.get("/")).json()["waiting"] == 1
            await http.post("/wake")
            assert [line async for line in lines] == ["woken"]
        assert (await http.get("/")).json()["waiting"] == 0


@pytest.mark.parametrize(
    ("name", "server", "options", "error", "said"),
    [
        # An ASGI application cannot answer a WSGI server.
        ("raw_asgi", "gunicorn", (), LaunchError, r"(?s)lab raw_asgi did not start.*TypeError"),
        ("raw_asgy", "daphne", (), UsageError, "raw_asgi, raw_wsgi"),
        ("raw_asgi", "dafne", (), UsageError, "daphne, uvicorn"),
        ("one_each", "daphne", ["--no-such-option"], LaunchError, "--no-such-option"),
    ],
    ids=["do not fit", "unknown lab", "unknown server", "unknown option"],
)
async def test_what_cannot_be_started_is_an_error_that_says_why(name, server, options, error, said):
    with pytest.raises(error, match=said):
        async with lab(name, server=server, options=options):
            pytest.fail("there is nothing to start")


async def test_nothing_is_left_of_a_lab_whose_block_fails_while_a_request_waits():
    async with contextlib.AsyncExitStack() as stack:
        with contextlib.suppress(ZeroDivisionError):
            async with lab("raw_asgi", server="uvicorn") as app:
                http = await stack.enter_async_context(client(app))
                reader = asyncio.create_task(http.get("/wait"))
                await until_waiting(app, 1, within=DEADLINE)
                raise ZeroDivisionError
        await asyncio.wait([reader])
    assert app.program.poll() is not None, "the server still runs"
    assert not app.program.log.parent.exists(), "the lab's folder in .run/ is still there"


async def test_line_of_a_log_is_waited_for():
    async with lab("one_each", server="daphne") as app:
        waiting = asyncio.create_task(log_line(app, "No route found", within=DEADLINE))
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(f"{app.ws_url}/nowhere/")
        assert "nowhere/" in await waiting
        with pytest.raises(TimeoutError):
            await log_line(app, "never said", within=0.1)
