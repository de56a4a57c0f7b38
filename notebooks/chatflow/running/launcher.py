"""One launcher for `run_step.sh`, notebooks and tests: it runs a stage in real processes.

async with stage(5, instances=2) as chat:
    print(chat.url)
"""

import asyncio
import contextlib
import secrets
import string
import sys
import threading
from functools import partial
from pathlib import Path

from ..basics.addresses import HOST
from ..basics.catalog import find_stage
from ..basics.errors import LaunchError, UsageError
from ..basics.interrupts import finish, held
from ..tracing.flows import Scene, find_message, find_request, stations_of
from ..tracing.recording import Tracing
from . import brokers
from . import database as databases
from .environment import application_of, clean_environment, stage_variables
from .instances import Instance, Worker
from .layers import find_layer
from .options import PRIVATE_POSTGRES, check_options, is_url
from .ports import listening
from .processes import Program, RunFolder, run_to_end
from .servers import FINAL_FLAGS, FINAL_GRACE, GRACE, SHARES_THE_PORT, server_command

MANAGE_SECONDS = 60


class Run:
    """A stage that runs: its instances, its Redis servers, its database. Blocking; see `stage()`.

    `server` is that of all instances, or a sequence of one for each. `port` is the first instance's
    port (0: any free ones); `redis_url` names Redis servers that the user has running,
    comma-separated, instead of private ones; `layer` is the name of a channel layer to run on in
    place of the stage's own; `database` is the path of an SQLite file or, for
    chat_final, a URL ("postgres://": a private PostgreSQL); `folder` is the stage's code, where it
    is not its own;
    `trace` records every message's hops, see `flow()`; `settings` are more variables for the
    environment in which the stage runs; `lan` is an address of this machine that others in its
    network can reach, to listen on in place of 127.0.0.1.
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
        redis_layer=None,
        layer=None,
        database=None,
        folder=None,
        trace=False,
        settings=None,
        lan=None,
    ):
        self.stage = find_stage(number)
        server = server or self.stage.server
        self.servers = [server] * instances if isinstance(server, str) else list(server)
        self.folder = Path(folder or self.stage.folder).resolve()
        self.instance_count, self.first_port = len(self.servers), port
        self.redis_shards, self.redis_url = redis_shards, redis_url
        self.redis_layer = redis_layer or self.stage.redis_layer
        self.layer = find_layer(layer) if layer else None
        self.database, self.trace, self.settings = database, trace, settings or {}
        self.lan = lan
        check_options(self)
        self.instances, self.redis, self.worker, self.postgres = [], [], None, None
        self.databases = contextlib.ExitStack()
        self.files = self.tracing = self.broker = self.broker_url = None
        self.python = sys.executable
        self._lock = threading.RLock()
        self._stopping = threading.Event()

    # --- starting -----------------------------------------------------------------------------

    def start(self):
        """Start everything; returns when each instance answers. Raises LaunchError."""
        with self._lock:
            try:
                self.give_up_if_stopping()
                self._start()
            except BaseException:
                self.stop()
                raise

    def _start(self):
        # The ports come first: what cannot be had is said before anything runs.
        with listening(self.first_port, self.servers, self.lan or HOST) as listeners:
            self.files = RunFolder(self.stage.name)
            if not is_url(self.database):
                self.database = Path(self.database or self.files.path / "db.sqlite3").resolve()
            if self.trace:
                self.tracing = Tracing(self.files.path / "trace")
            if self.database == PRIVATE_POSTGRES:
                databases.start_postgres(self)
            if self.uses_redis:
                brokers.start_redis(self)
            if self.layer:
                brokers.start(self)
            self.site = f"{self.stage.name}-{secrets.token_hex(4)}"
            own = stage_variables(self)
            self.environment = clean_environment() | {"PYTHONUNBUFFERED": "1"} | own
            databases.prepare(self)
            if self.layer:
                brokers.migrate(self)
            for name, server, listener in zip(self.names(), self.servers, listeners, strict=True):
                self.give_up_if_stopping()
                self.instances.append(self._start_instance(name, server, listener))
            if self.stage.worker:
                title = f"The worker of {self.stage.called}"
                self.worker = Worker(title, self._start_worker)
        for instance in self.instances:
            instance.wait_until_ready()
            self.give_up_if_stopping()
        if self.worker:
            self.worker.wait_until_ready()
        self.files.describe(
            stage=self.stage.number,
            folder=str(self.folder),
            python=self.python,
            environment=own,
            urls=[instance.url for instance in self.instances],
        )

    @property
    def uses_redis(self):
        return self.stage.redis and (not self.layer or self.layer.broker == "redis")

    @property
    def redis_urls(self):
        return self.redis_url or ",".join(server.url for server in self.redis)

    def manage(self, *arguments, **settings):
        """Run the stage's manage.py next to its servers; returns the CompletedProcess, with text.

        It ends with the run, at the latest. `settings` are more variables for its environment.
        """
        return run_to_end(
            [self.python, "manage.py", *arguments],
            folder=self.files,
            within=MANAGE_SECONDS,
            cwd=self.folder,
            env=self.environment | settings,
            adopts=True,
        )

    def names(self):
        return string.ascii_uppercase[: self.instance_count]

    def _start_instance(self, name, server, listener):
        instance = Instance(
            port=listener.getsockname()[1],
            name=name,
            title=f"Instance {name} of {self.stage.called}",
            site=self.site,
            host=listener.getsockname()[0],
            launch=partial(self._launch, name, server),
            shares_port=server == SHARES_THE_PORT,
            tracing=self.tracing,
            greets=self.greets,
        )
        instance.begin(listener)
        return instance

    def _launch(self, name, server, listener, starts):
        application = application_of(server, self.trace)
        # Connections are numbered; those of a program started again go on far from the old ones.
        numbers = {"FLOW_CONNECTIONS": str(starts * 100_000 + 1)}
        facts = {"INSTANCE": name, "FLOW_PROCESS": name, "FLOW_SERVER": server} | numbers
        flags = FINAL_FLAGS[server] if self.is_final else ""
        return Program(
            server_command(server, listener, application, flags, self.python),
            folder=self.files,
            log=self.files.path / f"{name}.log",
            cwd=self.folder,
            env=self.environment | facts,
            listener=None if server == SHARES_THE_PORT else listener,
            grace=FINAL_GRACE if self.is_final else GRACE,
            adopts=True,
        )

    def _start_worker(self):
        return Program(
            [self.python, "manage.py", *self.stage.worker],
            folder=self.files,
            log=self.files.path / "worker.log",
            cwd=self.folder,
            env=self.environment | {"FLOW_PROCESS": Worker.name},
            adopts=True,
        )

    def give_up_if_stopping(self):
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
        self.databases.close()

    # --- using --------------------------------------------------------------------------------

    @property
    def is_final(self):
        return self.stage.key == "final"

    greets = is_final

    @property
    def url(self):
        return self.instances[0].url

    @property
    def ws_url(self):
        return self.instances[0].ws_url

    def processes(self):
        """The instances, and the worker if there is one: each has a name and a program."""
        return [*self.instances, *([self.worker] if self.worker else [])]

    def parts(self):
        """All that it runs, by what it is called: instances, servers, the worker."""
        parts = {f"Instance {instance.name}": instance for instance in self.instances}
        parts |= {f"Redis {number}": server for number, server in enumerate(self.redis, 1)}
        parts |= {"The worker": self.worker} if self.worker else {}
        parts |= {"The broker": self.broker} if self.broker else {}
        return parts | ({"PostgreSQL": self.postgres} if self.postgres else {})

    # --- looking ------------------------------------------------------------------------------

    def scene(self):
        """What a picture of this run has to know besides the hops."""
        ended = tuple(one.name for one in self.processes() if one.program.poll() is not None)
        stopped = tuple(one.name for one in self.processes() if one.program.is_frozen)
        servers = dict(zip(self.names(), self.servers, strict=True))
        return Scene(self.stage.heading, servers, ended, stations_of(self.folder), stopped)

    async def flow(self, text, **options):
        """The flow of the newest message with this text; options as for `Tracing.flow()`."""
        return await self._flow(partial(find_message, text=text), options)

    async def request_flow(self, client, label="", **options):
        """The flow of the newest request or handshake of a client whose first hop says `label`."""
        return await self._flow(partial(find_request, client=client, label=label), options)

    async def _flow(self, find, options):
        if not self.tracing:
            raise UsageError("Nothing was recorded: start the stage with trace=True.")
        return await self.tracing.flow(find, self.scene, **options)


@contextlib.asynccontextmanager
async def stage(number, make=Run, **options):
    """Run a stage for the length of an `async with` block; options as for `Run`, or for `make`."""
    run = make(number, **options)
    async with held(run.stage.called):
        try:
            await asyncio.to_thread(run.start)
            yield run
        finally:
            await finish(run.stop)
