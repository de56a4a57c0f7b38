"""`compare.sh versions`: its kept table, what is installed here, and what users get wrong."""

import copy
import json
import platform
import stat
import sys
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from chatflow.basics.errors import LaunchError, MissingError
from chatflow.bench.measuring import kept
from chatflow.comparing import tables, versions
from chatflow.comparing.versions import environments, trying
from chatflow.comparing.versions.columns import (
    GREEN,
    NOT_HERE,
    Column,
    cell_of,
    columns,
    names,
)
from chatflow.running import pythons

LONGEST_CELL = 24
UNTOLD = Column(6, untold=True, layer="queue")


@pytest.fixture(scope="module")
def facts():
    return kept("versions")


def here():
    """The key of the row of what is installed here."""
    major = version("django").rpartition(".")[0], version("redis").partition(".")[0]
    return " ".join([f"3.{sys.version_info.minor}", *major])


def rows_of_here(facts):
    """The row of what is installed here; where this Python was not tried, those of the others."""
    rows = {row["key"]: row for row in facts["rows"]}
    if here() in rows:
        return [rows[here()]]
    assert f"3.{sys.version_info.minor}" in rows, "the table should say that it was not tried"
    packages = here().split()[1:]
    found = [row for key, row in rows.items() if key.split()[1:] == packages]
    assert found, f"the table knows nothing of {packages}: run ./scripts/compare.sh versions --keep"
    return [row for row in found if versions.has_run(row)]


# --- the kept table -------------------------------------------------------------------------------


def test_each_combination_has_a_row(facts):
    for minor in versions.MINORS:
        mine = [row for row in facts["rows"] if row["key"].split()[0] == f"3.{minor}"]
        every = [f"3.{minor} {django} {redis}" for django in ["5.2", "6.1"] for redis in "78"]
        if [row["key"] for row in mine] != every:
            [row] = mine
            assert set(row["cells"].values()) == {NOT_HERE}
    assert facts["columns"] == names()


def test_each_cell_says_what_has_been_found(facts):
    assert wrong_cells(facts) == []


def wrong_cells(facts):
    """Cells that are not what the run's own findings, kept beside them, say."""
    return [
        (row["key"], name)
        for row in facts["rows"]
        for name, cell in row["cells"].items()
        if cell != expected(row, name) or len(cell) > LONGEST_CELL
    ]


def expected(row, name):
    if len(row["key"].split()) == 1:
        return NOT_HERE
    return row.get("cannot") or cell_of(row.get("reasons", {}).get(name, {}))


@pytest.mark.parametrize("written", [GREEN, "1011 when idle", "does not start", NOT_HERE])
def test_wrong_cell_is_found(facts, written):
    for number, row in enumerate(facts["rows"]):
        for name, cell in row["cells"].items():
            if cell != written:
                wrong = copy.deepcopy(facts)
                wrong["rows"][number]["cells"][name] = written
                assert wrong_cells(wrong) == [(row["key"], name)]
                [sentence] = tables.differences(facts, wrong)
                assert sentence.endswith(f"it was {cell!r}, and is {written!r}")


def test_what_is_installed_here_is_green_as_the_tests_of_all_stages_say(facts):
    """tests/stages try the whole matrix; they are red where a stage cannot do what it says."""
    own = [column.name for column in columns() if not column.untold]
    for row in rows_of_here(facts):
        assert {name: row["cells"][name] for name in own} == dict.fromkeys(own, GREEN)


async def test_what_is_installed_here_does_what_the_table_says_if_it_is_told_nothing(
    facts, monkeypatch
):
    # redis-py 8 has had one chance by then; 7 waits however long.
    monkeypatch.setattr(trying, "IDLE_SECONDS", 13 if version("redis") > "8" else 6)
    found = cell_of(await trying.differences(UNTOLD))
    assert {row["cells"][UNTOLD.name] for row in rows_of_here(facts)} == {found}


# --- what is found out ----------------------------------------------------------------------------


def test_cells_are_words_for_what_is_not_as_it_should_be():
    assert cell_of({}) == "green"
    assert cell_of({"start": "no"}) == "does not start"
    assert cell_of({"worker": "ended", "idle": "1011"}) == "1011 when idle"
    assert cell_of({"worker": "ended"}) == "worker ended"
    assert cell_of({"live": "no", "check": "no"}) == "check complains"
    assert cell_of({"live": "no", "resumes": "no"}) == "live fails"


def test_cell_is_green_only_if_all_is_as_the_matrix_says():
    can = {"live": "yes", "crosses_instances": "no"}
    right = {"check": "yes", "migrations": "yes", **can}
    assert trying.unlike(right, can) == {}
    assert trying.unlike(right | {"crosses_instances": "yes"}, can) == {"crosses_instances": "yes"}
    error = TimeoutError("too late")
    assert trying.unlike(right | {"live": error}, can) == {"live": "TimeoutError: too late"}
    assert trying.unlike(right | {"migrations": "no"}, can) == {"migrations": "no"}
    with pytest.raises(KeyError):
        trying.unlike(can, can)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([{}], {}),
        ([{"live": "no"}, {}], {}),
        ([{"live": "no"}, {"live": "?", "typing": "no"}], {"live": "?"}),
    ],
)
async def test_what_fails_once_is_tried_again(monkeypatch, capsys, found, told):
    results = iter(found)

    async def differences(column):
        return next(results)

    monkeypatch.setattr(trying, "differences", differences)
    await trying.tell(Column(5), trying.asyncio.Semaphore())
    assert json.loads(capsys.readouterr().out) == {"column": "05", "unlike": told}
    assert not list(results)


async def test_stage_that_does_not_start_says_so(monkeypatch):
    def fail(*arguments, **options):
        raise LaunchError("No Redis.")

    monkeypatch.setattr(trying, "stage", fail)
    assert cell_of(await trying.differences(Column(1))) == "does not start"


def test_what_was_not_told_is_not_green(monkeypatch, tmp_path):
    monkeypatch.setattr(environments, "make", lambda *versions: "python")
    there = {"python": "3.13.0", "django": "6.1.3", "redis": "8.1.0"}
    monkeypatch.setattr(versions, "tried", lambda *both: (there, {"01": {}, "02": {"live": "no"}}))
    row = versions.try_one(13, "python3.13", "6.1", "8", tmp_path)
    assert row["title"] == "Python 3.13.0, Django 6.1.3, redis-py 8.1.0"
    assert [row["cells"][name] for name in names()[:3]] == [GREEN, "live fails", "did not end"]
    assert row["reasons"] == {"02": {"live": "no"}, "03": {"end": "no"}} | {
        name: {"end": "no"} for name in names()[3:]
    }


# --- Pythons and environments ---------------------------------------------------------------------


def test_python_that_is_there_is_found():
    found = pythons.find(sys.version_info.minor)
    assert environments.version_of(found) == platform.python_version()


def test_python_that_does_not_run_is_none(monkeypatch, tmp_path):
    """As a shim of pyenv's: the name is there, and only says that it is not."""
    shim = tmp_path / "python3.98"
    shim.write_text("#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert str(shim) in pythons.candidates(98)
    assert pythons.find(98) is None


def test_newest_release_of_pyenv_comes_first(monkeypatch, tmp_path):
    for name in ("3.98.9", "3.98.10", "3.9.8"):
        (tmp_path / "versions" / name).mkdir(parents=True)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    found = [path.removeprefix(f"{tmp_path}/versions/") for path in pythons.candidates(98)]
    assert found == ["3.98.10/bin/python", "3.98.9/bin/python"]


def test_without_any_python_it_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setattr(pythons, "find", lambda minor: None)
    with pytest.raises(MissingError, match=r"^No Python from 3\.11 on was found: put .*\.$"):
        versions.run(SimpleNamespace(keep=False))


def test_python_that_is_not_here_has_a_row_that_says_so(capsys):
    [row] = versions.rows_of(15, None, None)
    assert set(row["cells"].values()) == {NOT_HERE}
    assert capsys.readouterr().out == "Python 3.15: not here\n"


def test_environment_has_what_is_in_the_lock_files_with_two_packages_replaced():
    lock, newest = ({name: rest for name, *rest in environments.blocks(path)} for path in LOCKS)
    text = environments.constraints("6.1", "7")
    made = {name: block for name, _, block in environments.blocks(text)}
    assert made.pop("django") == newest["django"][1]
    assert made == {name: block for name, (_, block) in lock.items() if name != "django"}


LOCKS = [path.read_text() for path in environments.LOCKS]


def test_release_that_no_lock_file_has_is_named():
    with pytest.raises(LaunchError, match=r"^No lock file has django 7\.0: .*\.$"):
        environments.constraints("7.0", "8")


def test_too_old_python_is_the_cell():
    said = "Because the current\nPython version (3.11.7) does not satisfy Python>=3.12 and django"
    assert environments.why(said) == "needs Python 3.12"
    assert environments.why("no network") == "cannot be installed"


def test_environment_that_cannot_be_made_is_a_row(monkeypatch, capsys, tmp_path):
    def fail(*versions):
        raise environments.CannotBeInstalled("needs Python 3.12", "uv says so")

    monkeypatch.setattr(environments, "make", fail)
    row = versions.try_one(11, "python3.11", "6.1", "8", tmp_path)
    assert row["cannot"] == "needs Python 3.12"
    assert set(row["cells"].values()) == {"needs Python 3.12"}
    assert capsys.readouterr().err == "needs Python 3.12: uv says so\n"


# --- in words -------------------------------------------------------------------------------------


def test_words_of_the_page_follow_the_table(facts):
    words = versions.in_words(facts)
    assert "Every stage is green in each of the" in words
    wrong = copy.deepcopy(facts)
    row = next(row for row in wrong["rows"] if row["cells"]["05"] == GREEN)
    row["cells"]["05"] = "live fails"
    assert f"{row['title']}: 05 live fails." in versions.in_words(wrong)
