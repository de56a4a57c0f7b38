"""One launcher for `run_step.sh`, notebooks and tests: it runs a stage in real processes.

async with stage(5, instances=2) as chat:
    print(chat.url)
"""

import asyncio
import contextlib
import os
import secrets
import socket
import sqlite3
import string
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from . import database as databases
from . import redis_server
from .catalog import find_stage
from .client import NO_TLS
from .errors import LaunchError, UsageError
from .interrupts import finish, heeding_interrupts
from .processes import Program, RunFolder
from .tracing.flow import WORKER
from .tracing.flows import Scene, find_message, find_request
from .tracing.recording import Tracing

HOST = "127.0.0.1"
START_SECONDS = 30
SETTINGS = "websockets_channels.settings"
WSGI, ASGI = "websockets_channels.wsgi", "websockets_channels.asgi:application"

# The same, with tracing put round them from outside.
INSIDE = Path(__file__).parent / "tracing" / "inside"
TRACED_SETTINGS = "flowtrace.settings"
TRACED_WSGI, TRACED_ASGI = "flowtrace.wsgi", "flowtrace.asgi:application"

# How each server takes over a socket that we have bound, and how it is told to stop soon.
SERVERS = {
    "gunicorn": ["--bind", "fd://{fd}"],
    "daphne": ["--fd", "{fd}"],
    "uvicorn": ["--fd", "{fd}", "--lifespan", "off", "--timeout-graceful-shutdown", "1"],
}

# Ours to set for a stage; whatever the user's shell has of them must not leak in.
STAGE_VARIABLES = {
    "CHAT_DATABASE",
    "DJANGO_SETTINGS_MODULE",
    "FLOW_PROCESS",
    "FLOW_SERVER",
    "FLOW_TRACE",
    "GUNICORN_CMD_ARGS",
    "PYTHONIOENCODING",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONWARNINGS",
    "REDIS_LAYER",
    "REDIS_PREFIX",
    "REDIS_URL",
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


def server_command(server, listener, application):
    words = [word.format(fd=listener.fileno()) for word in SERVERS[server]]
    return [sys.executable, "-m", server, *words, application]


@dataclass
class Address:
    """A port of this machine, as clients want it told."""

    port: int
    tracing = None  # an instance may have one

    @property
    def url(self):
        return f"http://{HOST}:{self.port}"

    @property
    def ws_url(self):
        return f"ws://{HOST}:{self.port}"


@dataclass
class Instance(Address):
    """One server process of a stage, listening on a port of its own.

    `site` is the same for all instances of a run: they share their users and sessions.
    """

    name: str
    program: Program
    site: str
    tracing: Tracing | None = None

    def kill(self):
        """End this instance with SIGKILL, as a crash would; the others go on."""
        self.program.kill()


class Worker:
    """The worker process of a stage: it runs the jobs that come over some channels.

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


class Run:
    """A stage that runs: its instances, its Redis servers, its database. Blocking; see `stage()`.

    `port` is the first instance's port (0: any free ones); `redis_url` names Redis servers that
    the user has running, comma-separated, instead of private ones; `folder` is the stage's code,
    where it is not the one in `steps/`; `trace` records every message's hops, see `flow()`.
    """

    def __init__(
        self,
        number,
        *,
        instances=1,
        port=0,
        server=None,
        redis_shards=1,
        redis_url=None,
        redis_layer="queue",
        database=None,
        folder=None,
        trace=False,
    ):
        self.stage = find_stage(number)
        self.server = server or self.stage.server
        self.folder = Path(folder or self.stage.folder).resolve()
        self.instance_count, self.first_port = instances, port
        self.redis_shards, self.redis_url, self.redis_layer = redis_shards, redis_url, redis_layer
        self.database, self.trace = database, trace
        self.check_options()
        self.instances, self.redis, self.worker = [], [], None
        self.files = self.tracing = None
        self._lock = threading.RLock()
        self._stopping = threading.Event()

    def check_options(self):
        if not 1 <= self.instance_count <= len(string.ascii_uppercase):
            raise UsageError(f"Give 1 to 26 instances, not {self.instance_count}.")
        if not 0 <= self.first_port <= 65536 - self.instance_count:
            last = 65536 - self.instance_count
            raise UsageError(f"Give a port from 0 to {last}, not {self.first_port}.")
        if not 1 <= self.redis_shards <= 16:
            raise UsageError(f"Give 1 to 16 Redis shards, not {self.redis_shards}.")
        if self.redis_layer not in ("queue", "pubsub"):
            raise UsageError(f"REDIS_LAYER is queue or pubsub, not {self.redis_layer!r}.")
        if not (self.folder / "manage.py").is_file():
            raise UsageError(f"There is no stage in {self.folder}: it has no manage.py.")
        if (self.server == "gunicorn") != (self.stage.server == "gunicorn"):
            kind = "a WSGI stage: it runs under gunicorn only"
            if self.stage.server != "gunicorn":
                kind = "an ASGI stage: it runs under daphne or uvicorn"
            raise UsageError(f"Stage {self.stage.number} is {kind}.")
        if self.redis_shards > 1 and not self.stage.redis:
            raise UsageError(f"Stage {self.stage.number} uses no Redis, so there is none to shard.")
        if self.redis_shards > 1 and self.redis_url:
            raise UsageError("REDIS_URL names the Redis servers already: unset it to use shards.")

    # --- starting -----------------------------------------------------------------------------

    def start(self):
        """Start everything; returns when each instance answers. Raises LaunchError."""
        with self._lock:
            try:
                self._give_up_if_stopping()
                self._start()
            except BaseException:
                self.stop()
                raise

    def _start(self):
        # The ports come first: what cannot be had is said before anything runs.
        listeners = bind(self.first_port, self.instance_count)
        with contextlib.ExitStack() as ours:
            for listener in listeners:
                ours.enter_context(listener)
            self.files = RunFolder(self.stage.name)
            self.database = Path(self.database or self.files.path / "db.sqlite3").resolve()
            if self.trace:
                self.tracing = Tracing(self.files.path / "trace")
            if self.stage.redis:
                self._start_redis()
            self.environment = self._make_environment()
            self._prepare_database()
            for name, listener in zip(string.ascii_uppercase, listeners, strict=False):
                self._give_up_if_stopping()
                self.instances.append(self._start_instance(name, listener))
            if self.stage.worker:
                title = f"The worker of stage {self.stage.number}"
                self.worker = Worker(title, self._start_worker)
        for instance in self.instances:
            wait_until_ready(instance, f"Instance {instance.name} of stage {self.stage.number}")
            self._give_up_if_stopping()
        if self.worker:
            self.worker.wait_until_ready()
        self.files.describe(
            stage=self.stage.number,
            folder=str(self.folder),
            environment=self._stage_environment(),
            urls=[instance.url for instance in self.instances],
        )

    def _start_redis(self):
        if self.redis_url:
            redis_server.check_given(self.redis_url)
            return
        for number in range(1, self.redis_shards + 1):
            self._give_up_if_stopping()
            name = f"redis-{number}"
            server = redis_server.start(self.files, name)
            self.redis.append(server)
            if self.trace:
                self.tracing.monitor(server)

    @property
    def redis_urls(self):
        return self.redis_url or ",".join(server.url for server in self.redis)

    def _stage_environment(self):
        """What the stage's own settings read."""
        facts = {"CHAT_DATABASE": str(self.database), "DJANGO_SETTINGS_MODULE": SETTINGS}
        if self.trace:
            facts["DJANGO_SETTINGS_MODULE"] = TRACED_SETTINGS
            facts["PYTHONPATH"] = str(INSIDE)
            facts["FLOW_TRACE"] = str(self.tracing.folder)
        if self.stage.redis:
            facts["REDIS_URL"] = self.redis_urls
            facts["REDIS_LAYER"] = self.redis_layer
            # Of this run alone, so that two runs on one Redis never meet.
            facts["REDIS_PREFIX"] = self._prefix
        return facts

    def _make_environment(self):
        self._prefix = f"{self.stage.name}-{secrets.token_hex(4)}"
        return clean_environment() | {"PYTHONUNBUFFERED": "1"} | self._stage_environment()

    def _prepare_database(self):
        try:
            self.database.parent.mkdir(parents=True, exist_ok=True)
            databases.prepare(self.database, self.folder, self._migrate)
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"The database {self.database} cannot be used ({error}): name another file."
            ) from error

    def _migrate(self):
        done = self.manage("migrate", "--verbosity", "0")
        if done.returncode:
            raise LaunchError(f"Could not migrate {self.database}:\n{done.stderr.strip()}")

    def manage(self, *arguments):
        """Run the stage's manage.py beside its servers; returns the CompletedProcess, with text."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _start_instance(self, name, listener):
        wsgi, asgi = (TRACED_WSGI, TRACED_ASGI) if self.trace else (WSGI, ASGI)
        program = Program(
            server_command(self.server, listener, wsgi if self.server == "gunicorn" else asgi),
            folder=self.files,
            log=self.files.path / f"{name}.log",
            cwd=self.folder,
            env=self.environment | {"FLOW_PROCESS": name, "FLOW_SERVER": self.server},
            listener=listener,
        )
        return Instance(listener.getsockname()[1], name, program, self.site, self.tracing)

    def _start_worker(self):
        return Program(
            [sys.executable, "manage.py", "runworker", *self.stage.worker],
            folder=self.files,
            log=self.files.path / "worker.log",
            cwd=self.folder,
            env=self.environment | {"FLOW_PROCESS": Worker.name},
        )

    def _give_up_if_stopping(self):
        if self._stopping.is_set():
            raise LaunchError("Stopped before it was ready.")

    # --- stopping -----------------------------------------------------------------------------

    def stop(self):
        """End everything this run has started, and remove its folder. Safe to call twice."""
        self._stopping.set()
        # A start that is under way fails when its programs end, and then leaves us the lock.
        while not self._lock.acquire(timeout=0.1):
            if self.files:
                self.files.let_go()
        try:
            self._stop()
        finally:
            self._lock.release()

    def _stop(self):
        programs = [process.program for process in self.processes()]
        # All at once, so that it takes as long as the slowest and not as all together.
        for program in programs:
            program.let_go()
        # Redis, and whatever else runs in the folder, only after all instances.
        for program in programs:
            program.stop()
        if self.files:
            self.files.close()
            self.files = None

    # --- using --------------------------------------------------------------------------------

    @property
    def site(self):
        return self._prefix

    @property
    def url(self):
        return self.instances[0].url

    @property
    def ws_url(self):
        return self.instances[0].ws_url

    def processes(self):
        """The instances, and the worker if there is one: each has a name and a program."""
        return [*self.instances, *([self.worker] if self.worker else [])]

    # --- looking ------------------------------------------------------------------------------

    def scene(self):
        """What a picture of this run has to know beside the hops."""
        ended = [one.name for one in self.processes() if one.program.poll() is not None]
        title = f"Stage {self.stage.number:02} · {self.stage.title}"
        return Scene(title, self.server, tuple(ended), self._stations())

    def _stations(self):
        """The kinds of station that this stage has."""
        found = ["client", "server", "routing", "view", "database"]
        if (self.folder / "chat" / "consumers.py").is_file():
            found.append("consumer")
        if "CHANNEL_LAYERS" in (self.folder / "websockets_channels" / "settings.py").read_text():
            found.append("layer")
        return tuple(found)

    async def flow(self, text, **options):
        """The flow of the newest message with this text; options as for `Tracing.flow()`."""
        return await self._flow(lambda book: find_message(book, text), options)

    async def request_flow(self, client, label="", **options):
        """The flow of the newest request or handshake of a client whose first hop says `label`."""

        def find(book):
            return find_request(book, client, label)

        return await self._flow(find, options)

    async def _flow(self, find, options):
        if not self.tracing:
            raise UsageError("Nothing was recorded: start the stage with trace=True.")
        return await self.tracing.flow(find, self.scene, **options)


def bind(first_port, count):
    """Bind and listen on `count` ports from `first_port` up (0: any). Raises UsageError."""
    listeners = []
    try:
        for offset in range(count):
            listeners.append(listen(first_port + offset if first_port else 0))
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def listen(port):
    listener = socket.socket()
    # A port whose last connections are still fading away is free; one with a listener is not.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted connections inherit it. Uvicorn does not set it on a socket that it was handed.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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


def wait_until_ready(instance, title):
    """Wait for a page from *this* server: the socket is ours, so no other can answer on it."""
    # The request waits in the socket's backlog until the server is there; if the server dies the
    # socket dies with it, and the request fails.
    try:
        answer = httpx.get(f"{instance.url}/", timeout=START_SECONDS, verify=NO_TLS)
    except httpx.HTTPError as error:
        answer = error
    if not isinstance(answer, httpx.Response) or answer.status_code != 200:
        raise LaunchError(
            f"{title} did not start ({answer!r}). The last lines of its log:\n"
            f"{instance.program.last_lines()}"
        )


@contextlib.asynccontextmanager
async def stage(number, **options):
    """Run a stage for the length of an `async with` block; options as for `Run`."""
    run = Run(number, **options)
    async with heeding_interrupts():
        try:
            await asyncio.to_thread(run.start)
            yield run
        finally:
            await finish(run.stop)
