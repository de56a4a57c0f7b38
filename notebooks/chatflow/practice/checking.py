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


async def check(exercise, folder=None):
    """Try the first checks of an exercise on the learner's folder; returns the Verdict."""
    folder = folder or exercise.folder
    verdict = Verdict(exercise)
    try:
        if missing := missing_file(folder):
            raise UsageError(missing)
        async with asyncio.timeout(LIMIT_SECONDS):
            await try_all(exercise, folder, verdict)
    except TimeoutError:
        verdict.next = (
            f"It was not done within {LIMIT_SECONDS} s: something in your code waits for ever."
        )
    except LaunchError as error:
        verdict.next = why_not_started(error, folder.resolve())
        verdict.untried = [sentence(key) for key in keys_of(exercise)]
    if verdict.done and folder == exercise.folder:
        workspace.note_done(exercise)
    return verdict


async def try_all(exercise, folder, verdict):
    # Both at once: the reference is to be recorded only if it has changed since the last time.
    recording = asyncio.create_task(reference_flow(exercise.stage))
    try:
        async with stage(exercise.stage.number, folder=folder, instances=2, trace=True) as run:
            evidence = await gather(run)
            await judge(exercise, run, evidence, verdict)
        compare(verdict, evidence, await recording)
    finally:
        recording.cancel()
        await asyncio.wait([recording])


async def judge(exercise, run, evidence, verdict):
    """Try the checks, and note what holds, what fails, and what is to be done first."""
    trying = try_hunt if exercise.kind == "hunt" else try_build
    found = await trying(exercise, run, evidence)
    keys = keys_of(exercise)
    for key in keys:
        where = {True: verdict.holds, False: verdict.fails, None: verdict.untried}
        where[found.get(key)].append(sentence(key))
    if failed := next((key for key in keys if found.get(key) is False), None):
        missing = await asyncio.to_thread(missing_migration, exercise, run)
        verdict.next = missing or what_next(exercise, failed, evidence)


def keys_of(exercise):
    return (*exercise.checks, *exercise.keeps)


async def try_hunt(hunt, run, evidence):
    """{check: whether it holds}, one after another: what is broken may break another's probe."""
    return {key: (await try_check(run, key))[1] for key in keys_of(hunt)}


async def try_build(build, run, evidence):
    """{check: whether it holds}; those that were not tried are not in it."""
    found = {key: GATES[key](evidence) for key in build.checks if key in GATES}
    if not all(found.values()):
        return found
    if evidence.was_there():
        found |= {key: evidence.hears("bob") for key in SHOWN.intersection(build.checks)}
    silent = SILENT if evidence.bob_is_deaf() else set()
    # Rows of the matrix are tried in rooms of their own, and all at once; some of ours count what
    # goes on in the whole stage, and want it for themselves.
    rows = [key for key in build.checks if key not in {*found, *SPECIAL, *silent}]
    tried = await asyncio.gather(*(try_check(run, key) for key in rows))
    found |= {key: holds for key, (_, holds) in zip(rows, tried, strict=True)}
    for key in build.checks:
        if key in SPECIAL:
            found[key] = (await try_check(run, key))[1]
    return found


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
