"""Folders with any characters in their names. Files: see test_run_step.py, which runs in one."""

import shutil
import subprocess
import sys

from chatflow.basics.catalog import FINAL, ROOT
from helpers.scripts import (
    ODD,
    assert_one_sentence,
    copy_without_environment,
    databases,
    environment,
    run_script,
)

# One within the other.
FOLDERS = ["c++", "C#", "50%", "%41", ODD]
CONNECT = "from django.db import connection; connection.ensure_connection()"
UNTOUCHED = {"DATABASE_URL": None, "DJANGO_SETTINGS_MODULE": None, "DEVELOPMENT": "1"}


def test_chat_final_on_its_own_keeps_its_database_in_its_own_folder(tmp_path):
    leave_out = shutil.ignore_patterns("__pycache__", "*.sqlite3*", "staticfiles")
    folder = shutil.copytree(ROOT / FINAL, tmp_path.joinpath(*FOLDERS) / "chat", ignore=leave_out)
    command = [sys.executable, "manage.py", "shell", "--no-imports", "--command", CONNECT]
    options = {"cwd": folder, "env": environment(UNTOUCHED), "capture_output": True, "text": True}
    done = subprocess.run(command, timeout=60, check=False, **options)
    assert done.returncode == 0, done.stderr
    assert databases(tmp_path) == {folder / "db.sqlite3"}


def test_folder_that_python_cannot_work_in_is_answered_with_one_sentence(tmp_path):
    folder = copy_without_environment(tmp_path / "a:b")
    assert_one_sentence(run_script(folder, "bootstrap.sh"), 2, "colon")
