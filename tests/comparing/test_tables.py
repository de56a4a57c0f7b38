"""Tables that are kept: what differs, the page, the words of `compare.sh`, and the game."""

import copy
import json
import re

import pytest

from chatflow.basics.errors import MissingError
from chatflow.bench import measuring
from chatflow.commands import compare
from chatflow.comparing import guessing, page, tables

ROWS = [
    {"key": "opens", "group": "First", "title": "opens", "cells": {"old": "yes", "new": "no"}},
    {
        "key": "closes",
        "group": "Then",
        "title": "closes | ends",
        "cells": {"old": "1000", "new": "<1006>"},
        "means": "Look twice.",
    },
]
FACTS = {"columns": ["old", "new"], "rows": ROWS, "date": "2026-11-28", "versions": {"old": "1.0"}}


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Keeps FACTS as the table "small", in a folder of the test's own."""
    for module in (measuring, tables):
        monkeypatch.setattr(module, "KEPT", tmp_path)
    (tmp_path / "small.json").write_text(json.dumps(FACTS))
    return tmp_path


# --- what differs -----------------------------------------------------------------------------


def test_nothing_differs_from_itself():
    assert tables.differences(FACTS, copy.deepcopy(FACTS)) == []


def test_a_changed_a_new_and_a_lost_cell_are_told():
    now = copy.deepcopy(FACTS)
    now["rows"][0]["cells"]["new"] = "yes"
    now["rows"][1] = {"key": "waits", "title": "waits", "cells": {"old": "1 s"}}
    assert tables.differences(FACTS, now) == [
        "opens, new: it was 'no', and is 'yes'",
        "closes | ends, old: it was '1000', and is 'not there'",
        "closes | ends, new: it was '<1006>', and is 'not there'",
        "waits, old: it was 'not there', and is '1 s'",
    ]


def test_a_report_prints_what_differs_and_keeps_only_if_asked(kept, capsys):
    now = copy.deepcopy(FACTS)
    now["rows"][0]["cells"]["new"] = "yes"
    before = (kept / "small.json").read_text()
    tables.report("small", now, save=False)
    assert "opens, new: it was 'no', and is 'yes'" in capsys.readouterr().out
    assert (kept / "small.json").read_text() == before
    tables.report("small", FACTS, save=False)
    assert "Each cell is as it is kept." in capsys.readouterr().out


# --- other Pythons ----------------------------------------------------------------------------


def of(python, **facts):
    return {**copy.deepcopy(FACTS), "machine": f"2 cores, Linux x86_64, Python {python}.7", **facts}


@pytest.mark.parametrize(
    ("python", "cell"), [("3.9", "no"), ("3.11", "no"), ("3.13", "late"), ("3.14", "late")]
)
def test_a_cell_that_is_otherwise_since_a_python_is_expected_so(python, cell):
    facts = of("3.11", pythons={"3.13": {"opens": {"new": "late"}}})
    assert tables.expected(facts, python) == tables.cells(FACTS) | {("opens", "new"): cell}


def test_of_another_python_only_what_is_otherwise_is_kept(monkeypatch):
    monkeypatch.setattr(tables, "describe_machine", lambda: "2 cores, Python 3.13.0")
    now = copy.deepcopy(FACTS)
    now["rows"][0]["cells"]["new"] = "late"
    both = tables.merged(of("3.11"), now)
    assert both == of("3.11", pythons={"3.13": {"opens": {"new": "late"}}})
    assert tables.other_pythons(both) == "From Python 3.13 on: *opens*, new: late."


def test_what_an_earlier_python_did_so_is_not_kept_twice(monkeypatch):
    monkeypatch.setattr(tables, "describe_machine", lambda: "2 cores, Python 3.13.0")
    before = of("3.11", pythons={"3.12": {"opens": {"new": "late"}}})
    now = copy.deepcopy(FACTS)
    now["rows"][0]["cells"]["new"] = "late"
    assert tables.merged(before, now) == before


def test_what_is_kept_of_other_pythons_stays(monkeypatch):
    monkeypatch.setattr(tables, "describe_machine", lambda: "4 cores, Python 3.11.9")
    pythons = {"3.13": {"opens": {"new": "late"}}}
    assert tables.merged(of("3.11", pythons=pythons), FACTS) == {**FACTS, "pythons": pythons}


# --- a table, for a page and for a notebook ---------------------------------------------------


def test_markdown_has_a_table_for_each_group_and_what_it_means():
    lines = tables.as_markdown(FACTS).splitlines()
    assert lines[:5] == [
        "### First",
        "",
        "|  | old | new |",
        "| --- | --- | --- |",
        "| opens | yes | no |",
    ]
    assert r"| closes \| ends | 1000 | <1006> |" in lines
    assert lines[-1] == "- *closes | ends*: Look twice."


def test_html_has_the_same_cells_escaped():
    html = tables.as_html(FACTS)
    assert re.findall("<td [^>]*>(.*?)</td>", html) == [
        "opens",
        "yes",
        "no",
        "closes | ends",
        "1000",
        "&lt;1006&gt;",
    ]
    assert html.count("colspan") == 2


def test_some_rows_of_a_table():
    assert [row["key"] for row in tables.only(FACTS, "closes")["rows"]] == ["closes"]


# --- the page ---------------------------------------------------------------------------------


def test_the_page_shows_what_is_kept():
    for path, text in page.pages().items():
        assert path.read_text() == text, "run ./scripts/compare.sh report"


def test_a_cell_put_in_by_hand_is_not_on_the_page(monkeypatch):
    found, wrong = tables.found, copy.deepcopy(tables.found("servers"))
    wrong["rows"][0]["cells"]["daphne"] = "404"
    monkeypatch.setattr(tables, "found", lambda name: wrong if name == "servers" else found(name))
    assert page.COMPARED.read_text() != page.pages()[page.COMPARED]


def test_a_table_that_is_not_kept_says_how_to_measure_it(kept):
    assert page.part("servers") == "Not measured yet: `./scripts/compare.sh servers --keep`."


def test_neighbours_that_are_alike_share_a_column():
    rows = [
        {"key": "a", "title": "a", "cells": {"01": "green", "02": "green", "03": "red"}},
        {"key": "b", "title": "b", "cells": {"01": "red", "02": "red", "03": "red"}},
    ]
    shown = tables.narrowed({"columns": ["01", "02", "03"], "rows": rows})
    assert shown["columns"] == ["01 to 02", "03"]
    assert list(tables.printed(shown)) == [["a", "green", "red"], ["b", "red", "red"]]


# --- the game ---------------------------------------------------------------------------------


def test_the_share_counts_what_was_guessed_right(kept):
    guesses = {("opens", "old"): "yes", ("opens", "new"): "yes", ("closes", "old"): "1000"}
    assert guessing.share("small", guesses) == (2, 3)


def test_a_guess_about_no_cell_does_not_count(kept):
    assert guessing.share("small", {("opens", "newest"): "yes"}) == (0, 0)


# --- compare.sh -------------------------------------------------------------------------------


def test_an_unknown_word_says_which_there_are(capsys):
    with pytest.raises(SystemExit):
        compare.main(["browsers"])
    assert re.search(r"invalid choice: 'browsers' \(choose from .*servers", capsys.readouterr().err)


def test_guesses_without_a_table_say_what_to_run(kept):
    (kept / "small.json").unlink()
    with pytest.raises(MissingError, match=r"run \./scripts/compare\.sh small --keep"):
        guessing.share("small", {})
