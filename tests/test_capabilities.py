"""The capability matrix in both directions: what a stage says it can, it can; a no is a no."""

import asyncio
import contextlib

import pytest

from chatflow import capabilities, stages
from chatflow import stage as run_stage
from chatflow.capabilities import try_all

CELLS = [
    pytest.param(stage, key, id=f"{stage.number}-{key}")
    for stage in stages()
    for key in capabilities()
]

# Groups of stages that are tried side by side: in each of them one of 01 to 03, which have the
# least to try. With fewer groups the machine is too busy for what has to come within seconds.
GROUPS = 3


@pytest.fixture(scope="session")
def try_out(request, stage_folders):
    """Call it with a stage's number for ({capability: verdict}, logs); it tries its group, once."""
    items = [item for item in request.session.items if "try_out" in item.fixturenames]
    numbers = sorted({item.callspec.params["stage"].number for item in items})
    found = {}

    def get(number):
        if number not in found:
            group = [each for each in numbers if each % GROUPS == number % GROUPS]
            found.update(asyncio.run(try_stages(group, stage_folders)))
        return found[number]

    return get


async def try_stages(numbers, folders):
    """Side by side, since most of it is waiting; but only when none of them is still loading."""
    async with contextlib.AsyncExitStack() as stack:
        # With the limits that a stage sets by itself, if it has any.
        runs = [run_stage(number, instances=2, folder=folders.get(number)) for number in numbers]
        chats = [await stack.enter_async_context(run) for run in runs]
        verdicts = await asyncio.gather(*map(try_all, chats))
        tried = zip(verdicts, map(logs, chats), strict=True)
        return dict(zip(numbers, tried, strict=True))


def logs(chat):
    """What each process of a stage said last; they are gone when a test finds out."""
    return "\n".join(f"{one.name}:\n{one.program.last_lines()}" for one in chat.processes())


@pytest.mark.parametrize(("stage", "key"), CELLS)
def test_stage_can_do_what_the_matrix_says_and_no_more(stage, key, try_out):
    verdicts, said = try_out(stage.number)
    verdict = verdicts[key]
    if isinstance(verdict, Exception):
        raise verdict
    assert verdict == stage.can[key], f"{explain(stage, key, verdict)}\n{said}"


def explain(stage, key, found):
    row = f"stage {stage.number}: {capabilities()[key]!r}"
    return {
        "yes": f"{row}: it can, though steps.toml says {stage.can[key]!r}. Is that meant?",
        "no": f"{row}: it cannot, though steps.toml says {stage.can[key]!r}. "
        f"Compare with {stage.name}, and see its log below.",
        "–": f"{row}: there is nothing to try, though steps.toml says {stage.can[key]!r}. "
        "Is a URL, a route or a command missing?",
    }[found]


def test_matrix_has_exactly_one_cell_for_each_stage_and_capability():
    for stage in stages():
        assert list(stage.can) == list(capabilities()), f"{stage.name} in steps.toml"
        assert set(stage.can.values()) <= {"yes", "no", "–"}


def test_what_a_stage_can_do_later_stages_can_do_unless_they_say_that_it_is_lost():
    for before, after in zip(stages(), stages()[1:], strict=False):
        gone = {key for key in capabilities() if before.can[key] == "yes" != after.can[key]}
        assert gone == set(after.lost), f"what {after.name} can no longer do stands in its `lost`"
