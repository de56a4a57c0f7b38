"""Notebook 15: an nginx in front of a server, with few lines and with more, one path for each.

with behind_nginx(app) as proxy:
    await websockets.connect(f"{proxy.ws_url}/told/")
"""

import contextlib

from chatflow.basics.addresses import HOST
from chatflow.running.nginx import find_binary
from chatflow.running.ports import PrivateServer
from chatflow.running.processes import Program, RunFolder

# What differs is in the locations. An idle connection is cut after two seconds: by itself nginx
# waits for sixty.
CONFIGURATION = """
daemon off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    proxy_read_timeout 2s;
    server {{
        listen {host}:{port};
        {locations}
    }}
}}
"""
VERSION = "proxy_http_version 1.1;"
UPGRADE = "proxy_set_header Upgrade $http_upgrade;"
CONNECTION = 'proxy_set_header Connection "upgrade";'
# What nginx does if it is told nothing; from 1.29.7 on it would be 1.1.
OLD = "proxy_http_version 1.0;"
# A path, and the lines that its location has besides `proxy_pass`.
LOCATIONS = {
    "all": [VERSION, UPGRADE, CONNECTION],
    "none": [OLD],
    "no-version": [OLD, UPGRADE, CONNECTION],
    "no-upgrade": [VERSION, CONNECTION],
    "no-connection": [VERSION, UPGRADE],
    "only-version": [VERSION, 'proxy_set_header Connection "";'],
}


@contextlib.contextmanager
def behind_nginx(app):
    """Run nginx in front of a lab; yields it. Raises MissingError if there is no nginx."""
    binary = find_binary()
    with contextlib.closing(RunFolder("nginx")) as folder:
        yield Nginx(binary, folder, app)


def location(path, lines, app):
    return f"location /{path}/ {{ proxy_pass {app.url}/; {' '.join(lines)} }}"


class Nginx(PrivateServer):
    def __init__(self, binary, folder, app):
        self.binary, self.folder, self.app = binary, folder, app
        self.start_on_a_free_port()

    @property
    def url(self):
        return f"http://{HOST}:{self.port}"

    @property
    def ws_url(self):
        return f"ws://{HOST}:{self.port}"

    def launch(self):
        locations = "\n        ".join(
            location(path, lines, self.app) for path, lines in LOCATIONS.items()
        )
        text = CONFIGURATION.format(host=HOST, port=self.port, locations=locations)
        path = self.folder.path / "nginx.conf"
        path.write_text(text)
        log = self.folder.path / "nginx.log"
        words = [self.binary, "-p", self.folder.path, "-c", path, "-e", "stderr"]
        self.program = Program(words, folder=self.folder, log=log)

    def is_ready(self):
        pid = self.folder.path / "nginx.pid"
        return pid.exists() and pid.read_text() == f"{self.program.pid}\n"
