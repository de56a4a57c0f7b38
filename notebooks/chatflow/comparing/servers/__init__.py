"""`compare.sh servers`: five ASGI servers, each asked the same by one probe for each row."""

import asyncio

from ...running.servers import ASGI_SERVERS
from .. import tables
from .asking import ask_twice
from .rows import GROUPS, all_rows

# What a cell may depend on.
SERVERS = ["daphne", "uvicorn", "hypercorn", "granian", "gunicorn"]
BELOW = ["autobahn", "twisted", "websockets", "h11", "wsproto", "h2", "channels", "django"]


def measure():
    return asyncio.run(measured())


async def measured(keys=None):
    """The facts of the table, or of its rows with these keys. Raises LaunchError."""
    before = tables.expected(tables.found("servers")) if tables.is_kept("servers") else {}
    found = await ask_twice(before, keys)
    rows = [
        {
            "key": row.key,
            "group": GROUPS[row.group],
            "title": row.title,
            "cells": {server: found[row.key, server] for server in ASGI_SERVERS},
            **({"means": row.means} if row.means else {}),
        }
        for row in all_rows()
        if keys is None or row.key in keys
    ]
    return tables.gathered(ASGI_SERVERS, rows, SERVERS + BELOW)


def run(options):
    tables.report("servers", measure(), options.keep)


def in_words(facts):
    answers = [len(set(row["cells"].values())) for row in facts["rows"]]
    return (
        f"In {answers.count(1)} of {len(answers)} rows the five do the same, and in "
        f"{sum(count > 2 for count in answers)} there are three answers or more."
    )


def in_a_line(facts):
    cells = tables.cells(facts)
    given = [cells["no_code_in", server] for server in facts["columns"]]
    told = [server for server in facts["columns"] if cells["sigterm_consumer", server] == "yes"]
    return (
        f"When a page calls `close()`, a consumer's `disconnect(code)` is given {in_a_row(given)}, "
        "depending on its server. When the server is stopped, it runs to its end under "
        f"{in_a_row(told)} only."
    )


def in_a_row(words):
    *others, last = dict.fromkeys(words)
    return f"{', '.join(others)} or {last}" if others else last
