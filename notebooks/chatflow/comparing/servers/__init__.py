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
    """The facts of the table. Raises LaunchError."""
    before = tables.cells(tables.found("servers")) if tables.is_kept("servers") else {}
    found = asyncio.run(ask_twice(before))
    rows = [
        {
            "key": row.key,
            "group": GROUPS[row.group],
            "title": row.title,
            "cells": {server: found[row.key, server] for server in ASGI_SERVERS},
            **({"means": row.means} if row.means else {}),
        }
        for row in all_rows()
    ]
    return tables.gathered(ASGI_SERVERS, rows, SERVERS + BELOW)


def run(options):
    tables.report("servers", measure(), options.keep)


def in_words(facts):
    answers = [len(set(row["cells"].values())) for row in facts["rows"]]
    agreed, many = answers.count(1), sum(count > 2 for count in answers)
    return (
        f"In {agreed} of {len(answers)} rows the five do the same, and in {many} there are three "
        "answers or more."
    )
