"""The exercises under "Your turn" can be done with what stands there, and have these answers.

An answer is a cell of answers/NOTEBOOK.py, below a line `# %% NUMBER`. It runs after the lines that
the exercise gives: those before the first exercise, and those of its own. Lines of an exercise that
has no such answer run, too.
"""

import ast
import inspect
import json
import re
import textwrap
from pathlib import Path

import pytest

from chatflow.lesson import notebooks

ANSWERS = Path(__file__).parent / "answers"
BLOCK = re.compile(r"^ *```python\n(.*?)^ *```$", re.S | re.M)
EXERCISE = re.compile(r"^(\d+)\. ", re.M)
# What an exercise without such lines says of its start.
STARTS = re.compile(
    r"in a terminal|`\./scripts/|stage\(|starts (its own|what it needs)|on paper", re.IGNORECASE
)
# What a notebook has defined by the time a learner comes to its exercises, and costs nothing.
DEFINES = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def sources(path, kind):
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def exercises(path):
    """The text of each exercise by its number, and as number 0 what stands before the first."""
    [text] = [source for source in sources(path, "markdown") if "## Your turn" in source]
    text = text.split("## Your turn")[1].split("\n## ")[0]
    before, *rest = EXERCISE.split(text)
    return {0: before} | {
        int(number): body for number, body in zip(rest[::2], rest[1::2], strict=True)
    }


def given(text):
    return "\n".join(textwrap.dedent(lines) for lines in BLOCK.findall(text))


def answers(name):
    path = ANSWERS / f"{name}.py"
    parts = re.split(r"^# %% (\d+)\n", path.read_text() if path.is_file() else "", flags=re.M)
    return {int(number): code for number, code in zip(parts[1::2], parts[2::2], strict=True)}


NOTEBOOKS = {path.stem: path for path in sorted(notebooks.FOLDER.glob("*.ipynb"))}
EXERCISES = {name: exercises(path) for name, path in NOTEBOOKS.items()}
ASKED = [(name, number) for name, texts in EXERCISES.items() for number in texts if number]
ANSWERED = [(name, number) for name in NOTEBOOKS for number in answers(name)]


def constant(node):
    return isinstance(node, ast.Assign) and all(
        isinstance(target, ast.Name) and target.id.isupper() for target in node.targets
    )


def definitions(path):
    """A program of all that the notebook's cells import and define, in their order."""
    nodes = [node for source in sources(path, "code") for node in ast.parse(source).body]
    return ast.unparse([node for node in nodes if isinstance(node, DEFINES) or constant(node)])


async def run(source, name, names):
    code = compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if inspect.iscoroutine(result := eval(code, names)):
        await result


@pytest.mark.parametrize("name", NOTEBOOKS)
async def test_exercises_run_and_have_these_answers(name, monkeypatch):
    """One after the other in one kernel, as a learner does them."""
    monkeypatch.chdir(notebooks.FOLDER)
    monkeypatch.setenv("CHATFLOW_NOBODY", "1")  # nobody goes on with what an exercise makes
    names, texts, solved = {"display": print}, EXERCISES[name], answers(name)
    await run(definitions(NOTEBOOKS[name]), f"{name}.ipynb", names)
    try:
        await run(given(texts[0]), "lines before the exercises", names)
        for number in sorted(texts)[1:]:
            await run(given(texts[number]), f"lines of exercise {number}", names)
            await run(solved.get(number, ""), f"answer to exercise {number}", names)
    finally:
        if "yours" in names:
            await names["yours"].aclose()


@pytest.mark.parametrize(("name", "number"), ASKED)
def test_exercise_says_how_to_start_what_it_needs(name, number):
    ways = EXERCISES[name][0] + EXERCISES[name][number]
    assert given(ways) or STARTS.search(ways), (
        "give the lines that start it, or say in which terminal, or that nothing need be started"
    )


@pytest.mark.parametrize(("name", "number"), ANSWERED)
def test_answer_is_asserted(name, number):
    assert number in EXERCISES[name], f"notebook {name} has no exercise {number}"
    assert "assert " in answers(name)[number]
