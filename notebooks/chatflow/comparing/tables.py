"""A table of behaviour × server, layer or version: what `compare.sh` has found, kept as JSON.

{"command": …, "machine": …, "date": "2026-11-28", "versions": {"daphne": "4.2.3", …},
 "columns": ["daphne", …],
 "rows": [{"key": "refused", "title": "refuses before accept", "cells": {"daphne": "403", …}}]}

A row may also have a "group", which heads it and those that follow, and "means", a sentence that
says what it means for the reader. What is otherwise under another Python than that of "machine"
is kept as "pythons": {"3.13": {row's key: {column: what stands there}}}.
"""

import datetime
import platform
import re
from html import escape
from importlib.metadata import version
from itertools import groupby

from ..basics.errors import MissingError
from ..bench.measuring import KEPT, describe_machine, keep, kept, print_table

NOTHING = "–"
LEFT = 'style="text-align: left"'  # JupyterLab has all cells of a table at the right


def gathered(columns, rows, packages):
    """The facts of a table; `packages` are named with the versions that are installed."""
    return {
        "date": datetime.date.today().isoformat(),
        "versions": {package: version(package) for package in packages},
        "columns": list(columns),
        "rows": rows,
    }


def is_kept(name):
    return (KEPT / f"{name}.json").is_file()


def found(name):
    """The facts that are kept of a table. Raises MissingError."""
    if not is_kept(name):
        raise MissingError(f"No table is kept yet: run ./scripts/compare.sh {name} --keep.")
    return kept(name)


def cells(facts):
    """{(row's key, column): what stands there}."""
    return {
        (row["key"], column): row["cells"][column]
        for row in facts["rows"]
        for column in facts["columns"]
        if column in row["cells"]
    }


def expected(facts, python=None):
    """The same for a Python, ours if none is given: what is kept of it, or of the last before."""
    found, python = cells(facts), python or ".".join(platform.python_version_tuple()[:2])
    for other in sorted(facts.get("pythons", {}), key=number):
        if number(other) <= number(python):
            found |= {(key, column): cell for key, column, cell in of_python(facts, other)}
    return found


def of_python(facts, python):
    for key, row in facts["pythons"][python].items():
        for column, cell in row.items():
            yield key, column, cell


def number(python):
    return tuple(map(int, python.split(".")))


def differences(before, now):
    """A sentence for each cell of `now` that is not as we expect by `before`, or is gone."""
    old, new = expected(before), cells(now)
    titles = {row["key"]: row["title"] for row in [*before["rows"], *now["rows"]]}
    return [
        f"{titles[key]}, {column}: it was {old.get((key, column), 'not there')!r}, "
        f"and is {new.get((key, column), 'not there')!r}"
        for key, column in dict.fromkeys([*old, *new])
        if old.get((key, column)) != new.get((key, column))
    ]


def report(name, facts, save):
    """Print a table, and what is not as it was; keep it, if that is asked for."""
    print_table(["", *facts["columns"]], list(printed(facts)))
    if is_kept(name):
        lines = differences(kept(name), facts)
        print("\n".join(["", *(lines or ["Each cell is as it is kept."])]))
    if save:
        facts = merged(kept(name), facts) if is_kept(name) else facts
        keep(name, **{"command": f"./scripts/compare.sh {name}", **facts})


def merged(before, now):
    """What is to be kept: of another Python than that of `before` only what is otherwise."""
    pythons, here = dict(before.get("pythons", {})), python_of(describe_machine())
    if "machine" not in before or python_of(before["machine"]) == here:
        return {**now, "pythons": pythons} if pythons else now
    pythons.pop(here, None)
    old, otherwise = expected({**before, "pythons": pythons}, here), {}
    for (key, column), cell in cells(now).items():
        if old.get((key, column)) != cell:
            otherwise.setdefault(key, {})[column] = cell
    if otherwise:
        pythons[here] = otherwise
    return {**before, "pythons": pythons}


def python_of(machine):
    return re.search(r"Python (\d+\.\d+)", machine)[1]


def printed(facts):
    """The rows in words, each group after an empty line and its head."""
    columns = facts["columns"]
    for head, rows in groups(facts):
        if head:
            yield from ([word, *[""] * len(columns)] for word in ("", head.upper()))
        yield from (words_of(row, columns) for row in rows)


def only(facts, *keys):
    """The same table with these rows only, in this order. Raises KeyError."""
    rows = {row["key"]: row for row in facts["rows"]}
    return {**facts, "rows": [rows[key] for key in keys]}


def narrowed(facts):
    """The same table with one column for neighbours that are alike in each row: "01 to final"."""
    alike = groupby(
        facts["columns"], lambda column: [row["cells"].get(column) for row in facts["rows"]]
    )
    heads = {}
    for _, columns in alike:
        first, *others = columns
        heads[first] = f"{first} to {others[-1]}" if others else first
    rows = [
        {
            **row,
            "cells": {heads[name]: row["cells"][name] for name in heads if name in row["cells"]},
        }
        for row in facts["rows"]
    ]
    return {**facts, "columns": list(heads.values()), "rows": rows}


def groups(facts):
    """(what heads them, rows) for each run of rows; "" where rows have no group."""
    for head, rows in groupby(facts["rows"], lambda row: row.get("group", "")):
        yield head, list(rows)


def words_of(row, columns):
    return [row["title"], *(row["cells"].get(column, NOTHING) for column in columns)]


def as_html(facts):
    columns = facts["columns"]
    lines = [html_line([escape(word) for word in ["", *columns]], "th")]
    for head, rows in groups(facts):
        if head:
            lines.append(f'<tr><th colspan="{len(columns) + 1}" {LEFT}>{escape(head)}</th></tr>')
        lines += [html_line([escape(word) for word in words_of(row, columns)]) for row in rows]
    return f"<table>{''.join(lines)}</table>"


def html_line(cells, tag="td"):
    return "<tr>" + "".join(f"<{tag} {LEFT}>{cell}</{tag}>" for cell in cells) + "</tr>"


def as_markdown(facts):
    """A table for each group, and below it what its rows mean."""
    return "\n\n".join(
        part for head, rows in groups(facts) for part in markdown_parts(head, rows, facts)
    )


def markdown_parts(head, rows, facts):
    columns = facts["columns"]
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [words_of(row, columns) for row in rows]
    means = [f"- *{row['title']}*: {row['means']}" for row in rows if row.get("means")]
    table = ["| " + " | ".join(word.replace("|", r"\|") for word in line) + " |" for line in lines]
    return [
        *([f"### {head}"] if head else []),
        "\n".join(table),
        *(["\n".join(means)] if means else []),
    ]


def other_pythons(facts):
    """What is otherwise under another Python, in Markdown; "" if nothing is."""
    titles = {row["key"]: row["title"] for row in facts["rows"]}
    return "\n\n".join(
        f"From Python {python} on: "
        + "; ".join(
            f"*{titles[key]}*, {column}: {cell}" for key, column, cell in of_python(facts, python)
        )
        + "."
        for python in sorted(facts.get("pythons", {}), key=number)
    )


def measured(facts):
    """Where and when it was measured, and with what, in Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return f"`{facts['command']}`, on {facts['machine']}, {facts['date']}: {versions}."
