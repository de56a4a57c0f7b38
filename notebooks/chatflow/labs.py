"""Run one of the small programs in `notebooks/labs/` on a real server.

async with lab("raw_asgi", server="daphne") as app:
    print(app.url)
"""

import asyncio
import contextlib
import sys

import httpx

from .catalog import ROOT
from .errors import LaunchError, UsageError
from .launcher import SERVERS, START_SECONDS, Instance, clean_environment, listen
from .processes import Program, RunFolder

LABS = ROOT / "notebooks" / "labs"


@contextlib.asynccontextmanager
async def lab(name, *, server):
    """Serve a lab's `application` for the length of an `async with` block; yields an Instance."""
    check(name, server)
    files = RunFolder(name)
    try:
        instance = start(name, server, files)
        await wait_until_ready(instance, server)
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
    # In place of the stage's application, which comes last, the lab's.
    words = [*SERVERS[server][:-1], f"{name}:application"]
    with listen(0) as listener:
        program = Program(
            [sys.executable, "-m", server, *(word.format(fd=listener.fileno()) for word in words)],
            folder=files,
            log=files.path / f"{name}.log",
            cwd=LABS,
            env=clean_environment(),
            listener=listener,
        )
        return Instance(name, listener.getsockname()[1], program)


async def wait_until_ready(instance, server):
    """Wait for a page from *this* server: the socket is ours, so no other can answer on it."""
    # Not by a proxy that the environment may name: it is on this machine.
    async with httpx.AsyncClient(timeout=START_SECONDS, trust_env=False) as client:
        try:
            answer = await client.get(f"{instance.url}/")
        except httpx.HTTPError as error:
            answer = error
    if not isinstance(answer, httpx.Response) or answer.status_code != 200:
        raise LaunchError(
            f"The lab {instance.name} did not start under {server} ({answer!r}). "
            f"The last lines of its log:\n{instance.program.last_lines()}"
        )
