"""Folders and files with any characters in their names: what is named is what is used."""

import shutil
import sqlite3
import subprocess
import sys
from urllib.parse import quote

import pytest

from chatflow import post
from chatflow.basics.catalog import FINAL, ROOT
from helpers.scripts import ODD, copy_repository, environment, run_script, step

FOLDERS = ["c++", "C#", "50%", "%41", ODD]
CONNECT = "from django.db import connection; connection.ensure_connection()"
UNTOUCHED = {"DATABASE_URL": None, "DJANGO_SETTINGS_MODULE": None, "DEVELOPMENT": "1"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("around") / ODD)


def databases(folder):
    """All that may be a database, wherever it came to lie below a folder."""
    return {path for path in folder.rglob("*sqlite3*") if not path.name.endswith(("-wal", "-shm"))}


def texts_in(path):
    with sqlite3.connect(path) as database:
        return [text for (text,) in database.execute("SELECT text FROM chat_message")]


@pytest.mark.parametrize("name", FOLDERS)
def test_chat_final_on_its_own_keeps_its_database_in_its_own_folder(tmp_path, name):
    leave_out = shutil.ignore_patterns("__pycache__", "*.sqlite3*", "staticfiles")
    folder = shutil.copytree(ROOT / FINAL, tmp_path / name / "chat", ignore=leave_out)
    command = [sys.executable, "manage.py", "shell", "--no-imports", "--command", CONNECT]
    options = {"cwd": folder, "env": environment(UNTOUCHED), "capture_output": True, "text": True}
    done = subprocess.run(command, timeout=60, check=False, **options)
    assert done.returncode == 0, done.stderr
    assert databases(tmp_path) == {folder / "db.sqlite3"}


async def test_run_step_and_manage_use_the_database_of_chat_final_that_is_named(
    repository, tmp_path
):
    path = tmp_path / ODD / "chat.sqlite3"
    with step(repository, "final", "--database", str(path)) as running:
        assert (await post(running, "lobby", "dora", "by the form")).status_code == 302
        done = run_script(repository, "manage.sh", "final", "say", "lobby", "by a command")
        assert done.returncode == 0, done.stderr
    assert databases(tmp_path) == {path}, "no other file should be used, nor one elsewhere"
    assert texts_in(path) == ["by the form", "by a command"]


@pytest.mark.parametrize("number", ["1", "final"])
async def test_usual_database_lies_in_the_repository(repository, number):
    before = databases(repository.parent)
    with step(repository, number) as running:
        await post(running, "lobby", "dora", "where is it?")
    assert databases(repository) - before, "its messages should be in a file of the repository"
    assert databases(repository.parent) == databases(repository), "and in none outside of it"


async def test_database_named_by_a_url_is_the_file_that_the_url_says(repository, tmp_path):
    path = tmp_path / ODD / "chat.sqlite3"
    with step(repository, "1", "--database", f"sqlite:///{quote(str(path))}") as running:
        await post(running, "lobby", "dora", "by a URL")
    assert databases(tmp_path) == {path}
    assert texts_in(path) == ["by a URL"]


def test_folder_that_python_cannot_work_in_is_answered_with_one_sentence(tmp_path):
    repository = copy_repository(tmp_path / "a:b")
    shutil.rmtree(repository / ".venv")
    done = run_script(repository, "bootstrap.sh")
    assert done.returncode == 2
    assert "colon" in done.stderr
    assert done.stderr.count("\n") == 1, f"one sentence on one line, not: {done.stderr}"
