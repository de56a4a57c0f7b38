"""The small programs beside the notebooks, each on real servers."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import websockets

from chatflow.basics.errors import LaunchError, UsageError
from chatflow.running.labs import LABS, lab, log_line
from labs import raw_asgi
from labs.http2_over_tls import ask, make_certificate, over_tls

READERS = 200
LONG = "x" * 300_000

# Not ASCII: both protocols show its bytes as latin-1.
HEADERS = {"x-lab": "é".encode()}
SHOWN = "é".encode().decode("latin-1")
DEADLINE = 30

# Serves until it is ended, and says what it has started.
SERVE_FOREVER = """
import asyncio, json
from chatflow import stage
from labs.http2_over_tls import over_tls

async def main():
    async with stage(3) as chat, over_tls(chat) as secure:
        pids = [chat.instances[0].program.pid, secure.program.pid]
        print(json.dumps({"folder": str(chat.files.path), "pids": pids}), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def client(app):
    limits = httpx.Limits(max_connections=READERS + 10)
    return httpx.AsyncClient(base_url=app.url, timeout=DEADLINE, limits=limits, trust_env=False)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["daphne", "uvicorn"])
async def asgi(request):
    async with lab("raw_asgi", server=request.param) as app:
        yield app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wsgi():
    async with lab("raw_wsgi", server="gunicorn") as app:
        yield app


# --- raw ASGI ---------------------------------------------------------------------------------


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


async def test_hundreds_of_requests_wait_in_one_thread_and_one_post_wakes_them_all(asgi):
    async with client(asgi) as http:
        before = (await http.get("/")).json()
        readers = [asyncio.create_task(http.get("/wait")) for _ in range(READERS)]
        during = await until_waiting(http, READERS)
        assert not any(reader.done() for reader in readers), "GET /wait answered before POST /wake"
        await http.post("/wake")
        answers = await asyncio.gather(*readers)
        after = (await http.get("/")).json()
    assert [answer.status_code for answer in answers] == [200] * READERS
    assert before["threads"] == during["threads"] == 1, (
        f"{READERS} waiting requests should share the one thread of the event loop; "
        f"there were {before['threads']} before and {during['threads']} with them"
    )
    assert after["waiting"] == 0, "woken requests should no longer count as waiting"


async def until_waiting(http, count):
    """The application's own answer as soon as so many requests wait in it."""
    give_up_at = time.monotonic() + DEADLINE
    while (answer := (await http.get("/")).json())["waiting"] != count:
        assert time.monotonic() < give_up_at, f"{count} sent GET /wait, {answer['waiting']} wait"
        await asyncio.sleep(0.01)
    return answer


async def test_raw_asgi_echoes_text_and_bytes_over_a_websocket(asgi):
    async with (
        websockets.connect(f"{asgi.ws_url}/anywhere", proxy=None) as socket,
        asyncio.timeout(DEADLINE),
    ):
        for message in ("hello", "ünï", b"\x00\xff"):
            await socket.send(message)
            assert await socket.recv() == message


async def test_raw_asgi_refuses_protocols_that_it_does_not_speak():
    # As Uvicorn asks when it is started by hand; refused like this, it goes on and serves HTTP.
    with pytest.raises(ValueError, match="does not speak lifespan"):
        await raw_asgi.application({"type": "lifespan"}, receive=None, send=None)


# --- raw WSGI ---------------------------------------------------------------------------------


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


# --- starting a lab ---------------------------------------------------------------------------


async def test_a_lab_and_server_that_do_not_fit_are_an_error_with_the_servers_log():
    with pytest.raises(LaunchError, match=r"(?s)lab raw_asgi did not start.*TypeError"):
        async with lab("raw_asgi", server="gunicorn"):
            pytest.fail("an ASGI application cannot answer a WSGI server")


@pytest.mark.parametrize(
    ("name", "server", "hint"),
    [("raw_asgy", "daphne", "raw_asgi, raw_wsgi"), ("raw_asgi", "dafne", "daphne, uvicorn")],
)
async def test_an_unknown_lab_or_server_is_an_error_that_names_the_known_ones(name, server, hint):
    with pytest.raises(UsageError, match=hint):
        async with lab(name, server=server):
            pytest.fail("there is nothing to start")


async def test_nothing_is_left_of_a_lab_whose_block_fails_while_a_request_waits():
    async with contextlib.AsyncExitStack() as stack:
        with contextlib.suppress(ZeroDivisionError):
            async with lab("raw_asgi", server="uvicorn") as app:
                http = await stack.enter_async_context(client(app))
                reader = asyncio.create_task(http.get("/wait"))
                await until_waiting(http, 1)
                raise ZeroDivisionError
        await asyncio.wait([reader])
    assert app.program.poll() is not None, "the server still runs"
    assert not app.program.log.parent.exists(), "the lab's folder in .run/ is still there"


# --- HTTP/2 over TLS --------------------------------------------------------------------------


async def test_the_same_stage_answers_over_http_1_and_with_tls_over_http_2(running, tmp_path):
    chat = running(3)
    async with over_tls(chat) as secure:
        plain = await ask(chat.url, secure.certificate, http2=True)
        first = await ask(secure.url, secure.certificate, http2=False)
        second = await ask(secure.url, secure.certificate, http2=True)
        # With a certificate that is not the server's nobody gets in: so it is verified above.
        stranger, _ = make_certificate(tmp_path)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await ask(secure.url, stranger, http2=True)
    assert secure.program.poll() is not None, "the server with TLS still runs after its block"
    versions = [answer.http_version for answer in (plain, first, second)]
    assert versions == ["HTTP/1.1", "HTTP/1.1", "HTTP/2"], (
        "Without TLS there is HTTP/1.1 only; with it, what the client offers. For HTTP/2 Daphne "
        "needs Twisted with its http2 and tls extras: see pyproject.toml."
    )
    assert [answer.status_code for answer in (plain, first, second)] == [200] * 3
    assert plain.content == first.content == second.content


def test_the_http2_lab_is_a_script_that_prints_what_it_has_seen():
    # Nothing listens on port 9: what asked a proxy for our servers would fail.
    proxies = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    options = {"stderr": None, "env": os.environ | proxies}
    with run_python(LABS / "http2_over_tls.py", **options) as script:
        output = script.stdout.read().decode()
    assert script.returncode == 0, f"the script ended with {script.returncode}"
    lines = [line.split()[:3] for line in output.splitlines()[1:-1]]
    assert lines == [
        ["http", "HTTP/1.1", "200"],
        ["https", "HTTP/1.1", "200"],
        ["https", "HTTP/2", "200"],
    ]
    assert output.endswith("The same page each time.\n")


def test_ctrl_c_ends_the_http2_script_without_a_traceback():
    with run_python(LABS / "http2_over_tls.py", stderr=subprocess.PIPE) as script:
        assert script.stdout.readline().startswith(b"Starting")
        script.send_signal(signal.SIGINT)
        errors = script.stderr.read().decode()
    assert (script.returncode, errors) == (130, "")


def test_nothing_is_left_of_the_http2_lab_when_ctrl_c_comes_while_it_serves():
    with run_python("-c", SERVE_FOREVER, stderr=subprocess.DEVNULL) as script:
        started = json.loads(script.stdout.readline())
        script.send_signal(signal.SIGINT)
    assert script.returncode == -signal.SIGINT, "Ctrl-C should end it, and no error on the way"
    # The folder goes when the last process of the run has gone: the kernel keeps that lock.
    until(lambda: not Path(started["folder"]).exists(), "the lab's folder in .run/ is still there")
    assert [pid for pid in started["pids"] if is_running(pid)] == [], "servers still run"


@contextlib.contextmanager
def run_python(*words, **options):
    """A Python process that ends within the block or soon after, and never outlives the test."""
    command, options = [sys.executable, *words], {"stdout": subprocess.PIPE} | options
    with subprocess.Popen(command, cwd=LABS.parent, **options) as script:
        try:
            yield script
            script.wait(DEADLINE)
        finally:
            script.kill()


def until(is_so, complaint):
    give_up_at = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < give_up_at, complaint
        time.sleep(0.02)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_line_of_a_log_is_waited_for():
    async with lab("one_each", server="daphne") as app:
        waiting = asyncio.create_task(log_line(app, "No route found", within=DEADLINE))
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(f"{app.ws_url}/nowhere/")
        assert "nowhere/" in await waiting
        with pytest.raises(TimeoutError):
            await log_line(app, "never said", within=0.1)


async def test_options_go_to_the_server():
    with pytest.raises(LaunchError, match="--no-such-option"):
        async with lab("one_each", server="daphne", options=["--no-such-option"]):
            pass
