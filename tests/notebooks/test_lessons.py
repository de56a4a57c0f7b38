"""What the notebooks show beside flows: predictions, listings, time axes."""

from xml.etree import ElementTree

import pytest

from chatflow import Row, Span, diff, find_stage, predict, show, show_lab, timeline
from chatflow.basics.errors import UsageError
from chatflow.lesson.predict import score

WAITS = [Span(0.5, 2, "waits for a thread", "lost"), Span(2, 2.5, "", "done")]
ROWS = [
    Row("stage 02", "reader 1", [Span(0, 2, "waits")]),
    Row("stage 02", "alice", WAITS),
    Row("stage 03", "reader 1", [Span(0, 0.25, "a label that is too long", "done")]),
]


RIGHT = [(["bob", "alice"], ["alice", "bob"]), ([], []), (404, 404)]
WRONG = [(["alice"], []), (404, "404"), (True, False)]


@pytest.mark.parametrize(("answer", "happened"), RIGHT + WRONG)
def test_prediction_is_graded_by_what_happened(capsys, answer, happened):
    right = (answer, happened) in RIGHT
    assert predict("Who?", answer).grade(happened, because="That is why.") is right
    said = capsys.readouterr().out
    assert ("Right." in said) is right
    assert ("That is why." in said) is not right


NEAR = [(20, 17), (6, 17), (53, 17), (100, 74.5), (24.0, 74)]
FAR = [(5, 17), (54, 17), (1, 17), (1000, 74)]
# What can be counted is counted.
COUNTED = [(9, 10), (1, 2)]
# Nothing, less than nothing, more than a float can be, no number, a word, yes.
NO_ESTIMATES = [(0, 17), (-17, 17), (10**400, 17), (float("nan"), 17), ("17", 17), (True, 17)]


@pytest.mark.parametrize(("answer", "happened"), NEAR + FAR + COUNTED + NO_ESTIMATES)
def test_number_is_graded_by_its_order_of_magnitude(capsys, answer, happened):
    near = (answer, happened) in NEAR
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


def test_score_counts_each_question_once_and_names_those_that_were_missed(capsys, monkeypatch):
    monkeypatch.setattr("chatflow.lesson.predict.ASKED", {})
    predict("Who?", ["bob"]).grade([])
    predict("Who?", ["bob", "alice"]).grade(["alice"])  # the cell was run again
    predict("How many?", 20).grade(17)
    predict("Is it?", True).grade(True)
    late = predict("And then?", 404)
    capsys.readouterr()
    score()
    missed = "- Who?\n  You said alice, bob. It was alice.\n"
    open_one = "Not graded yet: 1. Run the cells above, from the top.\n"
    assert capsys.readouterr().out == f"Predictions that were right: 2 of 4\n{open_one}{missed}"
    late.grade(500, exactly=True)
    capsys.readouterr()
    score()
    also = "- And then?\n  You said 404. It was 500.\n"
    assert capsys.readouterr().out == f"Predictions that were right: 2 of 4\n{missed}{also}"


def test_listing_is_the_real_source():
    text = (find_stage(4).folder / "chat/consumers.py").read_text()
    assert show(4, "chat/consumers.py").text == text
    part = show(4, "chat/consumers.py", "RefusingConsumer")
    assert part.text in text
    assert part.text.startswith("class RefusingConsumer")
    assert "```python" in part._repr_markdown_()


def test_listing_of_a_function_has_its_decorators_a_method_stands_at_the_margin():
    for where, begins in {
        (2, "chat/views.py", "messages"): "@require_safe\ndef messages(",
        (9, "chat/models.py", "count_up"): "@classmethod\ndef count_up(cls, name):",
        (2, "chat/views.py", "WAIT_SECONDS"): "WAIT_SECONDS =",
    }.items():
        assert show(*where).text.startswith(begins)
    assert "async def application" in show_lab("raw_asgi", "application").text


@pytest.mark.parametrize("wrong", [("chat/nothing.py",), ("chat/views.py", "nothing")])
def test_listing_of_what_is_not_there_says_so(wrong):
    with pytest.raises(UsageError, match="nothing"):
        show(4, *wrong)


def test_diff_shows_exactly_the_files_that_change():
    text = diff(4, 5).text
    changed = {line.split("b/")[1] for line in text.splitlines() if line.startswith("+++ ")}
    folder = find_stage(5).folder
    assert changed == {path for path in find_stage(5).changed if (folder / path).read_text()}
    assert "-        await self.send_json(message.as_event())" in text
    assert diff(4, 5, "chat/consumers.py").text.count("+++ ") == 1


def test_diff_is_in_colour_and_still_read_where_colours_are_stripped():
    shown = diff(4, 5, "chat/consumers.py")
    page = ElementTree.fromstring(f"<div>{shown._repr_html_()}</div>")
    assert "".join(page.find("pre").itertext()) == shown.text.strip(), "each sign stays"
    blocks = {block.text[0]: block for block in page.iter("span") if block.text[:3] != "---"}
    assert set(blocks) == {"+", "-", "@"}
    looks = {block.get("style") for block in blocks.values()}
    assert len(looks) == 3, "each in its own colour"
    assert all("background-color: rgba(" in look for look in looks), "letters: the theme's own"
    for sign, block in blocks.items():
        assert {line[0] for line in block.text.splitlines()} == {sign}


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
    assert set(picture._repr_mimebundle_()[0]) == {"image/svg+xml", "image/png", "text/plain"}
