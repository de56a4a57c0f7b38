"""Every notebook runs from top to bottom, prints what is committed, and leaves nothing behind."""

import ast
import asyncio
import contextlib
import json
import re
import secrets
from pathlib import Path

import psutil
import pytest

from chatflow.basics.errors import MissingError
from chatflow.basics.hidden import KNOWN, VARIABLE
from chatflow.clients import browser
from chatflow.lesson import notebooks
from chatflow.running.labs import LABS
from helpers.missing import PARTLY

BROWSER = "chatflow.clients.browser"


def code_cells(path):
    return [cell for cell in notebooks.read(path).cells if cell.cell_type == "code"]


def sources(path):
    """The code of the cells, by json: nbformat also checks all that it reads, and takes longer."""
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def drives_a_browser(path):
    """Whether a notebook, or a lab that it names, imports our browser."""
    code = "\n".join(sources(path))
    labs = [lab for lab in LABS.glob("*.py") if re.search(rf"\b{lab.stem}\b", code)]
    return any(BROWSER in text for text in [code, *map(Path.read_text, labs)])


def marked(path):
    marks = pytest.mark.browser if drives_a_browser(path) else ()
    return pytest.param(path, marks=marks, id=path.stem)


PATHS = [marked(path) for path in sorted(notebooks.FOLDER.glob("*.ipynb"))]
every_notebook = pytest.mark.parametrize("path", PATHS)


@pytest.mark.timeout(420)  # the first one runs all stages, few at a time on a busy machine
@every_notebook
async def test_notebook_runs_and_prints_what_is_committed(path, monkeypatch, record_property):
    await runs_and_prints_what_is_committed(path, monkeypatch, record_property)


# A notebook that drives none has just done so: it uses none of the other programs.
@pytest.mark.bare
@pytest.mark.timeout(420)
@pytest.mark.parametrize("path", [each for each in PATHS if each.marks])
async def test_bare_notebook_prints_what_is_committed(path, monkeypatch):
    """With little else than Python every notebook runs to its end, too."""
    monkeypatch.setenv(VARIABLE, ",".join(KNOWN))
    await runs_and_prints_what_is_committed(path, monkeypatch, nobody_counts)


def nobody_counts(*left_out):
    """What is left out of a bare run is not left out of the whole one."""


async def runs_and_prints_what_is_committed(path, monkeypatch, record_property):
    # Every process that the notebook starts, and that those start, inherits this.
    monkeypatch.setenv("CHATFLOW_TEST", mark := secrets.token_hex())
    executed = await asyncio.to_thread(notebooks.execute, path)
    tags = compared_without(notebooks.read(path), record_property)
    committed = notebooks.outputs(notebooks.read(path), tags)
    for found, expected in zip(notebooks.outputs(executed, tags), committed, strict=True):
        assert found == expected, f"run ./scripts/notebooks.sh {path.name} and look at the change"
    left = [process for process in psutil.process_iter() if mark_of(process) == mark]
    assert not left, "whatever a notebook starts must end with it"


def compared_without(notebook, record_property):
    """The tags of cells whose outputs are not compared, on this machine."""
    try:
        browser.find_chromium()
    except MissingError as error:
        if notebooks.outputs(notebook) != notebooks.outputs(notebook, ["varies", "browser"]):
            record_property(PARTLY, str(error))
        return ["varies", "browser"]
    return ["varies"]


def mark_of(process):
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return process.environ().get("CHATFLOW_TEST")


@every_notebook
def test_cells_are_short_wait_for_events_not_for_time_and_assert_claims(path):
    for cell in code_cells(path):
        assert len(cell.source.splitlines()) <= 15, f"what is longer belongs in chatflow:\n{cell}"
        assert "sleep(" not in cell.source, "wait for the event, with a deadline"
    assert sum(cell.source.count("assert ") for cell in code_cells(path)) >= 8


@every_notebook
def test_every_assert_has_words(path):
    nodes = [node for source in sources(path) for node in ast.walk(ast.parse(source))]
    bare = [ast.unparse(node) for node in nodes if isinstance(node, ast.Assert) and not node.msg]
    assert not bare, "say what should hold, so that a learner knows where to look"


@every_notebook
def test_notebook_that_asks_for_predictions_ends_with_their_score(path):
    *cells, last = sources(path)
    assert last.endswith("score()") or not any(" = predict(" in cell for cell in cells)


@every_notebook
def test_flow_pictures_are_committed_for_every_viewer(path):
    outputs = [output.get("data", {}) for cell in code_cells(path) for output in cell.outputs]
    pictures = [data for data in outputs if 'class="hop"' in data.get("image/svg+xml", "")]
    maps = [data for data in outputs if 'class="place"' in data.get("image/svg+xml", "")]
    assert len(pictures + maps) >= 2, "draw(flow) and draw_map(flow) show them"
    assert pictures, "at least one of them hop by hop"
    assert all({"image/png", "text/plain"} <= set(data) for data in pictures + maps)


@every_notebook
def test_committed_outputs_are_whole_and_carry_no_trace_of_one_run(path):
    assert notebooks.read(path) == notebooks.normalise(notebooks.read(path))
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    assert outputs, "committed with its outputs: run ./scripts/notebooks.sh"
    assert not [output for output in outputs if output.output_type == "error"]
