"""What practice.sh prints in a terminal: paragraphs, colours, a diff, two flows side by side."""

import os
import shutil
import sys
import textwrap
from itertools import zip_longest

WIDEST = 96  # of a paragraph
GREEN, RED, BOLD, BLUE = "32", "31", "1", "36"
LOOKS = {"---": BOLD, "+++": BOLD, "@@ ": BLUE, "+": GREEN, "-": RED}
NARROWEST = 60  # of one of two columns
MARK = "▶ "


def say(*paragraphs, look=None):
    for text in paragraphs:
        print(painted(textwrap.fill(text, min(width(), WIDEST), subsequent_indent="  "), look))


def width():
    return shutil.get_terminal_size().columns


def painted(text, look):
    """The text in colour, if it goes to a terminal that shows any, and whose user wants them."""
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    if look is None or plain or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[{look}m{text}\033[0m"


def print_diff(lines):
    for line in lines:
        look = next((LOOKS[start] for start in LOOKS if line.startswith(start)), None)
        print(painted(line.rstrip("\n"), look))


# --- two flows ------------------------------------------------------------------------------------


def print_pair(titles, flows, marked):
    """Print two lists of lines, side by side or one below the other.

    `marked` has for each the number of the line to mark, or None; where that is after the last
    line, the end is marked.
    """
    one = (width() - 3) // 2
    room = one if one >= NARROWEST else min(width(), WIDEST)
    columns = [column(*each, room) for each in zip(titles, flows, marked, strict=True)]
    if room == one:
        print_beside(*columns, one)
    else:
        print_below(columns[0])
        print()
        print_below(columns[1])


def print_beside(left, right, wide):
    # A line of a flow may take several rows: the same lines stand next to each other all the same.
    for one, other in zip_longest(left, right, fillvalue=([], None)):
        for row, its in zip_longest(one[0], other[0], fillvalue=""):
            print(painted(row.ljust(wide), one[1]), painted(its, other[1]), sep=" │ ")


def print_below(column):
    for rows, look in column:
        for row in rows:
            print(painted(row, look))


def column(title, lines, marked, room):
    """[(rows, look)]: the title, then each line in as many rows as it needs."""
    found = [([title], BOLD)]
    if marked == len(lines):
        lines = [*lines, "here it ends"]
    for number, line in enumerate(lines):
        is_marked = number == marked
        start = MARK if is_marked else " " * len(MARK)
        rows = textwrap.wrap(start + line, room, subsequent_indent=" " * 5)
        found.append((rows, RED if is_marked else None))
    return found
