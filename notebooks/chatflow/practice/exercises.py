"""`steps/practice.toml`: what there is to build and to hunt, as objects."""

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..basics.catalog import ROOT, STEPS, Stage, find_stage
from ..basics.errors import MissingError, UsageError

PRACTICE = ROOT / "practice"


@dataclass(frozen=True)
class Rung:
    """What to say when a check fails, and the evidence shows what its method `when` looks for."""

    check: str
    when: str
    say: str


@dataclass(frozen=True)
class Edit:
    """A piece of a stage's file that a hunt has replaced: `before` stands there exactly once."""

    file: str
    before: str
    after: str


@dataclass(frozen=True)
class Exercise:
    """Something to write, or a mistake to find. `checks` are the first ones, in this order.

    Of a hunt: `symptom` as its victim tells it; `was`, `met` and `cell` are told after the cure;
    `shown` is what that cell says of it.
    Its `checks` fail as it is handed out, and its `keeps` hold, then and after the cure; `needs`
    are programs without which it cannot be tried. `traced` is False where what looks on hides it.
    """

    kind: str  # "build" or "hunt"
    stage: Stage
    checks: tuple[str, ...]
    hints: tuple[str, ...]
    rungs: tuple[Rung, ...]
    goal: str = ""
    contract: tuple[str, ...] = ()
    name: str = ""
    keeps: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    symptom: str = ""
    edits: tuple[Edit, ...] = ()
    traced: bool = True
    was: str = ""
    met: str = ""
    cell: str = ""
    shown: str = ""

    @property
    def word(self):
        """What tells it from all others: "5" for what is to be built, a hunt's name."""
        return self.stage.key if self.kind == "build" else self.name

    @property
    def key(self):
        """What the command takes for it: "build 5", "hunt deaf_tab"."""
        return f"{self.kind} {self.word}"

    @property
    def folder(self):
        own = self.stage.name if self.kind == "build" else f"hunt_{self.name}"
        return PRACTICE / own

    @property
    def start(self):
        """The stage that it is handed out from."""
        return find_stage(self.stage.number - 1) if self.kind == "build" else self.stage

    def missing(self):
        """The programs that it needs and that are not on this machine."""
        return [name for name in self.needs if not is_here(name)]

    def handed_out(self):
        """{file: text} of what is not as in the stage that it starts from."""
        texts = {}
        for edit in self.edits:
            text = texts.get(edit.file) or (self.stage.folder / edit.file).read_text()
            if text.count(edit.before) != 1:
                raise UsageError(
                    f"{self.key}: {edit.file} of {self.stage.name} must say {edit.before!r} once."
                )
            texts[edit.file] = text.replace(edit.before, edit.after)
        return texts


def finders():
    """{program that not every machine has: what raises MissingError if it is not here}."""
    # Only here: a browser's library takes longer to load than all the rest.
    from ..clients.browser import find_chromium
    from ..running import nginx

    return {"chromium": find_chromium, "nginx": nginx.find_binary}


def is_here(program):
    try:
        finders()[program]()
    except MissingError:
        return False
    return True


@cache
def exercises():
    """All exercises: what to build in the order of the stages, then the hunts."""
    found = tomllib.loads((STEPS / "practice.toml").read_text())
    return tuple(
        read(kind, entry, find_stage(entry["stage"]), found["rung"])
        for kind in ("build", "hunt")
        for entry in found[kind]
    )


def read(kind, entry, stage, rungs):
    facts = {key: tuple(it) if isinstance(it, list) else it for key, it in entry.items()}
    own = [Rung(**rung) for rung in facts.pop("rung", ())]
    # Whatever is checked, a handshake that fails comes before it.
    checks = {"accepts_websocket", *facts["checks"]}
    shared = [Rung(**rung) for rung in rungs if rung["check"] in checks]
    facts["edits"] = tuple(Edit(**edit) for edit in facts.pop("edit", ()))
    return Exercise(kind, **facts | {"stage": stage, "rungs": (*own, *shared)})


def find(kind, word):
    """The exercise of this kind: a number for "build", a name for "hunt".

    Raises UsageError with what to type.
    """
    known = {each.word: each for each in exercises() if each.kind == kind}
    if found := known.get(word) or known.get(word.removeprefix("0")):
        return found
    if kind == "build":
        raise UsageError(f"There is no build {word!r}: give one of {', '.join(known)}.")
    close = difflib.get_close_matches(word, known, 1)
    advice = f"did you mean {close[0]}?" if close else "practice.sh list shows all."
    raise UsageError(f"There is no hunt {word!r}: {advice}")


def find_any(word):
    """The exercise that is meant by "5", by "deaf_tab", or by the path of its folder."""
    name = Path(word).name
    for each in exercises():
        if name in (each.word, each.folder.name):
            return each
    raise UsageError(f"There is no exercise {word!r}: practice.sh list shows all.")
