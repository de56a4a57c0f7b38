"""What is measured, in processes of its own: chat_final, and peers from `notebooks/labs/peers/`.

Each is an async context manager that yields a System, which runs.
"""

import asyncio
import contextlib
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import psutil

from ..basics.addresses import HOST
from ..basics.errors import LaunchError, MissingError
from ..basics.interrupts import finish
from ..running import redis_server
from ..running.environment import clean_environment
from ..running.labs import LABS
from ..running.launcher import stage
from ..running.ports import listen
from ..running.processes import RUNS, Program, RunFolder
from ..running.servers import FINAL_FLAGS, server_command
from .load import BARE, CHAT_FINAL, SOCKET_IO, TUTORIAL, Crowd, Dialect

PEERS = LABS / "peers"
LAYERS = {"queue": "queue layer", "pubsub": "pub/sub layer"}
NODE_SECONDS = 120

# What chat_final allows a user is not what is measured. The rest of it is as it ships.
ROOMY = {
    "POSTS_PER_SECOND": "100000",
    "POSTS_AT_ONCE": "100000",
    "FRAMES_PER_SECOND": "100000",
    "FRAMES_AT_ONCE": "100000",
}

# Run in chat_final's own shell. Prints a session key for each of so many users.
MAKE_SESSIONS = """
import json
from datetime import timedelta
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
User, store = get_user_model(), SessionStore()
names = [f"user-{{number}}" for number in range({count})]
User.objects.bulk_create(User(username=name, password="!") for name in names)
rows = []
for user in User.objects.filter(username__in=names).order_by("pk"):
    data = {{
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }}
    key, expires = store._get_new_session_key(), timezone.now() + timedelta(days=1)
    rows.append(Session(session_key=key, session_data=store.encode(data), expire_date=expires))
Session.objects.bulk_create(rows)
print(json.dumps([row.session_key for row in rows]))
"""


@dataclass
class System:
    """A chat that runs: `urls` are its instances, `servers` their programs, `redis` its Redis
    servers'; `headers` are what each client, in turn, sends at the handshake.
    """

    name: str
    dialect: Dialect
    urls: list[str]
    servers: list[Program]
    redis: list[Program]
    headers: list[dict] = field(default_factory=lambda: [{}])

    def only(self, number):
        """The same chat, of which one instance is looked at, and used."""
        return replace(self, urls=[self.urls[number]], servers=[self.servers[number]])

    def crowd(self):
        return Crowd(self.urls, self.dialect, self.headers)

    def cpu_seconds(self):
        """What all of its processes have used of a processor so far."""
        return cpu_seconds([*self.servers, *self.redis])

    def memory(self):
        """What the servers hold, in bytes."""
        return sum(psutil.Process(program.pid).memory_info().rss for program in self.servers)


def cpu_seconds(programs):
    """What these have used of a processor so far."""
    processes = [psutil.Process(program.pid) for program in programs]
    # A worker that a server starts, or a backend of PostgreSQL, is a part of it.
    family = [one for each in processes for one in (each, *each.children(recursive=True))]
    return sum(sum(one.cpu_times()[:2]) for one in family)


def allow_many_files():
    """Let us, and what we start, have as many connections as the machine allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


# --- peers ----------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def peer(name, dialect, command, *, needs_redis=True, **environment):
    """Run a program that takes a listening socket over; `command(listener)` is how it is called."""
    files = RunFolder("peer")
    try:
        redis = [await asyncio.to_thread(redis_server.start, files)] if needs_redis else []
        environment["REDIS_URL"] = redis[0].url if redis else ""
        with listen(0) as listener:
            port = listener.getsockname()[1]
            server = Program(
                command(listener),
                folder=files,
                log=files.path / "server.log",
                cwd=PEERS,
                env=clean_environment() | environment,
                listener=listener,
            )
        system = System(
            name, dialect, [f"ws://{HOST}:{port}"], [server], [each.program for each in redis]
        )
        await until_it_answers(system)
        yield system
    finally:
        await finish(files.close)


async def until_it_answers(system):
    """The socket is ours, so a client waits in its backlog until the server is there."""
    try:
        async with system.crowd() as crowd:
            await crowd.connect(["hello"])
    except (OSError, TimeoutError) as error:
        raise system.servers[0].failure(f"{system.name} did not start ({error!r})") from error


def tutorial(server, layer):
    name = f"Channels tutorial, {LAYERS[layer]}, {server.title()}"
    return peer(name, TUTORIAL, served(server, "tutorial"), REDIS_LAYER=layer)


def socketio_python():
    return peer("python-socketio, Uvicorn", SOCKET_IO, served("uvicorn", "socketio_python"))


def bare_loop(server):
    name = f"plain loop that only sends, {server.title()}"
    return peer(name, BARE, served(server, "bare_loop"), needs_redis=False)


def served(server, module):
    # The same flags for all, so that only the applications differ.
    options = {"application": f"{module}:application", "flags": FINAL_FLAGS[server]}
    return partial(server_command, server, **options)


def socketio_node():
    """Raises MissingError where node or npm is missing."""
    script = install_node_packages() / "server.mjs"
    return peer("Socket.IO on Node", SOCKET_IO, given_to("node", script))


def install_node_packages():
    """What package-lock.json pins, in a folder that git ignores; returns the folder."""
    for name in ("node", "npm"):
        if not shutil.which(name):
            raise MissingError(f"There is no {name} here, so Node's Socket.IO is left out.")
    source = PEERS / "socketio_node"
    RUNS.mkdir(exist_ok=True)
    folder = RUNS / f"socketio_node-{fingerprint(source)}"
    if not folder.exists():
        # Made under another name, so that nobody uses half of it.
        with tempfile.TemporaryDirectory(dir=RUNS) as draft:
            made = shutil.copytree(source, Path(draft) / "made")
            npm_ci(made)
            try:
                made.rename(folder)
            except OSError:
                if not folder.exists():  # else another run was as quick
                    raise
    return folder


def fingerprint(folder):
    """A few letters that change with any of its files."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def npm_ci(folder):
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=NODE_SECONDS, check=False
    )
    if done.returncode:
        raise MissingError(f"npm failed, so Node's Socket.IO is left out:\n{done.stderr.strip()}")


def broadcast():
    name = "websockets.broadcast(), the baseline"
    return peer(name, BARE, given_to(sys.executable, "broadcast.py"), needs_redis=False)


def given_to(*words):
    return lambda listener: [*words, str(listener.fileno())]


# --- chat_final -----------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def chat_final(server, users, **options):
    """Run chat_final with so many users, each of whom is logged in; options as for `stage`.

    `server` may be a list, with a server for each instance.
    """
    settings = ROOMY | options.pop("settings", {})
    async with stage("final", server=server, settings=settings, **options) as run:
        headers = await asyncio.to_thread(make_headers, run, users)
        yield System(
            f"chat_final, {run.servers[0].title()}",
            CHAT_FINAL,
            urls=[instance.ws_url for instance in run.instances],
            servers=[instance.program for instance in run.instances],
            redis=[server.program for server in run.redis],
            headers=headers,
        )


def make_headers(run, users):
    """What the clients send at their handshakes: a session each."""
    done = run.manage("shell", "--no-imports", "-c", MAKE_SESSIONS.format(count=users))
    if done.returncode:
        raise LaunchError(f"No users could be made:\n{done.stderr.strip()}")
    return [{"Cookie": f"sessionid={key}"} for key in json.loads(done.stdout)]


def tutorial_and_final(users):
    """How each of them is started under each server, by key; chat_final with so many users."""
    servers = ("daphne", "uvicorn")
    return {
        **{f"tutorial_{server}": partial(tutorial, server, "pubsub") for server in servers},
        **{f"final_{server}": partial(chat_final, server, users) for server in servers},
    }
