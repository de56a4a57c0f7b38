"""What the notebooks show beside flows: predictions, listings, time axes."""

from xml.etree import ElementTree

import pytest

from chatflow import Row, Span, diff, find_stage, predict, show, show_lab, timeline
from chatflow.basics.errors import UsageError

WAITS = [Span(0.5, 2, "waits for a thread", "lost"), Span(2, 2.5, "", "done")]
ROWS = [
    Row("stage 02", "reader 1", [Span(0, 2, "waits")]),
    Row("stage 02", "alice", WAITS),
    Row("stage 03", "reader 1", [Span(0, 0.25, "a label that is too long", "done")]),
]


@pytest.mark.parametrize(
    ("answer", "happened", "right"),
    [
        (["bob", "alice"], ["alice", "bob"], True),
        ([], [], True),
        (["alice"], [], False),
        (404, 404, True),
        (404, "404", False),
        (True, False, False),
    ],
)
def test_prediction_is_graded_by_what_happened(capsys, answer, happened, right):
    assert predict("Who?", answer).grade(happened, because="That is why.") is right
    said = capsys.readouterr().out
    assert ("Right." in said) is right
    assert ("That is why." in said) is not right


@pytest.mark.parametrize(
    ("answer", "happened", "near"),
    [
        (20, 17, True),
        (6, 17, True),
        (5, 17, False),
        (53, 17, True),
        (54, 17, False),
        (1, 17, False),
        (100, 74.5, True),
        (24.0, 74, True),
        (1000, 74, False),
        # What can be counted is counted.
        (9, 10, False),
        (1, 2, False),
        # No estimates: nothing, less than nothing, more than a float can be, a word, yes.
        (0, 17, False),
        (-17, 17, False),
        (10**400, 17, False),
        (float("nan"), 17, False),
        ("17", 17, False),
        (True, 17, False),
    ],
)
def test_number_is_graded_by_its_order_of_magnitude(capsys, answer, happened, near):
    assert predict("How many?", answer).grade(happened, because="That is why.") is near
    said = capsys.readouterr().out
    assert ("The right order of magnitude. That is why." in said) is near
    assert ("Not this time. That is why." in said) is not near


def test_number_that_is_met_is_simply_right_and_a_code_is_no_quantity(capsys):
    assert predict("How many?", 17).grade(17, because="That is why.")
    assert capsys.readouterr().out.endswith("  Right.\n")
    assert not predict("Which status?", 403).grade(404, exactly=True)
    assert predict("Which status?", 404).grade(404, exactly=True)
    assert "order of magnitude" not in capsys.readouterr().out


def test_nobody_and_yes_are_said_in_words(capsys):
    predict("Who?", []).grade(True)
    assert "nobody" in (said := capsys.readouterr().out)
    assert "yes" in said


def test_listing_is_the_real_source():
    text = (find_stage(4).folder / "chat/consumers.py").read_text()
    assert show(4, "chat/consumers.py").text == text
    part = show(4, "chat/consumers.py", "RefusingConsumer")
    assert part.text in text
    assert part.text.startswith("class RefusingConsumer")
    assert "```python" in part._repr_markdown_()


@pytest.mark.parametrize(
    ("where", "begins"),
    [
        ((2, "chat/views.py", "messages"), "@require_safe\ndef messages("),
        ((9, "chat/models.py", "count_up"), "@classmethod\ndef count_up(cls, name):"),
        ((2, "chat/views.py", "WAIT_SECONDS"), "WAIT_SECONDS ="),
    ],
    ids=["function with its decorators", "method, at the margin", "assignment"],
)
def test_listing_of_a(where, begins):
    assert show(*where).text.startswith(begins)


@pytest.mark.parametrize("wrong", [("chat/nothing.py",), ("chat/views.py", "nothing")])
def test_listing_of_what_is_not_there_says_so(wrong):
    with pytest.raises(UsageError, match="nothing"):
        show(4, *wrong)


def test_lab_is_listed_too():
    assert "async def application" in show_lab("raw_asgi", "application").text


def test_diff_shows_exactly_the_files_that_change():
    text = diff(4, 5).text
    changed = {line.split("b/")[1] for line in text.splitlines() if line.startswith("+++ ")}
    folder = find_stage(5).folder
    assert changed == {path for path in find_stage(5).changed if (folder / path).read_text()}
    assert "-        await self.send_json(message.as_event())" in text
    assert diff(4, 5, "chat/consumers.py").text.count("+++ ") == 1


def test_time_axis_has_a_bar_for_each_span_at_its_place():
    picture = timeline("Waiting", ROWS)
    svg = ElementTree.fromstring(picture.svg)
    spans = [group for group in svg.iter() if group.get("class") == "span"]
    assert [group.get("data-kind") for group in spans] == ["waiting", "lost", "done", "done"]
    bars = [group[0] for group in spans]
    starts = [float(bar.get("x")) for bar in bars]
    assert starts[0] == starts[3] < starts[1] < starts[2]
    assert float(bars[0].get("width")) == pytest.approx(4 / 3 * float(bars[1].get("width")), 0.01)


def test_time_axis_writes_labels_that_fit_and_says_all_in_words_too():
    picture = timeline("Waiting", ROWS)
    drawn = picture.svg.split("</desc>")[1]
    assert "waits for a thread" in drawn
    assert "too long" not in drawn
    assert "stage 02, alice: waits for a thread, 0.50 s to 2.00 s" in repr(picture)
    assert set(picture._repr_mimebundle_()) == {"image/svg+xml", "image/png", "text/plain"}
