"""The lab on HTTP/2: one stage behind TLS, and the lab as a script that is stopped or not.

What the application's scope says, and six streams of a browser, is asserted by notebook 03.
"""

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

from chatflow.running.labs import LABS
from labs import http2_over_tls
from labs.http2_over_tls import ask, make_certificate, over_tls

DEADLINE = 30

# Serves until it is ended, and says what it has started.
SERVE_FOREVER = """
import asyncio, json
from chatflow import stage
from labs.http2_over_tls import over_tls

async def main():
    async with stage(9, instances=2) as chat, over_tls(chat, lab="raw_asgi") as secure:
        pids = [each.program.pid for each in (*chat.instances, *chat.redis, secure)]
        print(json.dumps({"folder": str(chat.files.path), "pids": pids}), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_the_http2_lab_prints_what_it_has_seen(start, tmp_path, monkeypatch, capsys):
    async with start(3) as chat:
        async with over_tls(chat) as secure:
            # Nothing listens on port 9: what asked a proxy for our servers would fail.
            for name in ("HTTP_PROXY", "HTTPS_PROXY"):
                monkeypatch.setenv(name, "http://127.0.0.1:9")
            monkeypatch.setattr(http2_over_tls, "stage", lambda _: contextlib.nullcontext(chat))
            monkeypatch.setattr(
                http2_over_tls, "over_tls", lambda _: contextlib.nullcontext(secure)
            )
            await http2_over_tls.main()
            # With a certificate that is not the server's nobody gets in: so it is verified.
            stranger, _ = make_certificate(tmp_path)
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await ask(secure.url, stranger, http2=True)
        assert secure.program.poll() is not None, "the server with TLS still runs after its block"
    _, *lines, last = capsys.readouterr().out.splitlines()
    said = [" ".join(line.split()[:3]) for line in lines]
    assert said == ["http HTTP/1.1 200", "https HTTP/1.1 200", "https HTTP/2 200"]
    assert last == "By HTTP/1.1 and by HTTP/2 it is the same page."


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
    give_up_at = time.monotonic() + DEADLINE
    while Path(started["folder"]).exists():
        assert time.monotonic() < give_up_at, "the lab's folder in .run/ is still there"
        time.sleep(0.02)
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
