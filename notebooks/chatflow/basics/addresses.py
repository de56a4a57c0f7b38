"""Where the servers of this machine are found, and what their clients need for that."""

import re
import ssl
from dataclasses import dataclass

HOST = "127.0.0.1"

# All stages here are plain HTTP. Without this each client would load all the authorities that a
# certificate may come from, which takes longer than most of what it does.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Address:
    """A port of this machine, as clients want it told."""

    port: int
    host = HOST  # an instance may listen elsewhere, see `Run`
    tracing = None  # an instance may have one
    greets = False  # whether a socket is told when it is in its room: it is let in before that

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    @property
    def ws_url(self):
        return f"ws://{self.host}:{self.port}"


def printable(urls):
    """Addresses of servers without their passwords."""
    # A password may have a comma or a slash in it, where it should have %2C or %2F.
    return re.sub(r"//((?!://).)*@", "//…@", urls)
