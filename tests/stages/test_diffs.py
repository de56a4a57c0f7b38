"""The diff between neighbouring stages is the lesson, so steps.toml tells it, file by file."""

import difflib
import re
import subprocess
from pathlib import PurePath

import pytest

from chatflow import find_stage, stages
from chatflow.basics.catalog import ROOT, STEPS
from chatflow.lesson.sources import code_lines
from helpers.missing import need_git

NEIGHBOURS = list(zip(stages(), stages()[1:], strict=False))
MOST_FILES, MOST_LINES = 4, 80

# chat_final can be read in one sitting: the app's lines of code, and the lines of a module.
MOST_CODE, LONGEST_MODULE = 1100, 200
# And it stands alone: what it has beside its Python and its templates.
BESIDE_CODE = ("README.md", "chat/static/", "deploy/", "requirements.in", "requirements.txt")
BESIDE_CODE += ("screenshots/",)

pairs = pytest.mark.parametrize(
    ("before", "after"), [pytest.param(*pair, id=pair[1].name) for pair in NEIGHBOURS]
)


def files_of(stage):
    """{path in the stage's folder: text} of what git keeps there, or would keep."""
    need_git()
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", stage.folder]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [path for line in listed.stdout.splitlines() if (path := ROOT / line).exists()]
    # A screenshot is no text, but one has changed or it has not.
    return {
        str(path.relative_to(stage.folder)): path.read_text(errors="surrogateescape")
        for path in paths
    }


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
        one, other = own_lines(old[path]), own_lines(new[path])
        stayed = [line for line in one if line in other]
        now = [line for line in other if line in one]
        moved = [line for line in difflib.ndiff(stayed, now) if line[0] in "+-"]
        assert not moved, f"{after.name}/{path} moves lines that it could leave in place: {moved}"


def own_lines(text):
    """The lines that tell a place of a file from all others."""
    lines = text.splitlines()
    return [line for line in lines if len(line.strip()) > 20 and lines.count(line) == 1]


def test_there_is_no_folder_that_steps_toml_does_not_know():
    folders = {path.name for path in STEPS.iterdir() if path.is_dir()}
    assert folders == {stage.name for stage in stages() if stage.folder.parent == STEPS}


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
    strays = {path for path in files if not belongs(stage, path)}
    assert not strays, "a stage is Python and templates; nothing else belongs in its folder"
    for word in ("chatflow", "flowtrace", "trace_id", "run_step"):
        found = [path for path, text in files.items() if word in text]
        assert not found, f"a stage stands alone; {word!r} belongs outside"


def belongs(stage, path):
    if PurePath(path).suffix in (".py", ".html"):
        return True
    return stage.key == "final" and path.startswith(BESIDE_CODE)


# --- how much chat_final is to read -------------------------------------------------------------


def test_app_of_chat_final_has_at_most_1100_lines_of_code_and_its_readme_says_how_many():
    app, project = counted_lines("chat"), counted_lines("websockets_channels")
    assert len(app) > 10, "the app is in chat_final/chat"
    assert sum(app.values()) <= MOST_CODE, f"each line must earn its place: {app}"
    readme = files_of(find_stage("final"))["README.md"]
    assert f"`chat/` has {sum(app.values()):,} lines of Python" in readme
    assert f"`websockets_channels/` {sum(project.values()):,}, counted" in readme


def counted_lines(part):
    """{path: lines of code} of a folder of chat_final, without migrations and tests."""
    return {
        path: code_lines(text)
        for path, text in python_files(find_stage("final")).items()
        if path.startswith(f"{part}/") and not re.search(r"/migrations/|/tests\b", path)
    }


def test_no_module_of_chat_final_is_long():
    lengths = {
        path: len(text.splitlines()) for path, text in python_files(find_stage("final")).items()
    }
    too_long = {path: length for path, length in lengths.items() if length > LONGEST_MODULE}
    assert not too_long, f"more than {LONGEST_MODULE} lines: {too_long}"


def python_files(stage):
    return {path: text for path, text in files_of(stage).items() if path.endswith(".py")}


def test_code_lines_are_counted_as_cloc_counts_them():
    text = (
        '"""Two\nlines."""\n\n# why\ndef f(x):\n    """What."""\n    return (\n        x\n    )\n'
    )
    assert code_lines(text) == 4
