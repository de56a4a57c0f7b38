"""Run one of the small programs in `notebooks/labs/` on a real server.

async with lab("raw_asgi", server="daphne") as app:
    print(app.url)
"""

import asyncio
import contextlib
import re

from ..basics.catalog import LIVE_SECONDS, ROOT
from ..basics.errors import UsageError
from ..basics.interrupts import finish, held
from .environment import clean_environment
from .instances import Instance
from .ports import listen
from .processes import Program, RunFolder
from .servers import SERVERS, SHARES_THE_PORT, server_command

LABS = ROOT / "notebooks" / "labs"


@contextlib.asynccontextmanager
async def lab(name, *, server, options=(), environment=()):
    """Serve a lab's `application` for the length of an `async with` block; yields an Instance.

    `name` may be that of a module in a folder: "bakery/site". `options` are more words for the
    server's command line, `environment` more variables.
    """
    check(name, server)
    files = RunFolder(name.replace("/", "-"))
    async with held(f"the lab {name}"):
        try:
            instance = start(name, server, files, options, environment)
            await asyncio.to_thread(instance.wait_until_ready)
            yield instance
        finally:
            await finish(files.close)


def check(name, server):
    if not (LABS / f"{name}.py").is_file():
        known = ", ".join(path.stem for path in sorted(LABS.glob("*.py")) if is_served(path))
        raise UsageError(f"There is no lab {name!r}: the labs that run on a server are {known}.")
    if server not in SERVERS:
        raise UsageError(f"There is no server {server!r}: choose one of {', '.join(SERVERS)}.")


def is_served(path):
    """Whether a program defines the `application` that a server asks for."""
    return re.search(r"^(application =|(async )?def application\()", path.read_text(), re.M)


def start(name, server, files, options=(), environment=()):
    module = name.replace("/", ".")

    def launch(listener, starts):
        return Program(
            [*server_command(server, listener, f"{module}:application"), *options],
            folder=files,
            log=files.path / f"{module}.log",
            cwd=LABS,
            env=clean_environment() | dict(environment),
            listener=None if shares_port else listener,
        )

    shares_port = server == SHARES_THE_PORT
    with listen(0, shares_port) as listener:
        port = listener.getsockname()[1]
        instance = Instance(port, name, f"The lab {name}", name, launch, shares_port)
        instance.begin(listener)
        return instance


async def log_line(instance, text, within=LIVE_SECONDS):
    """The first line of a server's log with this text, as soon as there is one.

    Raises TimeoutError if none comes within so many seconds.
    """
    async with asyncio.timeout(within):
        while True:
            for line in instance.program.log.read_text(errors="replace").splitlines():
                if text in line:
                    return line
            await asyncio.sleep(0.01)
