"""The table of channel layers: asked which layers fit, and a group of its rows measured again."""

import asyncio
import sys
from pathlib import Path

# Like the other labs: chatflow is next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatflow.basics.errors import LaunchError
from chatflow.comparing import tables
from chatflow.comparing.layers.members import members
from chatflow.running.layers import environments, layers

# The rows about values. Keys that some cannot read come last: they may end a receiver.
TYPES = "tuple", "bytes", "datetime", "int_key", "true_key"
# These rows are about types. A layer may lose a message, and then it is sent again.
TRIES, WAIT_SECONDS = 3, 5


def question(facts, cell):
    """A cell of the table in words, for a prediction."""
    key, column = cell
    [row] = tables.only(facts, key)["rows"]
    return f"{row['title']}: {column}"


def words_in(facts, key):
    """The different words that stand in a row."""
    [row] = tables.only(facts, key)["rows"]
    return sorted(set(row["cells"].values()))


def fitting(facts, **needs):
    """The layers whose cells are as needed: each need is a row's key, and the words that will do.

    A layer that has no such cell does not fit.
    """
    found = tables.cells(facts)
    wanted = {key: (words,) if isinstance(words, str) else words for key, words in needs.items()}
    return [
        column
        for column in facts["columns"]
        if all(found.get((key, column)) in words for key, words in wanted.items())
    ]


async def measured(chat):
    """{row: word} for the table's rows about values: by two processes, on a running stage's layer.

    Only where nothing leaves a process it is one that sends to itself.
    """
    async with members(chat, 2, "again") as (one, two):
        receiver = two if chat.layer.broker else one
        return {name: await comes_as(one, receiver, name) for name in TYPES}


async def comes_as(sender, receiver, value):
    """The type as which a value is received, or the error of whoever cannot read or send it."""
    for _ in range(TRIES):
        channel = await receiver.do("new_channel")
        taking = asyncio.create_task(receiver.do("take", channel=channel, within=WAIT_SECONDS))
        failed = await sender.do("send_value", name=channel, value=value)
        if failed:
            await sender.do("send_value", name=channel, value=0)  # so that nobody waits for it
        taken = await taking
        if found := failed or taken.get("type") or taken.get("error"):
            return found
    return "lost"


def installed(name):
    """Whether a layer could be run at once: its packages are there."""
    layer = layers()[name]
    made_from = environments.ENVIRONMENTS / layer.lock / "made-from"
    return not layer.lock or made_from.is_file()


def what_to_type(name):
    """The command that runs stage 06 on a layer, and whether its packages are there."""
    try:
        environments.find_python(layers()[name])
    except LaunchError as error:
        return str(error)
    there = "installed" if installed(name) else "is installed first: a minute"
    return f"./scripts/run_step.sh 6 --layer {name} --instances 2   ({there})"
