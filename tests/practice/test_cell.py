"""What the last cells of a notebook show: how to begin, what a check says, and two pictures."""

import re

import pytest

from chatflow.drawing.picture import draw
from chatflow.practice import cell, workspace
from chatflow.practice import exercises as catalog
from chatflow.practice.checking import Verdict
from drawing import flows

BUILD = catalog.find("build", "5")


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setattr(catalog, "PRACTICE", tmp_path / "practice")
    return catalog.PRACTICE


async def test_cell_of_an_exercise_that_is_not_begun_says_how_to_begin(home, monkeypatch):
    shown = await cell.practise(5)
    assert "type `./scripts/practice.sh build 5`" in repr(shown)
    assert shown._repr_markdown_() == repr(shown)
    workspace.hand_out(BUILD)
    monkeypatch.setattr(cell, "NOBODY", True)
    assert repr(await cell.practise(5)) == repr(shown), "what is committed shows nobody's folder"


def test_progress_lists_what_is_begun_and_what_is_done(home, monkeypatch):
    nothing = repr(cell.progress())
    assert nothing.startswith("Nothing is begun")
    workspace.hand_out(BUILD)
    assert "| `build 5` | begun |" in repr(cell.progress())
    workspace.note_done(BUILD)
    assert re.search(r"\| `build 5` \| done on \d{4}-\d\d-\d\d \|", repr(cell.progress()))
    assert f"1 of {len(catalog.exercises())} are done" in repr(cell.progress())
    monkeypatch.setattr(cell, "NOBODY", True)
    assert repr(cell.progress()) == nothing


def test_verdict_is_told_and_its_pictures_stand_beside_each_other():
    pictures = tuple(draw(flows.two_instances_on_redis(), mark=2) for _ in range(2))
    verdict = Verdict(BUILD, ["a <b>"], ["c"], ["d"], "do this", pictures, (2, 2))
    shown = cell.Checked(verdict)
    assert repr(shown).splitlines() == ["✓ a <b>", "✗ c", "– d (not tried yet)", "Next: do this"]
    page = shown._repr_html_()
    assert "a &lt;b&gt;" in page
    titles = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert [title.partition(":")[0] for title in titles] == [
        "Your message",
        "The same message in our stage 05",
    ]
    assert page.count('src="data:image/svg+xml;base64,') == 2


def test_only_our_picture_is_shown_where_the_learners_message_has_left_no_trace():
    shown = cell.Checked(
        Verdict(BUILD, fails=["c"], next="do", pictures=(draw(flows.two_instances_on_redis()),))
    )
    assert re.findall("<figcaption>(.*?)</figcaption>", shown._repr_html_()) == [
        "The same message in our stage 05."
    ]
    assert cell.pair(Verdict(BUILD)) == ""
