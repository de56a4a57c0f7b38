"""A WebSocket over HTTP/2, as RFC 8441 has it: the lab `any_server` behind TLS.

By hand, from the notebooks folder: `../.venv/bin/python labs/over_http2.py`.
"""

import asyncio
import contextlib
import json
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path

# So that this file also runs as a script: chatflow lies next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import h2.connection
import h2.events
from h2.settings import SettingCodes
from websockets.protocol import OPEN, Protocol, Side

from chatflow.basics.addresses import HOST
from chatflow.basics.interrupts import finish, held
from chatflow.clients.browser import chromium, has_chromium
from chatflow.running.certificates import make_certificate
from chatflow.running.environment import clean_environment
from chatflow.running.labs import LABS
from chatflow.running.ports import listen
from chatflow.running.processes import Program, RunFolder
from chatflow.running.servers import SHARES_THE_PORT, server_command

APPLICATION = "any_server:application"
TLS = {
    "hypercorn": "--certfile {} --keyfile {}",
    "granian": "--ssl-certificate {} --ssl-keyfile {}",
}
DEADLINE = 30


@dataclass
class Secure:
    """A server with TLS; `trusted` is the ssl context by which a client can trust it."""

    port: int
    trusted: ssl.SSLContext
    program: Program

    @property
    def authority(self):
        return f"{HOST}:{self.port}"


@contextlib.asynccontextmanager
async def over_tls(server):
    """Serve `any_server` with TLS, for the length of the block; yields a Secure."""
    files = RunFolder(f"tls-{server}")
    async with held(f"{server} with TLS"):
        try:
            yield await asyncio.to_thread(start, server, files)
        finally:
            await finish(files.close)


def start(server, files):
    certificate, key = make_certificate(files.path)
    flags, shared = TLS[server].format(certificate, key), server == SHARES_THE_PORT
    with listen(0, shared) as listener:
        program = Program(
            server_command(server, listener, APPLICATION, flags),
            folder=files,
            log=files.path / f"{server}.log",
            cwd=LABS,
            env=clean_environment(),
            listener=None if shared else listener,
        )
        port = listener.getsockname()[1]
        if not program.wait_until(lambda: says_it_listens(program), DEADLINE):
            raise program.failure(f"{server} did not start with TLS")
    return Secure(port, ssl.create_default_context(cafile=certificate), program)


def says_it_listens(program):
    said = program.said()
    return "Running on https" in said or "Started worker-1" in said


# --- by hand ------------------------------------------------------------------------------------


class Http2WebSocket:
    """One WebSocket in stream 1 of an HTTP/2 connection, and nothing else on it."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.http2, self.events = h2.connection.H2Connection(), []
        # What goes through the stream are the same frames as ever.
        self.frames = Protocol(Side.CLIENT, state=OPEN)

    async def settings(self):
        """Say hello, and wait for what the server allows; returns whether it takes WebSockets."""
        self.http2.initiate_connection()
        self.writer.write(self.http2.data_to_send())
        await self.next(h2.events.RemoteSettingsChanged)
        return bool(self.http2.remote_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL))

    async def handshake(self, path):
        """Returns (what was asked, the status that was answered): no GET, no Upgrade, no 101."""
        asked = {
            ":method": "CONNECT",
            ":protocol": "websocket",
            ":scheme": "https",
            ":path": path,
            ":authority": self.server.authority,
            "sec-websocket-version": "13",
        }
        self.http2.send_headers(1, list(asked.items()))
        self.writer.write(self.http2.data_to_send())
        answer = await self.next(h2.events.ResponseReceived)
        return asked, int(dict(answer.headers)[b":status"])

    async def text(self):
        """The next message, which has to fit into one frame."""
        while not (frames := self.frames.events_received()):
            self.frames.receive_data((await self.next(h2.events.DataReceived)).data)
        return bytes(frames[0].data).decode()

    async def next(self, kind):
        """The next event of this kind; what else comes is of no interest here."""
        while True:
            while self.events:
                if isinstance(event := self.events.pop(0), kind):
                    return event
            if not (data := await self.reader.read(65_536)):
                raise ConnectionError("The server has ended the connection.")
            self.events += self.http2.receive_data(data)
            self.writer.write(self.http2.data_to_send())


@contextlib.asynccontextmanager
async def connection(server):
    server.trusted.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(HOST, server.port, ssl=server.trusted)
    try:
        async with asyncio.timeout(DEADLINE):
            yield Http2WebSocket(server, reader, writer)
    finally:
        writer.transport.abort()


async def by_hand(server):
    """(what was asked, the status, the http_version in the application's scope); None: refused."""
    async with connection(server) as websocket:
        if not await websocket.settings():
            return None
        asked, status = await websocket.handshake("/scope/")
        return asked, status, json.loads(await websocket.text())["http_version"]


# --- in a browser -------------------------------------------------------------------------------

# By which HTTP has the page come, and by which its WebSocket? Then two more are opened. One makes
# its consumer raise: what becomes of it, and of the other one?
ASK = """async (address) => {
  const open = (path) => new Promise((resolve) => {
    const socket = new WebSocket(`wss://${address}${path}`);
    socket.onopen = () => resolve(socket);
    socket.onclose = () => resolve(null);
  });
  const end = (socket) => new Promise((resolve) => {
    socket.onclose = (event) => resolve(event.code);
    socket.onmessage = (event) => resolve(event.data);
  });
  const version = await new Promise((resolve) => {
    const socket = new WebSocket(`wss://${address}/scope/`);
    socket.onmessage = (event) => { socket.close(); resolve(JSON.parse(event.data).http_version); };
  });
  const [one, other] = await Promise.all([open("/raises/"), open("/raises/")]);
  one.send("a mistake");
  const first = await end(one);
  const second = end(other);
  if (other.readyState === WebSocket.OPEN) other.send("still here");
  const page = performance.getEntriesByType("navigation")[0].nextHopProtocol;
  return [page, version, first, await second];
}"""


async def in_a_browser(*servers):
    """For each: by which HTTP came the page and its WebSocket, and how did two of them end?

    None where there is no browser.
    """
    if not has_chromium():
        return None
    async with chromium() as browser:
        # No browser knows the signer of the lab's certificate.
        context = await browser.new_context(ignore_https_errors=True)
        return [await ask(await context.new_page(), server) for server in servers]


async def ask(page, server):
    async with asyncio.timeout(DEADLINE):
        await page.goto(f"https://{server.authority}/")
        return await page.evaluate(ASK, server.authority)


async def main():
    async with over_tls("hypercorn") as hypercorn, over_tls("granian") as granian:
        print(*await by_hand(hypercorn), await by_hand(granian), sep="\n")
        for told in await in_a_browser(hypercorn, granian) or ():
            print(*told)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
