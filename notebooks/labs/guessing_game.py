"""The game of notebook 13: cells of a table are guessed, and then asked for."""

from chatflow.bench.measuring import print_table
from chatflow.comparing import tables


def graded(guesses, facts):
    """Print each guess beside what was seen; returns how many were right. Raises KeyError."""
    seen = tables.cells(facts)
    if unknown := guesses.keys() - seen.keys():
        raise KeyError(f"The table has no such cell: {sorted(unknown)}. Write (row, server).")
    titles = {row["key"]: row["title"] for row in facts["rows"]}
    right = {cell for cell, said in guesses.items() if seen[cell] == str(said)}  # 1011 is "1011"
    rows = [
        [titles[cell[0]], cell[1], str(said), f"{seen[cell]} {'✓' if cell in right else '✗'}"]
        for cell, said in guesses.items()
    ]
    print_table(["", "server", "you said", "it is"], rows)
    return len(right)


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
