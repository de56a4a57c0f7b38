"""The project of `own_project.md`, as notebook 15 makes it: what is said when a step goes wrong.

That it runs, and passes its own tests, under the pinned releases and under this month's: see
`stages/test_releases.py`.
"""

import ast
import json
import shutil

import pytest
import pytest_asyncio

from chatflow.basics.catalog import ROOT
from chatflow.basics.errors import LaunchError, UsageError
from labs import own_releases, own_sites
from labs.own_project import Project, blocks, own_project
from labs.own_tests import tests as run_tests

NOTEBOOK = ROOT / "notebooks" / "15_your_own_project.ipynb"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def project():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHATFLOW_NOBODY", "1")  # what is made for a learner goes
        async with own_project() as project:
            yield project


def test_notebook_adds_each_block_of_the_page():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    adds = [call for call in calls if ast.unparse(call.func) == "project.add"]
    assert sorted(name.value for call in adds for name in call.args) == sorted(blocks())


async def test_cell_that_is_run_again_adds_nothing_twice(project):
    settings = project.folder / "mysite" / "settings.py"
    project.add("mysite/settings.py")
    once = settings.read_text()
    project.add("mysite/settings.py")
    assert settings.read_text() == once
    assert once.count("ASGI_APPLICATION") == 1


async def test_folder_is_the_learners_and_stays(monkeypatch):
    monkeypatch.delenv("CHATFLOW_NOBODY", raising=False)
    async with own_project() as project:
        assert str(project.folder) in project.place
    try:
        assert (project.folder / "manage.py").is_file()
    finally:
        shutil.rmtree(project.folder)


async def test_what_cannot_be_done_is_said_in_words(project):
    with pytest.raises(UsageError, match=r"no block for chat/forms\.py"):
        project.add("chat/forms.py")
    with pytest.raises(UsageError, match=r"manage\.py says 'nothing like it' 0 times"):
        project.copy(("manage.py", "nothing like it", ""))
    with pytest.raises(LaunchError, match=r"manage\.py nonsense has failed:\nUnknown command"):
        project.manage("nonsense")


async def test_tests_that_cannot_be_loaded_are_no_red_ones(project):
    copy = project.copy()
    (copy.folder / "chat" / "tests.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(LaunchError, match=r"not run to their end(.|\n)*nothing_of_this_name"):
        run_tests(copy, ["communicator"])


async def test_without_an_index_there_are_only_the_pins_and_one_line_says_why(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.delenv("CHATFLOW_NOBODY", raising=False)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    assert await own_releases.todays_releases(Project(tmp_path, None, None)) is None
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("Today's releases cannot be had here, so there are only the pins: ")


async def test_systemd_has_nothing_against_the_unit_and_would_say_so(project, monkeypatch):
    if not shutil.which("systemd-analyze"):
        pytest.skip("No systemd-analyze to be had: install Debian's package systemd.")
    project.add(own_sites.UNIT)
    assert own_sites.verified(project) == []
    unit = project.folder / own_sites.UNIT
    unit.write_text(unit.read_text().replace("ExecStart=", "ExecBegin="))
    assert any("ExecBegin" in line for line in own_sites.verified(project))
    monkeypatch.setenv("PATH", str(project.folder))
    assert own_sites.verified(project) is None, "nobody to ask"
