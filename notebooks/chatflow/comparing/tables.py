"""A table of behaviour × server, layer or version: what `compare.sh` has found, kept as JSON.

{"command": …, "machine": …, "date": "2026-11-28", "versions": {"daphne": "4.2.3", …},
 "columns": ["daphne", …],
 "rows": [{"key": "refused", "title": "refuses before accept", "cells": {"daphne": "403", …}}]}
"""

import datetime
from html import escape
from importlib.metadata import version

from ..bench.measuring import keep, kept, print_table


def gathered(columns, rows, packages):
    """The facts of a table; `packages` are named with the versions that are installed."""
    return {
        "date": datetime.date.today().isoformat(),
        "versions": {package: version(package) for package in packages},
        "columns": list(columns),
        "rows": rows,
    }


def cells(facts):
    """{(row's key, column): what stands there}."""
    return {
        (row["key"], column): row["cells"][column]
        for row in facts["rows"]
        for column in facts["columns"]
        if column in row["cells"]
    }


def differences(before, now):
    """A sentence for each cell of `now` that is not as it was in `before`."""
    old, titles = cells(before), {row["key"]: row["title"] for row in now["rows"]}
    return [
        f"{titles[key]}, {column}: it was {old.get((key, column), 'not there')!r}, and is {cell!r}"
        for (key, column), cell in cells(now).items()
        if old.get((key, column)) != cell
    ]


def report(name, facts, save):
    """Print a table, and what is not as it was; keep it, if that is asked for."""
    print_table(["", *facts["columns"]], words(facts))
    for line in differences(kept(name), facts):
        print(line)
    if save:
        keep(name, f"./scripts/compare.sh {name}", **facts)


def words(facts):
    columns = facts["columns"]
    return [
        [row["title"], *(row["cells"].get(column, "–") for column in columns)]
        for row in facts["rows"]
    ]


def as_html(facts):
    head = "".join(f"<th>{escape(word)}</th>" for word in ["", *facts["columns"]])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(word)}</td>" for word in row) + "</tr>"
        for row in words(facts)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def as_markdown(facts):
    head = ["", *facts["columns"]]
    rows = [head, ["---"] * len(head), *words(facts)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
