"""`steps/steps.toml`, the only list of stages and capabilities, as objects."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
STEPS = ROOT / "steps"

# What "live" means: a reader who is already waiting has the message within this time.
LIVE_SECONDS = 2


@dataclass(frozen=True)
class Stage:
    """One entry of steps.toml. `can` maps each capability's key to "yes", "no" or "–".

    `worker` names the channels of its worker process, if it has one.
    """

    number: int
    slug: str
    title: str
    idea: str
    still_cannot: str
    server: str
    redis: bool
    worker: tuple[str, ...]
    changed: tuple[str, ...]
    why_so_much: str
    lost: tuple[str, ...]
    try_this: tuple[str, ...]
    can: dict[str, str]

    @property
    def name(self):
        return f"{self.number:02}_{self.slug}"

    @property
    def folder(self):
        return STEPS / self.name


@cache
def load():
    with (STEPS / "steps.toml").open("rb") as file:
        return tomllib.load(file)


@cache
def stages():
    """All stages, in order."""
    return tuple(read_stage(entry) for entry in load()["stage"])


def read_stage(entry):
    entry = {"worker": (), "why_so_much": "", "lost": (), **entry}
    lists = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
    return Stage(**{**entry, **lists})


def capabilities():
    """Each capability's key and the sentence it stands for, in the order of the matrix."""
    return load()["capability"]


def find_stage(number):
    """The stage with this number, given as 5, "5" or "05". Raises UsageError with what to type."""
    known = {str(stage.number): stage for stage in stages()}
    last = len(known)
    if str(number) == "final":
        raise UsageError(
            "The stage 'final' (chat_final) does not exist yet; "
            f"stages 1 to {last} do: see run_step.sh --list."
        )
    if found := known.get(str(number).removeprefix("0")):
        return found
    raise UsageError(f"There is no stage {number!r}: give a number from 1 to {last}.")
