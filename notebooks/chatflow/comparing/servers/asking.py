"""Starts all sites at once, and asks each for its rows."""

import asyncio

from ...basics.errors import LaunchError
from ...basics.interrupts import finish, held
from ...running.processes import RunFolder
from ...running.servers import ASGI_SERVERS
from . import closing, handshakes, http2, messages, notes, pings, scopes, stopping
from .rows import all_rows
from .serving import STARTED_BY_THEIR_ROW, sites

# Each of these makes rows.
ASKED = (handshakes, scopes, messages, closing, stopping, pings, http2)


async def ask_twice(before, keys=None):
    """{(row's key, server): cell}; what is not as it was `before` is asked again, and that counts.

    Of all rows, or of those with these keys. A machine that was busy for a second makes a probe
    late, and a server impatient. Raises LaunchError.
    """
    wanted = [row.key for row in all_rows() if keys is None or row.key in keys]
    now = await ask_all({(key, server) for key in wanted for server in ASGI_SERVERS})
    if doubtful := {which for which, cell in now.items() if before.get(which, cell) != cell}:
        now |= await ask_all(doubtful)
    return now


async def ask_all(wanted):
    """{(row's key, server): cell} for those that are wanted. Raises LaunchError."""
    files = RunFolder("servers")
    async with held("the servers that are compared"):
        try:
            async with notes.listening() as heard:
                rows = rows_by_site(wanted, sites(files, heard))
                answers = await together(*(ask(site, some) for site, some in rows.items()))
                return {which: cell for cells in answers for which, cell in cells.items()}
        finally:
            await finish(files.close)


def rows_by_site(wanted, found):
    """{Site: its rows}. A server that needs no flag for HTTP/2 has no site of its own for it."""
    by_site = {}
    for row in all_rows():
        for server in ASGI_SERVERS:
            if (row.key, server) in wanted:
                site = found[server].get(row.on, found[server]["tls"])
                by_site.setdefault(site, []).append(row)
    return by_site


async def ask(site, rows):
    if site.kind not in STARTED_BY_THEIR_ROW:
        await asyncio.to_thread(site.start)
    apart = [row for row in rows if row.alone]
    beside = [row for row in rows if not row.alone]
    found = await together(*(cell(site, row) for row in beside))
    found += [await cell(site, row) for row in apart]
    return {(row.key, site.server): word for row, word in zip(beside + apart, found, strict=True)}


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
