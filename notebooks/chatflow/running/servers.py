"""One server process, or worker, of a stage: how it is started, stopped, killed and found ready."""

import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import psutil

from ..basics.addresses import HOST, NO_TLS, Address
from ..basics.errors import LaunchError, UsageError
from ..tracing.flow import WORKER
from ..tracing.recording import Tracing
from .processes import Program

START_SECONDS = 30

# How each server takes over a socket that we have bound, and how it is told to stop soon.
SERVERS = {
    "gunicorn": ["--bind", "fd://{fd}"],
    "daphne": ["--fd", "{fd}"],
    "uvicorn": ["--fd", "{fd}", "--lifespan", "off", "--timeout-graceful-shutdown", "1"],
    "hypercorn": ["--bind", "fd://{fd}", "--graceful-timeout", "1"],
    # It takes no socket over, but binds the same port beside us.
    "granian": ["--interface", "asgi", "--host", HOST, "--port", "{port}"],
    # gunicorn once more, with a worker that speaks ASGI (and without a socket in the home folder).
    "gunicorn-asgi": [
        "--bind",
        "fd://{fd}",
        "--worker-class",
        "asgi",
        "--graceful-timeout",
        "1",
        "--no-control-socket",
    ],
}
WSGI_SERVER = "gunicorn"
ASGI_SERVERS = [name for name in SERVERS if name != WSGI_SERVER]
SHARES_THE_PORT = "granian"
# What chat_final asks of its server: frames of 64 KiB at most, and silent clients soon found out;
# of Daphne also no lines of its own, which would be no JSON, between the log's; of Uvicorn no
# compression, which would be done again for each reader of a message.
FINAL_FLAGS = {
    "daphne": "--websocket-max-message-size 65536 --websocket-max-frame-size 65536 "
    "--ping-interval 10 --ping-timeout 15 --verbosity 0",
    "uvicorn": "--ws websockets-sansio --ws-per-message-deflate false --ws-max-size 65536 "
    "--ws-ping-interval 10 --ws-ping-timeout 15",
    # These three have no flags for all of that.
    "hypercorn": "--websocket-ping-interval 10",
    "granian": "",
    "gunicorn-asgi": "--websocket-max-message-size 65536",
}
# Of a client's connection: how much the kernel takes for us before we have read it (twice this).
AT_ONCE_BYTES = 8_192
# And a client that has taken nothing of what was sent for so long has gone; chat_final says so
# before that (4408), after 20 seconds.
STALLED_MS = 30_000
# It has ten seconds to send its sockets away; all others have three.
FINAL_GRACE, GRACE = 12, 3

# As a proxy asks that has taken the TLS off: in production chat_final sends all others to https.
AS_PROXY = {"X-Forwarded-Proto": "https"}

# Ours to set for a stage; whatever the user's shell has of them must not leak in.
STAGE_VARIABLES = {
    "ALLOWED_HOSTS",
    "CHAT_DATABASE",
    "DATABASE_URL",
    "DEBUG",
    "DEVELOPMENT",
    "DJANGO_SETTINGS_MODULE",
    "FLOW_CONNECTIONS",
    "FLOW_PROCESS",
    "FLOW_SERVER",
    "FLOW_SETTINGS",
    "FLOW_TRACE",
    "GUNICORN_CMD_ARGS",
    "PYTHONIOENCODING",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONWARNINGS",
    "REDIS_LAYER",
    "REDIS_PREFIX",
    "REDIS_URL",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "TRUSTED_ORIGINS",
    "WEB_CONCURRENCY",
}


def clean_environment():
    """The user's environment without what would change a stage."""
    return {
        key: value
        for key, value in os.environ.items()
        # Uvicorn reads each of its options from UVICORN_<OPTION> too.
        if key not in STAGE_VARIABLES and not key.startswith("UVICORN_")
    }


def server_command(server, listener, application, flags=""):
    facts = {"fd": listener.fileno(), "port": listener.getsockname()[1]}
    words = [word.format(**facts) for word in SERVERS[server]]
    return [sys.executable, "-m", server.removesuffix("-asgi"), *words, *flags.split(), application]


@dataclass
class Instance(Address):
    """One server process of a stage, listening on a port of its own.

    `site` is the same for all instances of a run: they share their users and sessions. `launch`
    starts its program on a listening socket, and is told how often that has been done before.
    """

    name: str
    title: str
    site: str
    launch: Callable[[socket.socket, int], Program]
    shares_port: bool = False
    tracing: Tracing | None = None
    greets: bool = False
    starts: int = 0

    def begin(self, listener):
        self.program = self.launch(listener, self.starts)
        self.starts += 1

    def wait_until_ready(self):
        wait_until_ready(self)

    def kill(self):
        """End this instance with SIGKILL, as a crash would; the others go on."""
        self.program.kill()

    def stop(self):
        """End this instance with SIGTERM, in good order; the others go on."""
        self.program.stop()

    def start(self):
        """Start it again after its end, on the same port; returns when it answers."""
        with listen(self.port, self.shares_port) as listener:
            self.begin(listener)
        self.wait_until_ready()


class Worker:
    """The worker process of a stage: it runs the jobs that come over a channel.

    `make_program` starts it, and `title` says whose it is. Jobs wait for it while it is away.
    """

    name = WORKER

    def __init__(self, title, make_program):
        self.title, self.make_program = title, make_program
        self.launch()

    def launch(self):
        self.program = self.make_program()

    def start(self):
        """Start the worker again after its end; returns when it listens. Raises LaunchError."""
        self.launch()
        self.wait_until_ready()

    def stop(self):
        """End the worker with SIGTERM, in good order."""
        self.program.stop()

    def kill(self):
        """End the worker with SIGKILL, as a crash would."""
        self.program.kill()

    def wait_until_ready(self):
        give_up_at = time.monotonic() + START_SECONDS
        while not self.is_connected():
            if self.program.poll() is not None or time.monotonic() > give_up_at:
                lines = self.program.last_lines()
                raise LaunchError(
                    f"{self.title} did not start. The last lines of its log:\n{lines}"
                )
            time.sleep(0.02)  # a look; it has no port that could be asked

    def is_connected(self):
        """Whether it is in touch with Redis: by then it has loaded all it needs."""
        try:
            connections = psutil.Process(self.program.pid).net_connections("tcp")
        except psutil.Error:
            return False  # it has just ended
        return any(each.status == psutil.CONN_ESTABLISHED for each in connections)


def bind(first_port, servers):
    """Bind and listen for these servers, from `first_port` up (0: any). Raises UsageError."""
    listeners = []
    try:
        for offset, server in enumerate(servers):
            port = first_port + offset if first_port else 0
            listeners.append(listen(port, server == SHARES_THE_PORT))
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def listen(port, shared=False):
    """A socket that listens on a port (0: any); `shared` lets a program of ours bind it as well."""
    listener = socket.socket()
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # A port whose last connections are still fading away is free; one with a listener is not.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted connections inherit it. Uvicorn does not set it on a socket that it was handed.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # And this: Daphne handles all that it can read at once, and until then nobody else has a turn.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, AT_ONCE_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # And this, where Linux is. Uvicorn would wait for ever for a client that takes nothing.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
    try:
        listener.bind((HOST, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"Port {port} cannot be used ({error.strerror}): stop what listens there, "
            "or choose another with --port (0 takes any free one)."
        ) from error
    return listener


def wait_until_ready(instance):
    """Wait for a page from *this* server: the socket is ours, so no other can answer on it."""
    # The request waits in the socket's backlog until the server is there; if the server dies the
    # socket dies with it, and the request fails.
    answer = ask(instance)
    give_up_at = time.monotonic() + START_SECONDS
    while isinstance(answer, httpx.ConnectError) and instance.shares_port:
        # It has not bound its port yet.
        if instance.program.poll() is not None or time.monotonic() > give_up_at:
            break
        time.sleep(0.02)
        answer = ask(instance)
    if not isinstance(answer, httpx.Response) or answer.status_code != 200:
        raise LaunchError(
            f"{instance.title} did not start ({answer!r}). The last lines of its log:\n"
            f"{instance.program.last_lines()}"
        )


def ask(instance):
    """The answer to a request for its index page, or the error."""
    url = f"{instance.url}/"
    try:
        return httpx.get(url, headers=AS_PROXY, timeout=START_SECONDS, verify=NO_TLS)
    except httpx.HTTPError as error:
        return error
