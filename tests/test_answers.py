"""The exercises under "Your turn" can be done with what stands there, and have these answers.

An answer is a cell of tests/answers/NOTEBOOK.py, below a line `# %% NUMBER`. It runs after the
lines that the exercise gives: those before the first exercise, and those of its own.
"""

import ast
import inspect
import json
import re
import textwrap
from pathlib import Path

import pytest

from chatflow import notebooks

ANSWERS = Path(__file__).parent / "answers"
BLOCK = re.compile(r"^ *```python\n(.*?)^ *```$", re.S | re.M)
EXERCISE = re.compile(r"^(\d+)\. ", re.M)
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


@pytest.mark.parametrize(("name", "number"), ANSWERED)
async def test_exercise_has_this_answer(name, number, monkeypatch):
    monkeypatch.chdir(notebooks.FOLDER)
    names, texts = {"display": print}, EXERCISES[name]
    await run(definitions(NOTEBOOKS[name]), f"{name}.ipynb", names)
    try:
        await run(given(texts[0]), "lines before the exercises", names)
        await run(given(texts[number]), f"lines of exercise {number}", names)
        await run(answers(name)[number], f"answers/{name}.py", names)
    finally:
        if "yours" in names:
            await names["yours"].aclose()


@pytest.mark.parametrize(("name", "number"), ANSWERED)
def test_answer_is_asserted(name, number):
    assert number in EXERCISES[name], f"notebook {name} has no exercise {number}"
    assert "assert " in answers(name)[number]
