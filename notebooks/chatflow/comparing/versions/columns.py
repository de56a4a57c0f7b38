"""The table's columns, and its cells: a word for what was found."""

from dataclasses import dataclass

from ...basics.catalog import find_stage, stages

GREEN, NOT_HERE = "green", "not here"
# What is said of what was tried, where that is no row of the matrix. The first of these counts.
WORDS = {
    "end": "did not end",
    "start": "does not start",
    "check": "check complains",
    "migrations": "wants a migration",
    "idle": "{} when idle",
    "worker": "worker {}",
}


@dataclass(frozen=True)
class Column:
    """A stage as it is; or, `untold`, without what its settings tell redis-py."""

    number: int
    untold: bool = False
    layer: str | None = None

    @property
    def name(self):
        words = [find_stage(self.number).short]
        words += ["pub/sub"] if self.layer == "pubsub" else []
        return " ".join(words + (["untold"] if self.untold else []))


def columns():
    final = find_stage("final").number
    untold = [(6, "queue"), (6, "pubsub"), (7, "queue"), (final, "queue")]
    own = [Column(each.number) for each in stages()]
    return own + [Column(number, True, layer) for number, layer in untold]


def names():
    return [column.name for column in columns()]


def cell_of(unlike):
    """The word for what is not as it should be, {what was tried: what came of it}."""
    for key, words in WORDS.items():
        if key in unlike:
            return words.format(unlike[key])
    return f"{next(iter(unlike))} fails" if unlike else GREEN
