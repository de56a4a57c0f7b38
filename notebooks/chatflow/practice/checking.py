"""What a check of the learner's folder says: what holds, the one thing to do next, two pictures.

The learner's stage runs for it, two instances of it, traced; the reference's message was recorded
once, or is recorded beside it.
"""

import asyncio
from dataclasses import dataclass, field

from ..basics.catalog import capabilities
from ..basics.errors import LaunchError, UsageError
from ..drawing.picture import draw
from ..probing.capabilities import try_one
from ..probing.people import YES
from ..running.launcher import stage
from . import workspace
from .comparing import first_difference
from .evidence import Evidence
from .reference import reference_flow
from .special import SPECIAL
from .starting import missing_file, missing_migration, why_not_started
from .talking import BROKEN, gather

# The learner's code may do whatever it likes, but not for ever.
LIMIT_SECONDS = 60
CHECK_SECONDS = 20
# How a client ends that is not answered as it should, or by something that is no event.
UNREADABLE = (*BROKEN, ValueError, TypeError, KeyError)

# What the conversation itself has shown. Where one of these does not hold, no other can.
GATES = {
    "request_is_held": Evidence.waits_for_news,
    "accepts_websocket": Evidence.accepted,
}
# The conversation is their probe. Where Bob hears nothing at all, nothing says that a room's news
# stays in that room.
SHOWN, SILENT = {"live", "crosses_instances"}, {"rooms_isolated"}


@dataclass
class Verdict:
    """What the first checks say. `holds`, `fails` and `untried` are sentences of checks, `next` is
    the one thing to do.

    `pictures` are those of the learner's and the reference's message, `differs` the numbers of the
    first hop that differs, from 0, one for each picture (the number of its hops, where a flow is
    over by then); None if they are alike.
    """

    exercise: object
    holds: list[str] = field(default_factory=list)
    fails: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    next: str = ""
    pictures: tuple = ()
    differs: tuple[int, int] | None = None

    @property
    def done(self):
        return not self.fails and not self.next


async def check(exercise, folder=None, answered=lambda verdict: None):
    """Try the first checks of an exercise on the learner's folder; returns the Verdict.

    `answered(verdict)` is called as soon as it says what to do next; what it says besides, and the
    pictures, come later.
    """
    folder = folder or exercise.folder
    verdict = Verdict(exercise)
    try:
        if missing := missing_file(folder):
            raise UsageError(missing)
        async with asyncio.timeout(LIMIT_SECONDS):
            await try_all(exercise, folder, verdict, answered)
    except TimeoutError:
        verdict.next = verdict.next or (
            f"It was not done within {LIMIT_SECONDS} s: something in your code waits for ever."
        )
    except LaunchError as error:
        verdict.next = why_not_started(error, folder.resolve())
        verdict.untried = [sentence(key) for key in keys_of(exercise)]
    if verdict.done and folder == exercise.folder:
        workspace.note_done(exercise)
    return verdict


async def try_all(exercise, folder, verdict, answered):
    trying = try_hunt if exercise.kind == "hunt" else try_build
    async with stage(exercise.stage.number, folder=folder, instances=2, trace=True) as run:
        evidence = await trying(Trial(exercise, run, verdict, answered))
    if evidence:
        # Recorded only if it has changed since the last time, and not while somebody waits.
        compare(verdict, evidence, await reference_flow(exercise.stage))


@dataclass
class Trial:
    """A learner's stage that runs, and what has been found of it: {check: whether it holds}."""

    exercise: object
    run: object
    verdict: Verdict
    answered: object
    found: dict[str, bool] = field(default_factory=dict)

    async def note(self, found, evidence=None):
        """Say what holds and what fails; and what to do next, once that is certain."""
        self.found |= found
        keys, verdict = keys_of(self.exercise), self.verdict
        names = {True: "holds", False: "fails", None: "untried"}
        for holds, name in names.items():
            setattr(verdict, name, [sentence(k) for k in keys if self.found.get(k) is holds])
        if not verdict.next and (failed := self.first_failed()):
            missing = await asyncio.to_thread(missing_migration, self.exercise, self.run)
            verdict.next = missing or what_next(self.exercise, failed, evidence)
            self.answered(verdict)

    def first_failed(self):
        """The first check that does not hold; None if one before it has not been tried yet."""
        for key in keys_of(self.exercise):
            if not self.found.get(key, False):
                return key if key in self.found else None
        return None


def keys_of(exercise):
    return (*exercise.checks, *exercise.keeps)


async def try_hunt(trial):
    """Its own checks come first: one that fails is the answer. Returns the Evidence, if it is not
    cured.

    One check after another: what is broken may break another's probe.
    """
    for key in keys_of(trial.exercise):
        await trial.note({key: (await try_check(trial.run, key))[1]})
    return None if trial.verdict.done else await gather(trial.run)


async def try_build(trial):
    """The conversation comes first: it is the probe of most checks. Returns its Evidence."""
    checks, evidence = trial.exercise.checks, await gather(trial.run)
    gates = {key: GATES[key](evidence) for key in checks if key in GATES}
    if not all(gates.values()):
        # The others cannot hold.
        await trial.note(gates, evidence)
        return evidence
    if evidence.was_there() or evidence.handshake_failed():
        gates |= {key: evidence.hears("bob") for key in SHOWN.intersection(checks)}
    await trial.note(gates, evidence)
    await trial.note(await try_rows(trial, evidence), evidence)
    for key in checks:
        if key in SPECIAL:
            await trial.note({key: (await try_check(trial.run, key))[1]}, evidence)
    return evidence


async def try_rows(trial, evidence):
    """{row of the matrix: whether it holds}: in rooms of their own, and all at once.

    Some of our own checks count what goes on in the whole stage, and want it for themselves.
    """
    is_deaf = evidence.bob_is_deaf() or evidence.handshake_failed()
    left_out = {*trial.found, *SPECIAL, *(SILENT if is_deaf else ())}
    rows = [key for key in trial.exercise.checks if key not in left_out]
    tried = await asyncio.gather(*(try_check(trial.run, key) for key in rows))
    return {key: holds for key, (_, holds) in zip(rows, tried, strict=True)}


async def try_check(run, key):
    """(its sentence, whether it holds): a row of the matrix, or a check of our own.

    It does not hold either if the stage gives no answer that could be understood, or none in time.
    """
    trying = SPECIAL[key](run) if key in SPECIAL else try_one(run, key)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return sentence(key), await trying in (True, YES)
    except UNREADABLE:
        return sentence(key), False


def sentence(key):
    """What a check says, as it is true of a stage that passes it."""
    if key in SPECIAL:
        return SPECIAL[key].__doc__.splitlines()[0].rstrip(".")
    if key in capabilities():
        return capabilities()[key]
    return GATES[key].__doc__.splitlines()[0].rstrip(".")


def what_next(exercise, key, evidence):
    """The one thing to do: what the first rung says whose evidence is there."""
    if exercise.kind == "hunt":
        # What its victim sees. Where that comes from is for the hunter to find.
        return f"It is not cured yet. This should hold: {sentence(key)}."
    about = "accepts_websocket" if evidence.handshake_failed() else key
    for rung in exercise.rungs:
        if rung.check == about and evidence.shows(rung.when):
            return rung.say.format(**evidence.words(rung.when))
    return f"This does not hold yet: {sentence(key)}."


def compare(verdict, evidence, reference):
    """The two pictures: without what the layer says to Redis, whatever it is made of."""
    flows = [flow.without("redis") for flow in (evidence.flow, reference) if flow]
    if len(flows) == 2 and not verdict.done:
        # A flow has the requests of those only who were woken; that Bob's was held is known.
        waits = evidence.held and evidence.how != "WebSocket"
        verdict.differs = first_difference(*flows, opening=not waits)
    marks = verdict.differs or (None, None)
    verdict.pictures = tuple(
        draw(flow, mark=mark) for flow, mark in zip(flows, marks, strict=False)
    )
