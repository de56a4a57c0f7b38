"""The diff between neighbouring stages is the lesson, so steps.toml tells it, file by file."""

import difflib
import subprocess

import pytest

from chatflow import stages
from chatflow.catalog import ROOT, STEPS

NEIGHBOURS = list(zip(stages(), stages()[1:], strict=False))
MOST_FILES, MOST_LINES = 4, 80

pairs = pytest.mark.parametrize(
    ("before", "after"), [pytest.param(*pair, id=pair[1].name) for pair in NEIGHBOURS]
)


def files_of(stage):
    """{path in the stage's folder: text} of what git keeps there, or would keep."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", stage.folder]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [path for line in listed.stdout.splitlines() if (path := ROOT / line).exists()]
    return {str(path.relative_to(stage.folder)): path.read_text() for path in paths}


def changed_files(before, after):
    old, new = files_of(before), files_of(after)
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


def changed_python_lines(before, after):
    """How many lines of Python the step adds or removes."""
    old, new = files_of(before), files_of(after)
    changed = [path for path in changed_files(before, after) if path.endswith(".py")]
    return sum(changed_lines(old.get(path, ""), new.get(path, "")) for path in changed)


def changed_lines(old, new):
    diff = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0))[2:]
    return sum(line[0] in "+-" for line in diff)


@pairs
def test_changed_files_are_those_that_steps_toml_names(before, after):
    found = changed_files(before, after)
    assert found == set(after.changed), f"`changed` of {after.name} in steps.toml"
    assert list(after.changed) == sorted(after.changed)


@pairs
def test_a_big_step_says_why(before, after):
    files, lines = changed_files(before, after), changed_python_lines(before, after)
    if len(files) > MOST_FILES or lines > MOST_LINES:
        assert after.why_so_much, f"{len(files)} files, {lines} lines: say why in steps.toml"
    else:
        assert not after.why_so_much, "a step this small needs no excuse"


@pairs
def test_lines_that_stay_keep_their_order(before, after):
    """No reordering on the way: what both versions of a file have, they have in one order."""
    old, new = files_of(before), files_of(after)
    for path in changed_files(before, after) & old.keys() & new.keys():
        removed, added = moved_lines(old[path], new[path])
        moved = {line for line in removed & added if len(line.strip()) > 20}
        assert not moved, f"{after.name}/{path} moves lines that it could leave in place: {moved}"


def moved_lines(old, new):
    diff = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    removed = {line[2:] for line in diff if line.startswith("- ")}
    added = {line[2:] for line in diff if line.startswith("+ ")}
    return removed, added


def test_there_is_no_folder_that_steps_toml_does_not_know():
    folders = {path.name for path in STEPS.iterdir() if path.is_dir()}
    assert folders == {stage.name for stage in stages()}


def test_stages_are_numbered_from_1_without_gaps():
    assert [stage.number for stage in stages()] == list(range(1, len(stages()) + 1))


@pytest.mark.parametrize("stage", stages(), ids=lambda stage: stage.name)
def test_stage_has_the_shape_of_all_stages(stage):
    files = files_of(stage)
    server_file = "wsgi.py" if stage.server == "gunicorn" else "asgi.py"
    wanted = {"manage.py", f"websockets_channels/{server_file}", "chat/templates/chat/user.html"}
    assert wanted <= files.keys()
    empty = {path for path, text in files.items() if not text and not path.endswith("__init__.py")}
    assert not empty, "a file that a stage does not need is absent, not empty"
    known = {".py", ".html"}
    strays = {path for path in files if "." + path.rsplit(".", 1)[-1] not in known}
    assert not strays, "a stage is Python and templates; nothing else belongs in its folder"


@pytest.mark.parametrize("stage", stages(), ids=lambda stage: stage.name)
def test_stage_contains_none_of_our_own_tools(stage):
    text = "\n".join(files_of(stage).values())
    for word in ("chatflow", "flowtrace", "trace_id", "run_step"):
        assert word not in text, f"a stage stands alone; {word!r} belongs outside"
