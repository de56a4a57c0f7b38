"""HTTP/2 comes with the ASGI server, not with the app: stage 03, unchanged, behind TLS.

By hand: `.venv/bin/python notebooks/labs/http2_over_tls.py`. Browsers and servers agree on HTTP/2
while they set up TLS, so the lab makes a certificate, has Daphne serve the stage with it, and asks
for one page in three ways. An application that wants to know can: its scope has `http_version`.
"""

import asyncio
import contextlib
import re
import ssl
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from twisted.internet.endpoints import quoteStringArgument

# So that this file also runs as a script: chatflow lies next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatflow import stage
from chatflow.basics.addresses import HOST
from chatflow.running.certificates import make_certificate
from chatflow.running.environment import ASGI
from chatflow.running.instances import START_SECONDS
from chatflow.running.labs import LABS
from chatflow.running.processes import Program


async def main():
    print("Starting stage 03, once without TLS and once with it ...", flush=True)
    async with stage(3) as chat, over_tls(chat) as secure:
        answers = [
            # The client offers HTTP/2 here, too; but without TLS nobody asks which one it speaks.
            await ask(chat.url, secure.certificate, http2=True),
            await ask(secure.url, secure.certificate, http2=False),
            await ask(secure.url, secure.certificate, http2=True),
        ]
    for answer in answers:
        print(describe(answer))
    # Of one server: each page says which port it is from.
    is_same = answers[1].content == answers[2].content
    print("By HTTP/1.1 and by HTTP/2 it is the same page." if is_same else "The pages differ.")


def describe(answer):
    size = len(answer.content)
    return f"{answer.url.scheme:<6} {answer.http_version:<9} {answer.status_code}  {size} bytes"


async def ask(url, certificate, *, http2):
    """Get the first page over HTTP/1.1, or over HTTP/2 if the server speaks it too."""
    # Verified as in real life: this certificate is the only one that is trusted.
    trusted = ssl.create_default_context(cafile=certificate)
    # Not by a proxy that the environment may name: the server is on this machine.
    async with httpx.AsyncClient(http2=http2, verify=trusted, timeout=START_SECONDS) as client:
        return await client.get(f"{url}/")


# --- the server -------------------------------------------------------------------------------


@dataclass
class SecureInstance:
    """A server process with TLS; `certificate` is the file by which a client can trust it."""

    port: int
    certificate: Path
    program: Program

    @property
    def url(self):
        return f"https://{HOST}:{self.port}"


@contextlib.asynccontextmanager
async def over_tls(chat, lab=None):
    """Serve a running stage, or a lab, by one more Daphne with TLS, until the block ends."""
    # A folder of its own, so that the log in it names no port of an earlier server.
    folder = Path(tempfile.mkdtemp(prefix="tls-", dir=chat.files.path))
    certificate, key = make_certificate(folder)
    program = start_daphne(chat, lab, certificate, key)
    try:
        port = await wait_for_port(program)
        yield SecureInstance(port, certificate, program)
    finally:
        await asyncio.shield(asyncio.to_thread(program.stop))


def start_daphne(chat, lab, certificate, key):
    folder, application = (LABS, f"{lab}:application") if lab else (chat.folder, ASGI)
    return Program(
        [sys.executable, "-m", "daphne", "--endpoint", endpoint(certificate, key), application],
        folder=chat.files,
        log=certificate.with_name("daphne.log"),
        cwd=folder,
        env=chat.environment,
    )


def endpoint(certificate, key):
    """Say in Twisted's words what Daphne is to listen on."""
    key, certificate = quoteStringArgument(str(key)), quoteStringArgument(str(certificate))
    # Port 0: the system chooses a free one. Daphne can take over our socket for plain HTTP only.
    return f"ssl:0:privateKey={key}:certKey={certificate}:interface={HOST}"


async def wait_for_port(program):
    """Wait for the line in its log in which Daphne says what it listens on."""
    give_up_at = time.monotonic() + START_SECONDS
    while program.poll() is None and time.monotonic() < give_up_at:
        if port := find_port(program.log):
            return port
        await asyncio.sleep(0.01)
    raise program.failure("Daphne did not start with TLS")


def find_port(log):
    found = re.search(r"Listening on TCP address \S+:(\d+)\n", log.read_text(errors="replace"))
    return int(found[1]) if found else None


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
