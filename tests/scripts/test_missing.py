"""What a machine need not have: how it is found, and what is said where it is not there."""

import os
import subprocess
import sys

import pytest

from chatflow.basics.catalog import ROOT
from chatflow.basics.errors import MissingError
from chatflow.basics.hidden import KNOWN
from chatflow.clients import browser
from chatflow.lesson import notebooks
from chatflow.running import brokers, nginx, postgres
from helpers.missing import left_out, need
from helpers.scripts import bare_path, write_program

# One test for each program, of those that need it.
NEED_ONE = [
    "tests/clients/test_console.py::test_console_is_read_until_the_promise_is_kept",
    "tests/final/test_postgres.py::test_run_step_runs_chat_final_on_it",
    "tests/final/test_deploy.py::test_nginx_has_nothing_to_say_about_the_file_that_ships",
]
FINDERS = {
    "chromium": browser.find_chromium,
    "nginx": nginx.find_binary,
    "postgresql": postgres.find_binaries,
    "rabbitmq": brokers.find_rabbitmq,
}
RUNS = "#!/bin/sh\necho Chromium 1.0\n"
# As Ubuntu leaves it in place of a browser.
ASKS_FOR_ANOTHER = "#!/bin/sh\necho It requires the chromium snap >&2\nexit 1\n"
INSTALLED = [
    "chromium_headless_shell-1255/chrome-headless-shell-linux64/chrome-headless-shell",
    "chromium_headless_shell-1181/chrome-linux/headless_shell",
    "chromium-1255/chrome-linux64/chrome",
    "chromium-1255/chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome",
]
# Below the folder in which a machine without any browser looks.
USUAL = [f"bin/{name}" for name in browser.NAMES] + [f"playwright/{path}" for path in INSTALLED]
USUAL += ["a place/chrome"]


@pytest.fixture
def no_browser(monkeypatch, tmp_path):
    """A machine without any browser: the folder of its PATH."""
    folder = bare_path(tmp_path / "bin")
    for name in ("CHROMIUM", "CHATFLOW_HIDE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "playwright"))
    monkeypatch.setattr(browser, "PLACES", [str(tmp_path / "a place" / "chrome")])
    return folder


def browser_at(path, text=RUNS):
    path.parent.mkdir(parents=True, exist_ok=True)
    return str(write_program(path, text))


@pytest.mark.parametrize("path", USUAL)
def test_browser_of_any_usual_name_or_place_is_used(no_browser, tmp_path, path):
    assert browser_at(tmp_path / path) == browser.find_chromium()


def test_playwrights_own_folder_is_the_one_that_is_searched(no_browser, monkeypatch, tmp_path):
    monkeypatch.delenv("PLAYWRIGHT_BROWSERS_PATH")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = browser_at(tmp_path / "ms-playwright" / INSTALLED[0])
    assert browser.find_chromium() == path
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", "0")
    assert ".local-browsers" in str(browser.playwright_folder())


def test_newest_version_is_taken(no_browser, tmp_path):
    for number in (999, 1181, 1001):
        name = f"chromium-{number}/chrome-linux/chrome"
        browser_at(tmp_path / "playwright" / name)
    assert "chromium-1181" in browser.find_chromium()


def test_what_only_looks_like_a_browser_is_passed_over_and_how_to_have_one_is_said(
    no_browser, tmp_path
):
    stub = browser_at(no_browser / "chromium-browser", ASKS_FOR_ANOTHER)
    with pytest.raises(MissingError) as missing:
        browser.find_chromium()
    assert f"({stub}: It requires the chromium snap)" in str(missing.value), "why it is not used"
    for way in ("`.venv/bin/playwright install chromium-headless-shell`", "apt install chromium"):
        assert way in str(missing.value)
    path = browser_at(tmp_path / "a place" / "chrome")
    assert browser.find_chromium() == path


def test_chosen_browser_is_the_only_one_tried(no_browser, monkeypatch):
    browser_at(no_browser / "chromium")
    mine = browser_at(no_browser / "mine")
    monkeypatch.setenv("CHROMIUM", mine)
    assert browser.find_chromium() == mine
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(MissingError, match="/nowhere/chromium"):
        browser.find_chromium()


@pytest.mark.parametrize("name", KNOWN)
def test_hidden_program_is_missing(monkeypatch, name):
    monkeypatch.setenv("CHATFLOW_HIDE", f"{name},")
    with pytest.raises(MissingError, match="to be had"):
        FINDERS[name]()


def test_each_missing_thing_is_named_once_at_the_end_of_the_run():
    # By xdist's worker, as in the whole run: what it has left out comes to the end over a wire.
    words = ["-q", "-p", "no:randomly", "-n", "1", *NEED_ONE]
    environment = os.environ | {"CI": "true", "CHATFLOW_HIDE": ",".join(KNOWN)}
    options = {"cwd": ROOT, "env": environment, "capture_output": True, "text": True}
    command = [sys.executable, "-P", "-m", "pytest", *words]
    done = subprocess.run(command, timeout=100, check=False, **options)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    section = lines[[" left out " in line for line in lines].index(True) + 1 : -1]
    named = [line.partition(" to be had")[0] for line in section]
    assert sorted(named) == [f"1 test: No {name}" for name in ("Chromium", "PostgreSQL", "nginx")]
    assert "SKIPPED" not in done.stdout, "a line for each test would bury the three that count"


@pytest.mark.parametrize(
    ("ci", "hide", "outcome"),
    [("true", "nginx", pytest.fail), ("true", "chromium", pytest.skip), ("", "", pytest.skip)],
)
def test_ci_insists_on_what_nobody_hides(monkeypatch, no_browser, ci, hide, outcome):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("CHATFLOW_HIDE", hide)
    either = (pytest.fail.Exception, pytest.skip.Exception)
    with pytest.raises(either, match="No Chromium to be had") as raised:
        need("chromium", browser.find_chromium)
    assert raised.type is outcome.Exception


def test_run_that_hides_an_unknown_program_is_bad_usage(monkeypatch, pytestconfig):
    monkeypatch.setenv("CHATFLOW_HIDE", "chrome")
    conftest = pytestconfig.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py"))
    with pytest.raises(pytest.UsageError, match=r"HIDE names chrome, .*m, nginx, .*, rabbitmq"):
        conftest.pytest_configure(pytestconfig)


class Report:
    def __init__(self, when="call", skipped=None, **properties):
        self.when = when
        self.longrepr = ("a file", 1, f"Skipped: {skipped}")
        self.user_properties = [*properties.items()]


def test_tests_that_are_left_out_are_counted_by_reason():
    partly = Report(**{"left out": "No browser"})
    skipped = [Report("setup", "No browser"), Report("setup", "No browser"), Report(skipped="No C")]
    passed = [partly, Report("teardown", **{"left out": "No browser"}), Report(fault="another")]
    assert left_out({"skipped": skipped, "passed": passed}) == [
        "2 tests and a part of 1 test: No browser",
        "1 test: No C",
    ]
    assert left_out({"passed": [Report()]}) == []


def test_cells_with_a_tag_that_is_left_out_are_not_compared():
    # Only here: it takes seconds, as findings/nbformat_builds_39_parsers.sh shows.
    import nbformat

    cells = [nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("stream", text="1")])]
    cells += [nbformat.v4.new_code_cell(metadata={"tags": [tag]}) for tag in ("varies", "browser")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    assert notebooks.outputs(notebook) == [cells[0].outputs, cells[2].outputs]
    assert notebooks.outputs(notebook, ["varies", "browser"]) == [cells[0].outputs]
