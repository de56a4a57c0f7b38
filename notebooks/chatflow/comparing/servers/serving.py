"""The probed application on each server, several times: with other flags, or another lifespan."""

import asyncio
import contextlib
import ssl
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ...basics.addresses import HOST
from ...basics.errors import LaunchError
from ...running.certificates import make_certificate
from ...running.environment import clean_environment
from ...running.instances import START_SECONDS, Instance
from ...running.ports import free_port, listen
from ...running.processes import Program, run_to_end
from ...running.servers import ASGI_SERVERS, SHARES_THE_PORT, server_command
from .notes import Notes
from .wire import Wire, upgrade

INSIDE = Path(__file__).parent / "inside"
# As it is without a flag of ours; `running.servers` switches Uvicorn's lifespan off for the stages.
PLAIN = {"uvicorn": "--lifespan auto"}
# What may be asked for by a flag, where there is one: short times, a small limit, a root path.
TOLD = {
    "daphne": "--root-path /p --ping-interval 1 --ping-timeout 2 "
    "--websocket-max-message-size 65536",
    "uvicorn": "--lifespan auto --root-path /p --ws-ping-interval 1 --ws-ping-timeout 2 "
    "--ws-max-size 65536",
    "hypercorn": "--root-path /p --websocket-ping-interval 1",
    "granian": "--url-path-prefix /p",
    "gunicorn-asgi": "--root-path /p --websocket-max-message-size 65536",
}
TLS = {
    "daphne": "",
    "uvicorn": "--ssl-certfile {certificate} --ssl-keyfile {key}",
    "hypercorn": "--certfile {certificate} --keyfile {key}",
    "granian": "--ssl-certificate {certificate} --ssl-keyfile {key}",
    "gunicorn-asgi": "--certfile {certificate} --keyfile {key}",
}
# Those that speak HTTP/2 if they are told to.
ASKED_FOR_HTTP2 = {"gunicorn-asgi": " --http-protocols h2,h1"}
# Whether it starts is what a row asks for.
STARTED_BY_THEIR_ROW = ("raises", "fails")
FLAGS = {"plain": PLAIN, "stops": PLAIN, "told": TOLD, "raises": PLAIN, "fails": PLAIN, "tls": TLS}


@dataclass(eq=False)
class Site:
    """One server with the probed application; `kind` says how it was started: see FLAGS."""

    server: str
    kind: str
    files: object
    notes: Notes
    flags: str = ""
    shared: dict = field(default_factory=dict)

    @property
    def name(self):
        return f"{self.server}-{self.kind}"

    async def once(self, finding):
        """What a function finds out here; several rows may ask, and it is done once."""
        if finding not in self.shared:
            self.shared[finding] = asyncio.ensure_future(finding(self))
        return await self.shared[finding]

    def start(self):
        """Returns when it answers. Raises LaunchError."""
        shares = self.server == SHARES_THE_PORT
        with listen(0, shares) as listener:
            port = listener.getsockname()[1]
            if self.server == "daphne" and self.kind == "tls":
                port, shares = free_port(), True  # it takes no socket over with TLS
            launch = partial(self.launch, port=port, shares=shares)
            title = f"{self.server} ({self.kind})"
            self.instance = Instance(port, self.server, title, self.kind, launch, shares)
            self.instance.begin(listener)
        if self.kind != "tls":
            self.instance.wait_until_ready()
        elif not self.instance.program.wait_until(self.instance.has_bound, START_SECONDS):
            raise self.instance.program.failure(f"{title} did not start")

    def launch(self, listener, starts, port, shares):
        return Program(
            self.command(listener, port),
            folder=self.files,
            log=self.files.path / f"{self.name}.log",
            cwd=INSIDE,
            env=self.environment(),
            listener=None if shares else listener,
        )

    def command(self, listener, port):
        application, flags = "probed:application", FLAGS[self.kind].get(self.server, "")
        if self.kind == "tls":
            certificate, key = (self.files.path / f"{name}.pem" for name in ("certificate", "key"))
            if self.server == "daphne":
                endpoint = f"ssl:{port}:privateKey={key}:certKey={certificate}:interface={HOST}"
                return [sys.executable, "-m", "daphne", "--endpoint", endpoint, application]
            flags = flags.format(certificate=certificate, key=key)
        return server_command(self.server, listener, application, f"{flags} {self.flags}")

    def environment(self):
        told = {"PROBED_NOTES": str(self.notes.port), "PROBED_NAME": self.name}
        if self.kind == "stops":
            told["PROBED_CHANNELS"] = "1"
        if self.kind in STARTED_BY_THEIR_ROW:
            told["PROBED_LIFESPAN"] = self.kind
        return clean_environment() | told

    @contextlib.asynccontextmanager
    async def ask(self, do, path="/", headers=()):
        """Ask for a path, as a plain request; yields the Wire, once there is an answer."""
        async with self.connected() as wire:
            await wire.ask(self.path(wire, do, path), [("Host", HOST), *headers])
            yield wire

    @contextlib.asynccontextmanager
    async def open(self, do, path="/", headers=()):
        """Open a WebSocket; a probe of an open one must not take a refusal for what it looks for.

        Raises ConnectionError if it is refused.
        """
        async with self.knock(do, path, headers) as wire:
            if wire.status != 101:
                raise ConnectionError(f"the WebSocket was answered {wire.status}, not 101")
            yield wire

    @contextlib.asynccontextmanager
    async def knock(self, do, path="/", headers=()):
        """Ask for a WebSocket, whatever the answer is."""
        async with self.connected() as wire:
            headers = [*upgrade(self.instance.port), *headers]
            await wire.ask(self.path(wire, do, path), headers)
            yield wire

    def path(self, wire, do, path):
        return f"{path}?id={wire.number}&do={do.replace(' ', '+')}"

    @contextlib.asynccontextmanager
    async def connected(self):
        number = str(next(self.notes.numbers))
        reader, writer = await asyncio.open_connection(HOST, self.instance.port, ssl=self.trusted())
        try:
            yield Wire(reader, writer, number)
        finally:
            writer.transport.abort()

    def trusted(self):
        """Of TLS: its certificate is the only one that is trusted; else None."""
        if self.kind == "tls":
            return ssl.create_default_context(cafile=self.files.path / "certificate.pem")
        return None

    async def note(self, wire, what, **limits):
        return await self.notes.of(wire.number, what, **limits)

    async def help(self):
        """What its command says of its flags."""
        words = [sys.executable, "-m", self.server.removesuffix("-asgi"), "--help"]
        ended = await asyncio.to_thread(run_to_end, words, folder=self.files, within=START_SECONDS)
        return ended.stdout


def sites(files, notes):
    """{server: {kind: Site}}, not started."""
    make_certificate(files.path)
    found = {
        server: {kind: Site(server, kind, files, notes) for kind in FLAGS}
        for server in ASGI_SERVERS
    }
    for server, flags in ASKED_FOR_HTTP2.items():
        found[server]["http2"] = Site(server, "tls", files, notes, flags)
    return found


async def fate(site):
    """Start a site; "serves", or "ends" if it ends by itself."""
    try:
        await asyncio.to_thread(site.start)
    except LaunchError:
        if not await asyncio.to_thread(site.instance.program.ends, 5):
            return "runs, and serves nothing"
        return "ends"
    return "serves"
