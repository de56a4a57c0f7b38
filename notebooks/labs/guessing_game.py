"""The game of notebook 13: cells of a table are guessed, and then asked for."""

from chatflow.bench.measuring import print_table
from chatflow.comparing import tables


def graded(guesses, facts):
    """Print each guess beside what was seen; returns how many were right."""
    seen = tables.cells(facts)
    titles = {row["key"]: row["title"] for row in facts["rows"]}
    head = ["", "server", "you said", "it is"]
    rows = [
        [titles[key], server, said, f"{seen[key, server]} {'✓' if is_right else '✗'}"]
        for (key, server), said in guesses.items()
        for is_right in [seen[key, server] == said]
    ]
    print_table(head, rows)
    return sum(seen[cell] == said for cell, said in guesses.items())


def those(facts, key, *words):
    """The servers in whose cell of a row one of these words stands."""
    [row] = tables.only(facts, key)["rows"]
    return [server for server, cell in row["cells"].items() if cell in words]


def decided(facts, wanted):
    """Print who has what: a row for each wish, with a tick where a server fulfils it."""
    rows = []
    for wish, (key, *words) in wanted.items():
        fulfil = those(facts, key, *words)
        rows.append([wish, *("✓" if one in fulfil else "" for one in facts["columns"])])
    print_table(["", *facts["columns"]], rows)
