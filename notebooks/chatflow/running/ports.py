"""Ports of this machine: sockets that listen on them, and which of them are free."""

import contextlib
import socket

from ..basics.addresses import HOST
from ..basics.errors import UsageError
from .processes import Running
from .servers import SHARES_THE_PORT

# Of a client's connection: how much the kernel takes for us before we have read it (twice this).
AT_ONCE_BYTES = 8_192
# And a client that has taken nothing of what was sent for so long has gone; chat_final says so
# before that (4408), after 20 seconds.
STALLED_MS = 30_000
# What cannot be handed a socket may find its port taken meanwhile.
ATTEMPTS = 5


@contextlib.contextmanager
def listening(first_port, servers, host=HOST):
    """Sockets that listen for these servers, from `first_port` up (0: any). Raises UsageError."""
    with contextlib.ExitStack() as ours:
        yield [
            ours.enter_context(
                listen(first_port and first_port + i, server == SHARES_THE_PORT, host)
            )
            for i, server in enumerate(servers)
        ]


def listen(port, shared=False, host=HOST):
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
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"Port {port} cannot be used ({error.strerror}): stop what listens there, "
            "or choose another with --port (0 takes any free one)."
        ) from error
    return listener


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def can_listen(port):
    with socket.socket() as probe:
        # As Redis does: the last connections may fade away meanwhile.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


class PrivateServer(Running):
    """A server of our own: `launch` starts its program on its `port`, `is_ready` looks at it."""

    start_seconds = 10

    def start_on_a_free_port(self):
        """Returns when it is ready. Raises LaunchError if it does not start on any."""
        for _ in range(ATTEMPTS):
            self.port = free_port()
            self.launch()
            if self.wait_until_ready():
                return
            self.stop()
        raise self.program.failure(f"{type(self).__name__} did not start")

    def wait_until_ready(self):
        """True once *our* process answers on the port; False if it ended instead."""
        return self.program.wait_until(self.is_ready, self.start_seconds)
