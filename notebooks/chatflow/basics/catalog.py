"""`steps/steps.toml`, the only list of stages and capabilities, as objects."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
STEPS = ROOT / "steps"
FINAL = "chat_final"

# What "live" means: a reader who is already waiting has the message within this time.
LIVE_SECONDS = 2


def shown(path):
    """A path as one would type it at the root of the repository."""
    return str(path).removeprefix(f"{ROOT}/")


@dataclass(frozen=True)
class Stage:
    """One entry of steps.toml. `can` maps each capability's key to "yes", "no" or "–".

    `worker` is the command of its worker process, if it has one: words for its manage.py; `path` is
    its folder, from the repository's.
    """

    number: int
    title: str
    idea: str
    still_cannot: str
    server: str
    redis: bool
    path: str
    changed: tuple[str, ...]
    try_this: tuple[str, ...]
    can: dict[str, str]
    redis_layer: str = "queue"
    worker: tuple[str, ...] = ()
    why_so_much: str = ""
    lost: tuple[str, ...] = ()

    @property
    def name(self):
        return self.folder.name

    @property
    def key(self):
        """What run_step.sh and `stage()` take for it: "9", or "final"."""
        return "final" if self.name == FINAL else str(self.number)

    @property
    def notebook(self):
        """The name of its notebook: "09_resume.ipynb", "10_chat_final.ipynb"."""
        return f"{self.number}_{self.name}.ipynb" if self.key == "final" else f"{self.name}.ipynb"

    @property
    def short(self):
        """Its head in a table: "09", or "final"."""
        return self.key.zfill(2)

    @property
    def heading(self):
        return f"{FINAL if self.key == 'final' else f'Stage {self.short}'} · {self.title}"

    @property
    def called(self):
        """Its name in a sentence."""
        return FINAL if self.key == "final" else f"stage {self.number}"

    @property
    def folder(self):
        return ROOT / self.path


@cache
def load():
    return tomllib.loads((STEPS / "steps.toml").read_text())


@cache
def stages():
    """All stages, in order."""
    return tuple(read_stage(entry) for entry in load()["stage"])


def read_stage(entry):
    facts = {key: tuple(it) if isinstance(it, list) else it for key, it in entry.items()}
    if slug := facts.pop("slug", None):
        facts["path"] = f"steps/{entry['number']:02}_{slug}"
    return Stage(**facts)


def capabilities():
    """Each capability's key and the sentence it stands for, in the order of the matrix."""
    return load()["capability"]


def find_stage(number):
    """The stage of this number, given as 5, "5" or "05", or that of the name "final".

    Raises UsageError with what to type.
    """
    known = {stage.key: stage for stage in stages()} | {stage.number: stage for stage in stages()}
    if found := known.get(number) or known.get(str(number).removeprefix("0")):
        return found
    last = max(stage.number for stage in stages() if stage.key != "final")
    raise UsageError(f"There is no stage {number!r}: give a number from 1 to {last}, or final.")
