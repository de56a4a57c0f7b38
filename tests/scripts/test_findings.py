"""What findings/ promises, without running any: each script is listed, pinned and executable."""

import ast
import os
import re

import pytest

from chatflow.basics.catalog import ROOT

FOLDER = ROOT / "findings"
OURS = ("chat", "chatflow", "flowtrace", "websockets_channels")
README = (FOLDER / "README.md").read_text()
SCRIPTS = sorted(path for path in FOLDER.glob("*.sh") if path.name != "lib.sh")
each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


def packages(script):
    """What the script installs, as pip is told it."""
    return re.search(r"^install (.+)$", script.read_text(), re.MULTILINE)[1].split()


def rows():
    return [line for line in README.splitlines() if line.startswith("| [`")]


def test_readme_lists_the_scripts_that_there_are_and_there_are_enough():
    listed = [re.match(r"\| \[`(.+?)`\]\((.+?)\) \|", row).groups() for row in rows()]
    assert sorted(listed) == [(path.name, path.name) for path in SCRIPTS], (
        "findings/README.md has a row for each script in findings/, and for nothing else."
    )
    assert len(SCRIPTS) >= 6


@each_script
def test_script_can_be_run_and_installs_the_pinned_versions_that_its_row_names(script):
    cells = [row.split("|")[2] for row in rows() if f"`{script.name}`" in row]
    named = re.findall(r"([a-z][a-z0-9-]*) (\d+(?:\.\w+)+)", " ".join(cells))
    assert named, f"The row of {script.name} in findings/README.md names no package and version."
    for name, version in named:
        assert f"{name}=={version}" in packages(script), (
            f"findings/README.md says {name} {version}, and {script.name} installs another."
        )
    assert os.access(script, os.X_OK), f"Make it executable: chmod +x findings/{script.name}"
    loose = [word for word in packages(script) if not re.fullmatch(r"[\w\[\],-]+==[\w.]+", word)]
    assert not loose, f"{script.name} installs {loose} in any version: pin it with ==."


@each_script
def test_program_is_python_without_code_of_this_project(script):
    program = re.search(r"<<'PYTHON'\n(.*)^PYTHON$", script.read_text(), re.DOTALL | re.MULTILINE)
    nodes = [*ast.walk(ast.parse(program[1]))]
    imported = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    imported += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    ours = {name for name in imported if name.split(".")[0] in OURS}
    assert not ours, f"{script.name} imports {ours}: a finding is about libraries alone."
