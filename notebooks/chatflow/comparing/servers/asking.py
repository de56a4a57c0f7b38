"""Starts all sites at once, and asks each for its rows."""

import asyncio

from ...basics.errors import LaunchError
from ...basics.interrupts import finish, held
from ...running.processes import RunFolder
from . import closing, handshakes, http2, messages, notes, pings, scopes, stopping
from .rows import all_rows
from .serving import STARTED_BY_THEIR_ROW, sites

# Each of these makes rows.
ASKED = (handshakes, scopes, messages, closing, stopping, pings, http2)


async def ask_all():
    """{server: {row's key: cell}}. Raises LaunchError."""
    files = RunFolder("servers")
    async with held("the servers that are compared"):
        try:
            async with notes.listening() as heard:
                found = sites(files, heard)
                cells = await together(*(ask(server) for server in found.values()))
                return dict(zip(found, cells, strict=True))
        finally:
            await finish(files.close)


async def ask(server):
    """{row's key: cell} of one server's sites."""
    by_kind = {}
    for row in all_rows():
        by_kind.setdefault(server.get(row.on, server["tls"]), []).append(row)
    answers = await together(*(ask_site(site, rows) for site, rows in by_kind.items()))
    return {key: cell for cells in answers for key, cell in cells.items()}


async def ask_site(site, rows):
    if site.kind not in STARTED_BY_THEIR_ROW:
        await asyncio.to_thread(site.start)
    apart = [row for row in rows if row.alone]
    beside = [row for row in rows if not row.alone]
    found = await together(*(cell(site, row) for row in beside))
    found += [await cell(site, row) for row in apart]
    return {row.key: word for row, word in zip(beside + apart, found, strict=True)}


async def cell(site, row):
    try:
        return await row.probe(site)
    except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
        raise LaunchError(
            f"{site.name} did not answer as expected to {row.title!r} ({error!r}). If this machine "
            f"is busy, try again. The last lines of its log:\n{site.instance.program.last_lines()}"
        ) from error


async def together(*coroutines):
    """What all of them return; if one fails, the others are ended, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
