"""The table of channel layers: what is kept is what is seen, and what can be guessed."""

import asyncio
import tomllib
from copy import deepcopy

import pytest

from chatflow.bench.measuring import kept
from chatflow.comparing import guessing, layers, tables
from chatflow.comparing.layers import cost, probes
from chatflow.running.layers import environments
from chatflow.running.layers import layers as known

FACTS = kept("layers")
# Those that this environment has; the others are compared by compare.sh layers.
INSTALLED = [name for name, layer in known().items() if not layer.lock]
LETTERS = 24


@pytest.fixture(scope="module")
def seen():
    """{layer: {row: word}}, by real processes, all layers at the same time."""

    async def look():
        return await asyncio.gather(*(layers.column(name) for name in INSTALLED))

    return dict(zip(INSTALLED, asyncio.run(look()), strict=True))


@pytest.mark.parametrize("name", INSTALLED)
def test_what_is_kept_is_what_is_seen(seen, name):
    now = {"columns": [name], "rows": layers.rows({name: seen[name] | dict.fromkeys(MISSING)})}
    before = tables.only(FACTS, *(key for key in layers.ROWS if key not in layers.MEASURED))
    assert tables.differences({**before, "columns": [name]}, tables.only(now, *keys(before))) == []


def keys(facts):
    return [row["key"] for row in facts["rows"]]


# A cost is measured by the command alone.
MISSING = layers.MEASURED


def test_wrong_cell_put_in_by_hand_is_found(seen):
    wrong = deepcopy(FACTS)
    row = next(row for row in wrong["rows"] if row["key"] == "order")
    row["cells"]["redis-queue"] = "mixed"
    now = {
        "columns": ["redis-queue"],
        "rows": layers.rows({"redis-queue": seen["redis-queue"] | dict.fromkeys(MISSING)}),
    }
    before = {**tables.only(wrong, "order"), "columns": ["redis-queue"]}
    (told,) = tables.differences(before, tables.only(now, "order"))
    assert "it was 'mixed', and is 'kept'" in told


def test_each_layer_has_a_column_or_a_reason_and_each_row_a_word_for_each_column():
    assert {*FACTS["columns"], *FACTS["left_out"]} >= known().keys()
    assert [row["key"] for row in FACTS["rows"]] == list(layers.ROWS)
    for row in FACTS["rows"]:
        assert row["title"] == layers.ROWS[row["key"]]
        assert list(row["cells"]) == FACTS["columns"]
        assert all(word and len(word) <= LETTERS for word in row["cells"].values())


def test_versions_are_those_that_would_be_installed():
    there = {layer.package: environments.version_of(layer) for layer in known().values()}
    assert there.items() <= FACTS["versions"].items()


def test_guesses_are_of_rows_and_columns_that_there_are():
    path = guessing.GUESSES / "layers.toml"
    guesses = tomllib.loads(path.read_text())
    assert guesses.keys() <= layers.ROWS.keys()
    assert {column for row in guesses.values() for column in row} <= known().keys()
    right, of = guessing.share("layers")
    assert 0 < right < of, "neither all of it nor nothing was known"


@pytest.mark.parametrize(
    ("heard", "word"),
    [
        (range(30), "keeps all"),
        (range(10), "first 10"),
        (range(20, 30), "last 10"),
        ([], "none"),
        ([1, 5], "2 of 30"),
    ],
)
def test_what_is_left_of_thirty_is_said_in_words(heard, word):
    assert probes.which(list(heard)) == word


def test_ratio_is_told_by_the_nearest_word():
    told = [cost.in_words(ratio) for ratio in (0.26, 0.7, 0.72, 1.3, 1.5, 15)]
    assert told == ["¼", "½", "about the same", "about the same", "2 ×", "16 ×"]


def test_jobs_are_done_once_by_both_or_otherwise():
    jobs = range(probes.JOBS)
    told = [probes.how_often(dict.fromkeys(jobs, times)) for times in (1, 2)]
    assert told == ["once", "by both"]
    assert probes.how_often(dict.fromkeys(jobs, 1) | {0: 2}) == "some lost or twice"
    assert probes.how_often(dict.fromkeys(jobs, 1) | {0: 0}) == "some lost or twice"
    assert probes.how_often({}) == "no job"
