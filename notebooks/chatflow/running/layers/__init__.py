"""The channel layers that stage 06 can be given in place of its own: `run_step.sh 6 --layer NAME`.

`layers.toml` has them; `locks/` says what is installed for each, and `environments` installs it.
"""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from ...basics.errors import UsageError

HERE = Path(__file__).parent
# As in stage 06: a socket on which nobody speaks stays open, and a restart is noticed.
REDIS_HOST = {"socket_timeout": None, "protocol": 2}


@dataclass(frozen=True)
class Layer:
    """One entry of layers.toml, which says what each of these is."""

    name: str
    package: str
    backend: str
    broker: str = ""
    lock: str = ""
    python: tuple[int, int] | list[int] = (3, 11)
    app: str = ""
    database: str = ""
    prefix: str = ""
    limits: dict[str, list[str]] = field(default_factory=dict)

    def config(self, url, prefix, **limits):
        """What stands under CONFIG, for a broker at this URL; `limits` as in capacity=10."""
        config = CONFIGS.get(self.package, lambda url: {})(url)
        config |= {self.prefix: prefix} if self.prefix else {}
        for ours, value in limits.items():
            config |= dict.fromkeys(self.limits.get(ours, ()), value)
        return config

    def settings(self, url, prefix, **limits):
        """What a stage's settings get in place of their own: see overlay/layer_settings.py."""
        layer = {"BACKEND": self.backend, "CONFIG": self.config(url, prefix, **limits)}
        databases = {self.database: DATABASES[self.broker](url)} if self.database else {}
        return {"layer": layer, "app": self.app, "databases": databases}


def redis_hosts(url):
    return {"hosts": [{"address": url, **REDIS_HOST}]}


def valkey_hosts(url):
    return {"hosts": [url.replace("redis://", "valkey://")]}


def postgres_database(url):
    """Without TIME_ZONE, which its README leaves out, Channels says that there is no layer."""
    parts = urlsplit(url)
    where = {"HOST": parts.hostname, "PORT": parts.port, "NAME": parts.path.removeprefix("/")}
    who = {"USER": parts.username, "PASSWORD": parts.password}
    return {"ENGINE": "django.db.backends.postgresql", "TIME_ZONE": None, **where, **who}


def sqlite_database(path):
    """As the packages ask for it: writers wait for each other, and readers do not."""
    wait = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000"
    options = {"init_command": wait}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": options}


# By the package: what its README says stands in CONFIG.
CONFIGS = {
    "channels-redis": redis_hosts,
    "channels-valkey": valkey_hosts,
    "channels-postgres": postgres_database,
    "channels-nats": lambda url: {"servers": [url]},
    "channels-rabbitmq": lambda url: {"host": url},
    "channels-lite": lambda url: {"database": "channels"},
    "channels-sqlite": lambda url: {"database": "channels"},
    "channels-zmq": lambda url: {"pub_socket_address": f"tcp://{url}"},
    "channels-kafka": lambda url: {"hosts": [url]},
}
DATABASES = {"postgres": postgres_database, "file": sqlite_database}


@cache
def layers():
    """All layers by their names, in the order of the table."""
    entries = tomllib.loads((HERE / "layers.toml").read_text())
    return {name: Layer(name, **facts) for name, facts in entries.items()}


def find_layer(name):
    """The layer of this name. Raises UsageError with those that there are."""
    if found := layers().get(name):
        return found
    raise UsageError(f"There is no layer {name!r}: give one of {', '.join(layers())}.")
