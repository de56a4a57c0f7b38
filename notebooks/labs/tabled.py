"""What was seen of several things, next to each other."""

from IPython.display import Markdown

from chatflow.comparing.tables import as_markdown


def tabled(seen):
    """{column: {row: cell}} as a table; a cell that a column does not have is a dash."""
    rows = list(dict.fromkeys(row for cells in seen.values() for row in cells))
    return Markdown(
        as_markdown(
            {
                "columns": list(seen),
                "rows": [
                    {"title": row, "cells": {name: f"{seen[name].get(row, '–')}" for name in seen}}
                    for row in rows
                ],
            }
        )
    )
