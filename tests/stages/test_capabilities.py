"""The capability matrix in both directions: what a stage says it can, it can; a no is a no."""

import asyncio

import pytest

from chatflow import capabilities, stages
from chatflow import stage as run_stage
from chatflow.probing.survey import Survey

CELLS = [
    pytest.param(stage, key, id=f"{stage.number}-{key}")
    for stage in stages()
    for key in capabilities()
]

# Groups of stages: in each of them one of 01 to 03, which have the least to try. The first test
# of a group waits for all of it.
GROUPS = 3


@pytest.fixture(scope="session")
def try_out(request, stage_folders):
    """Call it with a stage's number for (a Survey, logs); it tries the stage's group, once."""
    items = [item for item in request.session.items if "try_out" in item.fixturenames]
    numbers = sorted({item.callspec.params["stage"].number for item in items})
    found = {}

    def get(number):
        if number not in found:
            group = [each for each in numbers if each % GROUPS == number % GROUPS]
            try:
                found.update(asyncio.run(try_stages(group, stage_folders)))
            except BaseException as failure:  # also what ends a test by its time
                # Not tried once more by each test that waits for it.
                found.update(dict.fromkeys(group, failure))
        if isinstance(found[number], BaseException):
            raise found[number]
        return found[number]

    return get


async def try_stages(numbers, folders):
    """The survey in which each stage has its column, and the stage's logs."""
    survey, said = Survey(numbers), {}

    async def visit(number):
        # With the limits that a stage sets by itself, if it has any.
        async with run_stage(number, instances=2, folder=folders.get(number)) as chat:
            await survey.measure(chat)
            said[number] = logs(chat)

    await survey.take(visit)
    return {number: (survey, said.get(number)) for number in numbers}


def logs(chat):
    """What each process of a stage said last; they are gone when a test finds out."""
    return "\n".join(f"{one.name}:\n{one.program.last_lines()}" for one in chat.processes())


@pytest.mark.parametrize(("stage", "key"), CELLS)
def test_stage_can_do_what_the_matrix_says_and_no_more(stage, key, try_out):
    survey, said = try_out(stage.number)
    if stage.number in survey.broken:
        raise survey.broken[stage.number]
    verdict = survey.found[stage.number][key]
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
