"""One server process, or worker, of a stage: how it is started, stopped, killed and found ready."""

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from ..basics.addresses import HOST, Address
from ..tracing.flow import WORKER
from ..tracing.recording import Tracing
from .ports import listen
from .processes import Program, Running

START_SECONDS = 30

# As a proxy asks that has taken the TLS off: in production chat_final sends all others to https.
AS_PROXY = {"X-Forwarded-Proto": "https"}


@dataclass
class Instance(Running, Address):
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
    host: str = HOST

    def begin(self, listener):
        self.program = self.launch(listener, self.starts)
        self.starts += 1

    def start(self):
        """Start it again after its end, on the same port; returns when it answers."""
        with listen(self.port, self.shares_port, self.host) as listener:
            self.begin(listener)
        self.wait_until_ready()

    def wait_until_ready(self):
        """Wait for a page from *this* server. Raises LaunchError."""
        if self.shares_port:
            self.program.wait_until(self.has_bound, START_SECONDS)
        # The socket is ours, so no other server can answer on it. The request waits in its backlog
        # until the server is there; if that dies the socket dies with it, and the request fails.
        answer = self.ask()
        if answer != 200:
            raise self.program.failure(f"{self.title} did not start ({answer!r})")

    def has_bound(self):
        """Whether somebody listens on its port."""
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port)):
            return True

    def ask(self):
        """The status of its answer to a request for its index page, or the error."""
        # Not by httpx: a command that starts a stage would need longer to load it than all else.
        connection = HTTPConnection(self.host, self.port, timeout=START_SECONDS)
        with contextlib.closing(connection):
            try:
                connection.request("GET", "/", headers=AS_PROXY)
                answer = connection.getresponse()
                answer.read()
            except (OSError, HTTPException) as error:
                return error
            return answer.status


class Worker(Running):
    """The worker process of a stage: it runs the jobs that come over a channel.

    `make_program` starts it, and `title` says whose it is. Jobs wait for it while it is away.
    """

    name = WORKER

    def __init__(self, title, make_program):
        self.title, self.make_program = title, make_program
        self.program = make_program()

    def start(self):
        """Start the worker again after its end; returns when it listens. Raises LaunchError."""
        self.program = self.make_program()
        self.wait_until_ready()

    def wait_until_ready(self):
        if not self.program.wait_until(self.is_connected, START_SECONDS):
            raise self.program.failure(f"{self.title} did not start")

    def is_connected(self):
        """Whether it is in touch with Redis: by then it has loaded all it needs."""
        # Only here: few stages have a worker, and loading it takes longer than all the rest.
        import psutil

        try:
            connections = psutil.Process(self.program.pid).net_connections("tcp")
        except psutil.Error:
            return False  # it has just ended
        return any(each.status == psutil.CONN_ESTABLISHED for each in connections)
