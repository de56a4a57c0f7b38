"""The capability matrix in both directions: what a stage says it can, it can; a no is a no."""

import pytest

from chatflow import capabilities, stages
from chatflow.capabilities import PROBES

CELLS = [(stage, key) for stage in stages() for key in capabilities()]


@pytest.mark.parametrize(
    ("stage", "key"), [pytest.param(*cell, id=f"{cell[0].number}-{cell[1]}") for cell in CELLS]
)
async def test_stage_can_do_what_the_matrix_says_and_no_more(stage, key, running, start):
    if key == "waiting_readers":
        # Where it says no, the server is blocked for a while: a stage of its own.
        async with start(stage.number) as chat:
            found = await PROBES[key](chat)
    else:
        found = await PROBES[key](running(stage.number))
    assert found == stage.can[key], explain(stage, key, found)


def explain(stage, key, found):
    row = f"stage {stage.number}: {capabilities()[key]!r}"
    return {
        "yes": f"{row}: it can, though steps.toml says {stage.can[key]!r}. Is that meant?",
        "no": f"{row}: it cannot, though steps.toml says {stage.can[key]!r}. "
        f"Compare with {stage.name}, and see the log of its server.",
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
