"""A private nginx in front of chat_final, with the configuration that ships with it.

with nginx.server([instance.port for instance in chat.instances], certificate, key) as proxy:
    async with connect(proxy, "lobby", "alice") as socket:
        ...
"""

import contextlib
import os
import pwd
import shutil
import ssl

from ..basics.addresses import HOST
from ..basics.catalog import FINAL, ROOT
from ..basics.errors import LaunchError, MissingError
from ..basics.hidden import hidden
from .ports import PrivateServer, free_port
from .processes import Program, RunFolder

SHIPPED = ROOT / FINAL / "deploy" / "nginx.conf"
SHIPPED_PORTS = (8000, 8001, 8002)
# Debian keeps its program out of the PATH of users.
SBIN = "/usr/sbin"
# What its clients call it. Not by the address: with that they would ask for no certificate by name.
NAME = "localhost"


def find_binary():
    """Path of nginx. Raises MissingError if there is none."""
    found = shutil.which("nginx") or shutil.which("nginx", path=SBIN)
    if found and "nginx" not in hidden():
        return found
    raise MissingError(
        "No nginx to be had: install Debian's package nginx-light, or put nginx on PATH."
    )


@contextlib.contextmanager
def server(ports, certificate, key, changes=(), shipped=SHIPPED):
    """Run nginx in front of these three ports for the length of the block; yields the Nginx.

    `certificate` and `key` are files, for `localhost`. `changes` are more (shipped, wanted) pairs;
    `shipped` is the configuration, where it is not chat_final's own.
    """
    binary = find_binary()
    with contextlib.closing(RunFolder("nginx")) as folder:
        yield Nginx(binary, folder, ports, certificate, key, changes, shipped)


def adapted(nginx, ports, certificate, key, changes, shipped_file):
    """The shipped configuration, but for what differs here."""
    text, upstreams = shipped_file.read_text(), zip(SHIPPED_PORTS, ports, strict=True)
    # What Debian has root make in /var/lib; nginx makes each of them, used or not.
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"    {kind}_temp_path {kind};\n" for kind in kinds)
    for shipped, wanted, count in [
        *((f"127.0.0.1:{old} ", f"{HOST}:{new} ", 1) for old, new in upstreams),
        ("/etc/ssl/chat.example.com/fullchain.pem", quoted(certificate), 1),
        ("/etc/ssl/chat.example.com/privkey.pem", quoted(key), 1),
        ("chat.example.com", NAME, 2),
        ("Host $host;", f"Host $host:{nginx.port};", 1),
        ("listen [::]", "# listen [::]", 4),
        ("listen 80", f"listen {HOST}:{nginx.plain_port}", 2),
        ("listen 443", f"listen {HOST}:{nginx.port}", 2),
        ("user www-data;", f"user {pwd.getpwuid(os.geteuid()).pw_name};", 1),
        ("/run/nginx.pid", nginx.pid_file.name, 1),
        ("/var/log/nginx/error.log", "stderr", 1),
        ("/var/log/nginx/access.log", nginx.access_log.name, 1),
        ("http {\n", f"http {{\n{temporary}", 1),
        *((shipped, wanted, 1) for shipped, wanted in changes),
    ]:
        if text.count(shipped) != count:
            raise LaunchError(
                f"{shipped_file} should have {shipped!r} {count}x; see nginx.py, adapted()."
            )
        text = text.replace(shipped, str(wanted))
    return text


def quoted(path):
    """A path as a word of nginx's configuration, with whatever characters it has."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


class Nginx(PrivateServer):
    """An nginx that runs. For clients it is like an instance, at an address with TLS."""

    tracing = None
    greets = True

    def __init__(self, binary, folder, ports, certificate, key, changes, shipped):
        self.binary, self.folder = binary, folder
        self.asked = ports, certificate, key, changes, shipped
        self.configuration = folder.path / "nginx.conf"
        self.pid_file, self.access_log = folder.path / "pid", folder.path / "access.log"
        # By which its clients know it: they trust this certificate, and no other.
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.load_verify_locations(certificate)
        self.start_on_a_free_port()

    @property
    def url(self):
        return f"https://{NAME}:{self.port}"

    @property
    def ws_url(self):
        return f"wss://{NAME}:{self.port}"

    @property
    def command(self):
        # Other names in the configuration are those of files in the run's folder.
        words = ["-p", self.folder.path, "-c", self.configuration, "-e", "stderr"]
        return [self.binary, *words, "-g", "daemon off;"]

    def launch(self):
        self.plain_port = free_port()
        self.configuration.write_text(adapted(self, *self.asked))
        log = self.folder.path / "nginx.log"
        self.program = Program(self.command, folder=self.folder, log=log)

    def is_ready(self):
        # It writes its number down after it has begun to listen.
        return self.pid_file.exists() and self.pid_file.read_text() == f"{self.program.pid}\n"
