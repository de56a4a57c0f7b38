"""The lab on HTTP/2: one stage behind TLS, and the lab as a script that is stopped or not."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio

from chatflow.clients import browser
from chatflow.running.labs import LABS
from labs import http2_over_tls
from labs.http2_over_tls import ask, make_certificate, over_tls
from labs.six_streams import answered

DEADLINE = 30

# Serves until it is ended, and says what it has started.
SERVE_FOREVER = """
import asyncio, json
from chatflow import stage
from labs.http2_over_tls import over_tls

async def main():
    async with stage(3) as chat, over_tls(chat, lab="raw_asgi") as secure:
        pids = [chat.instances[0].program.pid, secure.program.pid]
        print(json.dumps({"folder": str(chat.files.path), "pids": pids}), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chat(start):
    async with start(3) as chat:
        yield chat


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secure(chat):
    async with over_tls(chat) as secure:
        yield secure
    assert secure.program.poll() is not None, "the server with TLS still runs after its block"


async def test_the_same_stage_answers_over_http_1_and_with_tls_over_http_2(chat, secure, tmp_path):
    plain = await ask(chat.url, secure.certificate, http2=True)
    first = await ask(secure.url, secure.certificate, http2=False)
    second = await ask(secure.url, secure.certificate, http2=True)
    versions = [answer.http_version for answer in (plain, first, second)]
    assert versions == ["HTTP/1.1", "HTTP/1.1", "HTTP/2"], (
        "Without TLS there is HTTP/1.1 only; with it, what the client offers. For HTTP/2 Daphne "
        "needs Twisted with its http2 and tls extras: see pyproject.toml."
    )
    assert [answer.status_code for answer in (plain, first, second)] == [200] * 3
    assert plain.content == first.content == second.content
    # With a certificate that is not the server's nobody gets in: so it is verified above.
    stranger, _ = make_certificate(tmp_path)
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        await ask(secure.url, stranger, http2=True)


async def test_the_application_can_tell_http_2_by_its_scope(chat):
    async with over_tls(chat, lab="raw_asgi") as raw:
        answers = [await ask(raw.url, raw.certificate, http2=http2) for http2 in (False, True)]
    assert [answer.json()["scope"]["http_version"] for answer in answers] == ["1.1", "2"]


async def test_six_streams_of_a_browser_hold_a_page_back_over_http_1_and_not_over_http_2(
    chat, secure
):
    found = await answered(chat.url, secure.url)
    if found is None:
        with pytest.raises(browser.MissingError):
            browser.find_chromium()
    else:
        assert found == [[False, True, "http/1.1"], [True, True, "h2"]]


async def test_the_http2_lab_prints_what_it_has_seen(chat, secure, monkeypatch, capsys):
    # Nothing listens on port 9: what asked a proxy for our servers would fail.
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr(http2_over_tls, "stage", lambda number: contextlib.nullcontext(chat))
    monkeypatch.setattr(http2_over_tls, "over_tls", lambda chat: contextlib.nullcontext(secure))
    await http2_over_tls.main()
    output = capsys.readouterr().out
    lines = [line.split()[:3] for line in output.splitlines()[1:-1]]
    assert lines == [
        ["http", "HTTP/1.1", "200"],
        ["https", "HTTP/1.1", "200"],
        ["https", "HTTP/2", "200"],
    ]
    assert output.endswith("The same page each time.\n")


# --- as a script ------------------------------------------------------------------------------


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
    assert [pid for pid in started["pids"] if psutil.pid_exists(pid)] == [], "servers still run"


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
