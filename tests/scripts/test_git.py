"""The repository as git gives it to people whose git is set up in another way than ours."""

import shutil

import pytest

from chatflow import stages
from chatflow.basics.catalog import ROOT
from helpers.missing import need_git
from helpers.scripts import copy_repository, git, link_environment, make_git_repository, run_script


@pytest.fixture
def origin(tmp_path):
    """A git repository with all that is in this one's folders, as they are now."""
    need_git()
    folder = copy_repository(tmp_path / "origin")
    shutil.rmtree(folder / ".venv")
    shutil.rmtree(folder / ".run")
    shutil.copy(ROOT / ".gitattributes", folder)
    make_git_repository(folder, ".")
    return folder


def test_clone_by_a_git_that_writes_windows_line_ends_runs(origin, tmp_path):
    clone = tmp_path / "repository"
    git(origin, "clone", "--quiet", "--config", "core.autocrlf=true", origin, clone)
    # What is in the index, what is in the folder, the attributes, the path.
    listed = [line.split(maxsplit=2) for line in git(clone, "ls-files", "--eol").splitlines()]
    wrong = [path for _, here, path in listed if here in ("w/crlf", "w/mixed")]
    assert len(listed) > 300
    assert wrong == [], "these have line ends that bash or Python on Linux do not understand"
    (clone / ".run").mkdir()
    link_environment(clone)
    done = run_script(clone, "run_step.sh", "--list")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == len(stages())
    # Pictures and fonts are as they were committed.
    binary = [path for kind in ("png", "otf", "ttf") for path in origin.rglob(f"*.{kind}")]
    assert binary, "the READMEs show pictures"
    names = [str(path.relative_to(origin)) for path in binary]
    for name in names:
        assert (origin / name).read_bytes() == (clone / name).read_bytes(), name
    attributes = git(clone, "check-attr", "text", "--", *names).splitlines()
    assert attributes == [f"{name}: text: unset" for name in names], "git takes no end of line"
