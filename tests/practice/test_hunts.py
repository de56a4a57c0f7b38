"""Each hunt: as it is handed out it fails by exactly the checks that it names; cured, it passes.

The normal run tries two of them, the second one chosen by the day; `test.sh --hunts` tries all.
`cures.toml` has other cures than ours, right ones and wrong ones. What is written of the hunts is
looked at each time.
"""

import json
import os
import random
import re
import shutil
import tomllib
from datetime import date
from pathlib import Path

import pytest

from breakages.listing import DAY
from chatflow import stage
from chatflow.basics.catalog import ROOT, capabilities, find_stage
from chatflow.commands.practice_check import tell_the_story
from chatflow.practice.checking import GATES, check, sentence, try_check, what_next
from chatflow.practice.evidence import Evidence
from chatflow.practice.exercises import exercises, find, finders
from chatflow.practice.special import SPECIAL
from chatflow.running.variants import NOT_OURS
from helpers.missing import need

# Says which hunts are tried: "all", or names. Without it, those of the day.
CHOICE = "CHATFLOW_HUNTS"
ALWAYS, FEWEST = "first_line_missing", 24
HUNTS = [each for each in exercises() if each.kind == "hunt"]
# Each kind of mistake that the issue asks for, by a word of what is told of it after the cure.
KINDS = {
    "never leaves its group": "slower_every_day",
    "no handler": "gone_when_she_writes",
    "ORM in async code": "fifty_people",
    "forgotten await": "nothing_happens",
    "accept before group_add": "first_line_missing",
    "JSON twice": "backslashes",
    "blocks its neighbours": "everybody_waits",
    "in-memory in production": "works_on_my_laptop",
    "origin by host": "security_report",
    "session asked once": "library_computer",
    "after, inclusive and exclusive": "one_too_few",
    "client id of everybody": "not_my_words",
    "sent before the commit": "not_there_yet",
    "no back-off": "after_the_release",
    "group_expiry": "after_lunch",
    "two sites on one Redis": "voices_in_the_wall",
    "queue overflows": "ten_lines",
    "proxy drops Upgrade": "only_in_production",
    "groups are never renewed": "since_noon",
    "a drain that closes all at once": "all_at_the_door",
}


def chosen():
    names = os.environ.get(CHOICE, "").split()
    if names == ["all"]:
        return HUNTS
    dice = random.Random(os.environ.get(DAY) or date.today().isoformat())
    of_the_day = [ALWAYS, dice.choice([each.name for each in HUNTS if each.name != ALWAYS])]
    return [find("hunt", name) for name in names or of_the_day]


def named(hunt):
    return hunt.name


each_chosen = pytest.mark.parametrize("hunt", chosen(), ids=named)
each_hunt = pytest.mark.parametrize("hunt", HUNTS, ids=named)


@pytest.fixture
def begun(hunt, tmp_path):
    """A hunt's folder, as it is handed out."""
    for program in hunt.needs:
        need(program, finders()[program])
    return hand_out(hunt, tmp_path)


def hand_out(hunt, place):
    folder = place / hunt.folder.name
    shutil.copytree(hunt.start.folder, folder, ignore=NOT_OURS)
    for file, text in hunt.handed_out().items():
        (folder / file).write_text(text)
    return folder


@pytest.fixture(scope="module")
def traced(started_once):
    with started_once(trace=True) as get:
        yield get


async def failing(run, hunt):
    """The checks of a hunt, in its own order, that do not hold."""
    keys = (*hunt.checks, *hunt.keeps)
    return [key for key in keys if not (await try_check(run, key))[1]]


@each_chosen
async def test_handed_out_it_fails_by_exactly_its_checks(hunt, begun):
    options = {"instances": 2, "trace": True, "folder": begun}

    async with stage(hunt.stage.number, **options) as run:
        assert await failing(run, hunt) == list(hunt.checks)


@each_chosen
async def test_cured_it_passes(hunt, begun, traced):
    assert await failing(traced(hunt.stage.number), hunt) == []


async def test_answer_comes_before_all_that_is_only_shown(tmp_path):
    """Nobody waits for a conversation, or for what is drawn, to be told what does not hold."""
    hunt, heard = find("hunt", ALWAYS), []

    def note(verdict):
        heard.append((verdict.next, list(verdict.fails), verdict.pictures, list(verdict.holds)))

    verdict = await check(hunt, hand_out(hunt, tmp_path), note)
    fails = [sentence(key) for key in hunt.checks]
    assert heard == [(verdict.next, fails, (), [])]
    assert (verdict.fails, verdict.holds) == (fails, [sentence(key) for key in hunt.keeps])
    assert len(verdict.pictures) == 2
    assert verdict.differs


CURES = tomllib.loads(Path(__file__).with_name("cures.toml").read_text())["cure"]


@pytest.mark.parametrize(
    ("hunt", "cure"),
    [(hunt, cure) for hunt in chosen() for cure in CURES if cure["hunt"] == hunt.name],
    ids=lambda each: getattr(each, "name", None) or each["how"].replace(" ", "_"),
)
async def test_another_cure_is_judged_by_what_it_does(hunt, cure, begun):
    for file, before, after in cure["edits"]:
        text = (begun / file).read_text()
        assert text.count(before) == 1, f"{file} should say this once: {before}"
        (begun / file).write_text(text.replace(before, after))
    async with stage(hunt.stage.number, instances=2, trace=True, folder=begun) as run:
        assert await failing(run, hunt) == cure.get("fails", [])


def test_each_cure_is_of_a_hunt_that_there_is():
    assert {cure["hunt"] for cure in CURES} <= {each.name for each in HUNTS}


@each_hunt
def test_its_story_is_told_in_sentences(hunt):
    assert count_sentences(hunt.symptom) == 3
    assert count_sentences(hunt.was) == 4
    assert len(hunt.hints) == 3
    assert hunt.hints[0].endswith("?")
    # A repository and the number of a thread, where others have met it.
    assert re.match(r"[\w.-]+/[\w.-]+ #\d+(?: and [\w.-]+/[\w.-]+ #\d+)?: \w", hunt.met)


@each_hunt
def test_after_the_cure_all_of_its_story_is_printed(hunt, capsys):
    tell_the_story(hunt)
    told = " ".join(capsys.readouterr().out.split())
    met, cell = f"Met by others: {hunt.met}", f"Shown in {hunt.cell}"
    assert told == " ".join(f"{hunt.was} {met} {cell}".split())


def count_sentences(text):
    return len(re.findall(r"[.!?](?= [A-Z`/]|$)", text))


@each_hunt
def test_what_is_said_before_the_cure_names_none(hunt):
    told = [hunt.symptom, *(what_next(hunt, key, Evidence(hunt.folder)) for key in hunt.checks)]
    for edit in hunt.edits:
        code = {*words(edit.before), *words(edit.after)} - {*words(" ".join(told[:1]))}
        assert not [word for word in code if "_" in word and word in " ".join(told)]
    assert all(sentence(key) in next_ for key, next_ in zip(hunt.checks, told[1:], strict=True))


def words(text):
    return re.findall(r"\w+", text)


@each_hunt
def test_its_cell_is_there_and_shows_it(hunt):
    path, _, heading = hunt.cell.partition(": ")
    sources = ["".join(each["source"]) for each in json.loads((ROOT / path).read_text())["cells"]]
    found = re.findall(
        rf"^#+ {re.escape(heading)}$(.*?)(?=^##|\Z)", "\n\n".join(sources), re.M | re.S
    )
    assert len(found) == 1, "one heading of this name"
    assert hunt.shown
    assert hunt.shown in found[0], "the words that show it stand below it"


def test_all_kinds_of_mistakes_are_there():
    names = {each.name for each in HUNTS}
    assert set(KINDS.values()) <= names
    assert len(names) == len(HUNTS) >= FEWEST
    assert {each.stage.number for each in HUNTS} == set(range(1, find_stage("final").number + 1))


def test_each_check_is_known_and_each_special_one_is_used():
    used = {key for each in exercises() for key in (*each.checks, *each.keeps)}
    assert used <= {*capabilities(), *SPECIAL, *GATES}
    assert set(SPECIAL) <= used
