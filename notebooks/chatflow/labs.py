"""Run one of the small programs in `notebooks/labs/` on a real server.

async with lab("raw_asgi", server="daphne") as app:
    print(app.url)
"""

import asyncio
import contextlib

from .catalog import ROOT
from .errors import UsageError
from .launcher import (
    SERVERS,
    Instance,
    clean_environment,
    listen,
    server_command,
    wait_until_ready,
)
from .processes import Program, RunFolder

LABS = ROOT / "notebooks" / "labs"


@contextlib.asynccontextmanager
async def lab(name, *, server):
    """Serve a lab's `application` for the length of an `async with` block; yields an Instance."""
    check(name, server)
    files = RunFolder(name)
    try:
        instance = start(name, server, files)
        await asyncio.to_thread(wait_until_ready, instance, f"The lab {name}")
        yield instance
    finally:
        await asyncio.shield(asyncio.to_thread(files.close))


def check(name, server):
    if not (LABS / f"{name}.py").is_file():
        known = ", ".join(sorted(path.stem for path in LABS.glob("raw_*.py")))
        raise UsageError(f"There is no lab {name!r}: the labs that run on a server are {known}.")
    if server not in SERVERS:
        raise UsageError(f"There is no server {server!r}: choose one of {', '.join(SERVERS)}.")


def start(name, server, files):
    with listen(0) as listener:
        program = Program(
            server_command(server, listener, f"{name}:application"),
            folder=files,
            log=files.path / f"{name}.log",
            cwd=LABS,
            env=clean_environment(),
            listener=listener,
        )
        return Instance(name, listener.getsockname()[1], program)
