"""A private PostgreSQL, for chat_final where SQLite is not enough.

with postgres.server() as server:
    async with stage("final", database=server.new_database()) as chat:
        ...
"""

import contextlib
import itertools
import os
import pwd
import secrets
import shutil
import signal
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from ..basics.addresses import HOST, printable
from ..basics.errors import MissingError, UsageError
from ..basics.hidden import hidden
from .ports import PrivateServer
from .processes import RUNS, Program, RunFolder
from .servers import FINAL_GRACE

DEBIAN = Path("/usr/lib/postgresql")
# PostgreSQL refuses to run as root. Whom it runs as then, and the folder that everybody may enter.
USERS = ["postgres", "nobody"]
OPEN_TO_ALL = Path("/tmp")
NAME = "chat"
# At a SIGTERM it waits for its clients: the instances, should we be killed.
GRACE = FINAL_GRACE + 3

OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    # In its folder too, where it is swept away.
    "dynamic_shared_memory_type": "mmap",
}


def find_binaries():
    """The folder of `initdb` and `postgres`, in their newest version. Raises MissingError."""
    # Debian leaves them out of PATH.
    versions = sorted(DEBIAN.glob("[0-9]*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    found = versions[-1] if versions else shutil.which("initdb")
    if found and "postgresql" not in hidden():
        return Path(found).resolve().parent
    raise MissingError(
        "No PostgreSQL to be had: install Debian's package postgresql, or put initdb and postgres "
        "on PATH."
    )


def check_given(url):
    """Log in to the database that the user named. Raises UsageError or MissingError."""
    if urlsplit(url).scheme not in ("postgres", "postgresql"):
        raise UsageError(
            f"Messages are kept in SQLite or PostgreSQL, so {printable(url)} cannot be used: "
            "give a path, or postgres://USER:PASSWORD@HOST:PORT/NAME."
        )
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        reason = str(error).partition("\n")[0].removeprefix("connection failed: ")
        raise MissingError(f"The database {printable(url)} cannot be used: {reason}.") from error
    except psycopg.ProgrammingError:
        # What exactly is wrong with it might tell the password.
        raise UsageError(
            f"{printable(url)} is not valid: give postgres://USER:PASSWORD@HOST:PORT/NAME, "
            "with special characters written as in %40."
        ) from None


@contextlib.contextmanager
def server(durable=False, **options):
    """Run a PostgreSQL for the length of the block; yields the PostgresServer.

    `durable` has it write each transaction to the disk before it says so, as in production;
    `options` are settings of its own, as in max_connections=20.
    """
    binaries = find_binaries()
    user = find_user()
    folder = RunFolder("postgres", parent=OPEN_TO_ALL if user else RUNS)
    with contextlib.closing(folder):
        server = PostgresServer(binaries, folder, user, durable, options)
        try:
            yield server
        finally:
            server.stop()


def find_user():
    """Whom PostgreSQL is to run as; None for ourselves."""
    if os.geteuid():
        return None
    if not shutil.which("setpriv"):
        raise MissingError(
            "PostgreSQL refuses to run as root: be another user, or install setpriv."
        )
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in USERS if name in known)


class PostgresServer(PrivateServer):
    """A private PostgreSQL on loopback: with a password of its own, gone with its folder."""

    start_seconds = 30

    def __init__(self, binaries, folder, user, durable, options):
        self.binaries, self.folder, self.user = binaries, folder, user
        # Its files need not survive the machine's crash, as they go with the run.
        self.options = OPTIONS | {"fsync": "on" if durable else "off"} | options
        self.password = secrets.token_hex(16)
        self.numbers = itertools.count(1)
        self.home = folder.path / "home"
        self.home.mkdir(mode=0o700)
        self.give_away(self.home)
        self.make_files()
        self.start_on_a_free_port()

    def give_away(self, path):
        if self.user:
            self.folder.path.chmod(0o711)
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def make_files(self):
        secret = self.home / "password"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        self.give_away(secret)
        words = ["--pgdata", "data", "--username", NAME, "--pwfile", secret, "--no-sync"]
        words += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"]
        made = self.run("initdb", words)
        made.supervisor.wait()
        if made.poll():
            raise made.failure("initdb failed")

    def run(self, name, words):
        return Program(
            [*self.as_user(), self.binaries / name, *words],
            folder=self.folder,
            log=self.folder.path / f"{name}.log",
            cwd=self.home,
            env={key: value for key, value in os.environ.items() if not key.startswith("PG")},
            grace=GRACE,
        )

    def as_user(self):
        if not self.user:
            return []
        ids = ["--reuid", str(self.user.pw_uid), "--regid", str(self.user.pw_gid)]
        # It still ends with its supervisor, which the kernel forgets at a change of the user.
        return ["setpriv", *ids, "--init-groups", "--pdeathsig", "keep"]

    def start(self):
        """Start it again after its end, on the same port; returns when it answers."""
        self.launch()
        if not self.wait_until_ready():
            raise self.program.failure("PostgreSQL did not start")

    def launch(self):
        options = self.options | {"port": self.port}
        words = [f"--{key}={value}" for key, value in options.items()]
        self.program = self.run("postgres", ["-D", "data", *words])

    def is_ready(self):
        # It is ours if it answers: nobody else knows the password.
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url("postgres"), connect_timeout=3).close()
            return True

    def stop(self):
        """End it at once, even if clients are connected."""
        self.program.send(signal.SIGINT)
        self.program.stop()

    def url(self, database):
        return f"postgres://{NAME}:{self.password}@{HOST}:{self.port}/{database}"

    def new_database(self, like="/template1"):
        """Make an empty database, or a copy of one that nobody uses; both by their URLs."""
        name = f"{NAME}_{next(self.numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like.rpartition('/')[2]}")
        return self.url(name)
