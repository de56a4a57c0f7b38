"""Notebook 15: servers of one's own project, each started by the command line of its unit."""

import asyncio
import configparser
import contextlib
import json
import os
import shlex
import shutil
import socket
import subprocess
from contextlib import AsyncExitStack

import websockets

from chatflow.basics.addresses import HOST
from chatflow.running.ports import PrivateServer
from chatflow.running.processes import Program

UNIT = "deploy/mysite@.service"
DAPHNE = "/srv/mysite/.venv/bin/daphne"
WAIT_SECONDS = 5


def read_unit(project):
    """The section [Service] of the project's unit: {key: value}."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # systemd tells capitals from small letters
    unit.read_string((project.folder / UNIT).read_text())
    return dict(unit["Service"])


def verified(project):
    """What `systemd-analyze verify` has to say of the unit; None where there is no systemd."""
    if not (analyze := shutil.which("systemd-analyze")):
        return None
    # The name of one instance; and Daphne where it is on this machine, as systemd looks for it.
    path = project.files.path / "mysite@8001.service"
    here = os.path.join(os.path.dirname(project.python), "daphne")
    path.write_text((project.folder / UNIT).read_text().replace(DAPHNE, here))
    words = [analyze, "verify", "--man=no", path]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    return [line for line in done.stderr.splitlines() if path.name in line]


class Site(PrivateServer):
    """One instance of the project, as systemd would start it; for clients it has an address."""

    start_seconds = 30

    def __init__(self, project):
        self.project, self.service = project, read_unit(project)
        self.start_on_a_free_port()

    @property
    def url(self):
        return f"http://{HOST}:{self.port}"

    @property
    def ws_url(self):
        return f"ws://{HOST}:{self.port}"

    def launch(self):
        line = self.service["ExecStart"].replace("%i", str(self.port))
        command = [self.project.python, "-m", "daphne", *shlex.split(line)[1:]]
        files = self.project.files
        self.program = Program(
            command,
            folder=files,
            log=files.path / f"site-{self.port}.log",
            cwd=self.project.folder,
            # In place of the unit's own host and Redis.
            env=self.project.environment | {"ALLOWED_HOSTS": HOST, "SECRET_KEY": "of this run"},
            grace=int(self.service["TimeoutStopSec"]),
        )

    def is_ready(self):
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port)):
            return True

    def start(self):
        """Start it again on its port; returns when it listens. Raises LaunchError."""
        self.launch()
        if not self.wait_until_ready():
            raise self.program.failure("Your project did not start again")


@contextlib.asynccontextmanager
async def sites(project, count=2):
    """So many instances of the project, at once, until the block ends."""
    running = []
    try:
        starting = [asyncio.to_thread(Site, project) for _ in range(count)]
        running = await asyncio.gather(*starting)
        yield running
    finally:
        await asyncio.gather(*(asyncio.to_thread(site.stop) for site in running))


def opened(site):
    """A socket as the page of this instance opens it."""
    return websockets.connect(f"{site.ws_url}/ws/chat/", origin=site.url)


async def crosses(project):
    """Whether what Alice sends to one instance reaches Bob at another one."""
    async with AsyncExitStack() as stack:
        a, b = await stack.enter_async_context(sites(project))
        alice, bob = [await stack.enter_async_context(opened(site)) for site in (a, b)]
        await alice.send(json.dumps({"v": 1, "text": "hello"}))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return json.loads(await bob.recv())["text"] == "hello"
        except (TimeoutError, websockets.ConnectionClosed):
            return False
