"""practice.sh as a learner meets it: its verbs, its folder, and what it says of mistakes."""

import dataclasses
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatflow.basics.errors import MissingError
from chatflow.commands import practice as command
from chatflow.commands import terminal
from chatflow.practice import exercises as catalog
from chatflow.practice import workspace
from helpers import scripts

BEGUN = "05_inmemory_layer"


@pytest.fixture
def home(monkeypatch, tmp_path):
    """The folder practice/ of this test; not there yet."""
    monkeypatch.setattr(catalog, "PRACTICE", tmp_path / "practice")
    return catalog.PRACTICE


@pytest.fixture
def practice(home, capsys):
    """Call it with the words of a practice.sh that starts no stage; returns how it ended."""

    def run(words=""):
        try:
            code = command.main(words.split())
        except SystemExit as ended:
            code = ended.code
        return subprocess.CompletedProcess(words, code or 0, *capsys.readouterr())

    return run


# --- what is asked for cannot be ------------------------------------------------------------------

UNKNOWN = ["chek", "build", "build 12", "build final", "build x", "hunt deaftab", "check nowhere"]
NOTHING_BEGUN = ["check", "check --watch", "hint", "show", "reset", "check 5", "hint no_handler"]
NOT_TOGETHER = ["check --csv x", "check --limit 9", "check --all . --watch", "check 5 --all ."]
BAD = ["check --all nowhere", "check --all . --limit 0", "check --all . --limit x"]
BAD += ["check --all . --csv /nowhere/x"]


@pytest.mark.parametrize("words", UNKNOWN + NOTHING_BEGUN + NOT_TOGETHER + BAD)
def test_what_cannot_be_is_answered_with_one_sentence(practice, home, words):
    scripts.assert_one_sentence(practice(words), 2)
    assert not home.exists(), "nothing is begun by mistake"


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(practice):
    hunt = next(each for each in catalog.exercises() if each.kind == "hunt")
    scripts.assert_one_sentence(practice(f"hunt {hunt.name}s"), 2, f"did you mean {hunt.name}?")


# --- what there is to do --------------------------------------------------------------------------


def test_without_a_verb_it_says_in_three_lines_what_to_do(practice):
    before = practice().stdout.splitlines()
    practice("build 5")
    after = practice().stdout.splitlines()
    assert len(before) == len(after) == 3
    assert any("practice.sh build 5" in line for line in before)
    assert "build 5" in after[0]
    assert any("practice.sh check" in line for line in after)


def test_list_has_each_exercise_in_80_columns_and_whether_it_is_done(practice):
    practice("build 5")
    workspace.note_done(catalog.find("build", "2"))
    lines = practice("list").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    states = {" ".join(line.split()[:2]): line.split()[2] for line in lines[:-2]}
    assert states.keys() == {each.key for each in catalog.exercises()}
    assert {key for key in states if states[key] == "done"} == {"build 2"}
    assert {key for key in states if states[key] == "begun"} == {"build 5"}
    assert lines[-1].startswith(f"1 of {len(states)} ")


def test_hunt_without_a_name_is_the_next_that_is_not_done(practice):
    first, second, *_ = [each for each in catalog.exercises() if each.kind == "hunt"]
    assert f"hunt_{first.name}\n" in practice("hunt").stdout
    workspace.note_done(first)
    assert f"hunt_{second.name}\n" in practice("hunt").stdout
    for each in catalog.exercises():
        workspace.note_done(each)
    scripts.assert_one_sentence(practice("hunt"), 2, "All hunts are done")


def test_hunt_that_this_machine_cannot_try_is_marked_and_left_out(practice, monkeypatch):
    monkeypatch.setenv("CHATFLOW_HIDE", "nginx")
    needing = [each for each in catalog.exercises() if "nginx" in each.needs]
    assert needing
    listed = practice("list").stdout.splitlines()
    for each in needing:
        assert "(no nginx here)" in next(line for line in listed if line.startswith(each.key))
        scripts.assert_one_sentence(practice(each.key), 2, "needs nginx", "install it")
    assert "no nginx" not in "".join(line for line in listed if needing[0].key not in line)
    for each in catalog.exercises():
        if each not in needing:
            workspace.note_done(each)
    scripts.assert_one_sentence(practice("hunt"), 2, "the others need nginx")


def test_next_hunt_is_one_that_this_machine_can_try(practice, monkeypatch):
    first, second, *_ = [each for each in catalog.exercises() if each.kind == "hunt"]
    monkeypatch.setattr(catalog, "finders", lambda: {"a loom": no_loom})
    lacking = dataclasses.replace(first, needs=("a loom",))
    monkeypatch.setattr(command, "exercises", lambda: (lacking, second))
    assert f"hunt_{second.name}\n" in practice("hunt").stdout


def no_loom():
    raise MissingError("No loom to be had.")


def test_what_is_done_is_followed_by_what_is_next(practice):
    for begun, following in (("build 5", "build 6"), ("build 9", "hunt"), ("hunt", "hunt")):
        practice(begun)
        workspace.note_done(workspace.current())
        said = practice().stdout
        assert len(said.splitlines()) == 3
        assert f"is done. What is next: ./scripts/practice.sh {following}" in said


# --- the learner's folder -------------------------------------------------------------------------


def test_build_hands_out_the_stage_before_and_tells_the_goal_and_the_contract(practice, home):
    said = practice("build 05").stdout
    exercise = catalog.find("build", "5")
    for text in (exercise.goal, *exercise.contract, *exercise.stage.changed):
        assert " ".join(text.split()) in " ".join(said.split())
    assert same(home / BEGUN, exercise.start.folder)
    assert "--folder" in said
    assert "a copy of stage 4. Make it stage 5" in " ".join(said.split())
    assert "chat/groups.py (new)" in said
    assert "chat/views.py (new)" not in said
    assert exercise.stage.notebook in said


def test_what_a_trace_hides_is_not_to_be_run_with_one(practice):
    assert "--flow" in practice("hunt fifty_people").stdout
    assert "--flow" not in practice("hunt one_of_two").stdout


def same(one, other):
    return list(command.differences(one, other)) == []


def test_what_was_begun_is_gone_on_with_and_reset_loses_nothing(practice, home):
    practice("build 5")
    mine = home / BEGUN / "chat" / "mine.py"
    mine.write_text("MINE = 1\n")
    practice("build 6")
    assert "begun build 5 before" in practice("build 5").stdout
    assert mine.exists()
    for number in (1, 2):
        practice("reset")
        assert same(home / BEGUN, catalog.find("build", "5").start.folder)
        assert (home / "before" / f"{BEGUN}-{number}").is_dir()
    assert (home / "before" / f"{BEGUN}-1" / "chat" / "mine.py").read_text() == "MINE = 1\n"


def test_a_copy_that_was_broken_off_is_not_taken_for_one(practice, home):
    (home / f".{BEGUN}.new" / "chat").mkdir(parents=True)
    (home / f".{BEGUN}.new" / "half.py").touch()
    practice("build 5")
    assert same(home / BEGUN, catalog.find("build", "5").start.folder)


def test_hints_go_from_a_question_to_nearly_the_answer_and_stay_there(practice):
    practice("build 5")
    hints = catalog.find("build", "5").hints
    for number in (1, 2, 3, 3):
        said = " ".join(practice("hint").stdout.split())
        assert said.startswith(f"Hint {number} of 3")
        assert " ".join(hints[number - 1].split()) in said
        assert said.endswith("Another one: hint." if number < 3 else "That was the last one: show.")
    practice("build 6")
    assert practice("hint").stdout.startswith("Hint 1")
    assert practice("hint 5").stdout.startswith("Hint 3")


def test_show_is_the_difference_from_what_the_learner_has_to_the_stage(practice, home, tmp_path):
    practice("build 5")
    said = practice("show").stdout
    assert "--- yours/chat/consumers.py\n+++ stage/chat/consumers.py\n@@" in said
    assert "\033" not in said, "no colours in a file"
    scripts.git(tmp_path, "init", "--quiet")
    diff = said.replace("--- yours/", f"--- a/practice/{BEGUN}/")
    (tmp_path / "show.patch").write_text(diff.replace("+++ stage/", f"+++ b/practice/{BEGUN}/"))
    scripts.git(tmp_path, "apply", "show.patch")
    assert practice("show").stdout == ""


def test_what_an_editor_writes_beside_a_file_is_no_part_of_the_stage(practice, home):
    practice("build 5")
    before = list(workspace.own_files(home / BEGUN))
    for name in (".views.py.swp", "views.py~", "__pycache__/views.pyc"):
        path = home / BEGUN / "chat" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert list(workspace.own_files(home / BEGUN)) == before
    assert home / BEGUN / "chat" / "views.py" in before


def test_table_of_grades_is_only_begun_when_all_folders_are_there(practice, tmp_path):
    (tmp_path / "grades.csv").write_text("last week's")
    done = practice(f"check --all {tmp_path} {tmp_path}/nowhere --csv {tmp_path}/grades.csv")
    scripts.assert_one_sentence(done, 2, "nowhere")
    assert (tmp_path / "grades.csv").read_text() == "last week's"


def test_colours_are_for_terminals_whose_user_wants_them(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for variable, is_coloured in (("OTHER", True), ("NO_COLOR", False)):
        monkeypatch.setenv(variable, "1")
        monkeypatch.setenv("TERM", "xterm")
        terminal.print_diff(["+++ b", "+ new", "  same"])
        assert ("\033[32m+ new\033[0m\n  same\n" in capsys.readouterr().out) == is_coloured


# --- what is remembered ---------------------------------------------------------------------------

GARBAGE = {
    "half": b'{"done": {',
    "no text": b"\xff\xfe\x00",
    "a list": b"[]",
    "no table": b'{"done": null}',
    "no number": b'{"hints": {"build 5": "two"}}',
    "no word": b'{"current": 5}',
}


@pytest.mark.parametrize("what", GARBAGE)
def test_progress_that_makes_no_sense_is_answered_with_one_sentence(practice, home, what):
    practice("build 5")
    (home / "progress.json").write_bytes(GARBAGE[what])
    for words in ("", "list", "hint", "check", "build 5"):
        done = practice(words)
        scripts.assert_one_sentence(done, 2, "progress.json", "remove it")
    assert (home / "progress.json").read_bytes() == GARBAGE[what]
    (home / "progress.json").unlink()
    assert practice("build 5").returncode == 0


def test_folder_that_is_none_is_answered_with_one_sentence(practice, home):
    home.write_text("a file")
    scripts.assert_one_sentence(practice("build 5"), 2, "cannot be used")
    home.unlink()
    (home / "progress.json").mkdir(parents=True)
    scripts.assert_one_sentence(practice("build 5"), 2, "cannot be used")


def test_folder_that_cannot_be_written_is_answered_with_one_sentence(practice, home):
    home.mkdir()
    home.chmod(0o555)
    if os.access(home, os.W_OK):
        pytest.skip("Root may write anywhere: run the tests as another user.")
    scripts.assert_one_sentence(practice("build 5"), 2, "cannot be used")


def test_folder_that_was_renamed_or_is_not_whole_is_answered_with_one_sentence(practice, home):
    practice("build 5")
    (home / BEGUN).rename(home / "mine")
    for words in ("check", "hint", "show", f"check {home / BEGUN}"):
        scripts.assert_one_sentence(practice(words), 2, "another name", "practice.sh build 5")
    (home / "mine").rename(home / BEGUN)
    (home / BEGUN / "manage.py").unlink()
    scripts.assert_one_sentence(practice("check"), 2, "manage.py", "practice.sh reset 5")
    assert practice("reset 5").returncode == 0
    assert practice("hint").returncode == 0


def test_what_many_note_at_once_is_all_remembered(home):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(workspace.note_done, catalog.exercises()))
    assert workspace.read()["done"].keys() == {each.key for each in catalog.exercises()}


# --- two flows in a terminal ----------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "are_beside"), [(160, True), (80, False)])
def test_two_flows_stand_beside_each_other_where_there_is_room(
    monkeypatch, capsys, columns, are_beside
):
    monkeypatch.setenv("COLUMNS", str(columns))
    yours, ours = (
        ["1. is alike", "2. yours"],
        ["1. is alike", "2. ours " + 40 * "and more ", "3. x"],
    )
    terminal.print_pair(("Yours", "Ours"), (yours, ours), (1, 1))
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= columns
    assert (
        any("▶ 2. yours" in line and "▶ 2. ours" in line for line in said.splitlines())
        == are_beside
    )
    assert said.count("▶") == 2, "in each of them the hop that differs is marked"


def test_where_one_flow_ends_before_the_other_its_end_is_marked(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    terminal.print_pair(("Yours", "Ours"), (["1. a"], ["1. a", "2. b"]), (1, 1))
    said = capsys.readouterr().out
    assert "▶ here it ends" in said
    assert "▶ 2. b" in said
