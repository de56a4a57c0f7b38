"""The Pythons of this machine, wherever they are: on PATH, under pyenv, or known to uv."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ..basics.errors import MissingError

LOOK_SECONDS = 30


def find(minor):
    """The path of a Python 3.<minor> that runs; None if there is none."""
    return next((path for path in candidates(minor) if runs(path, minor)), None)


def candidates(minor):
    # The environment's own first: its row is then of the very release that the tests run on.
    if sys.version_info.minor == minor:
        yield sys.executable
    for folder in sorted(pyenv_versions().glob(f"3.{minor}.*"), key=numbers, reverse=True):
        yield str(folder / "bin" / "python")
    if found := shutil.which(f"python3.{minor}"):
        yield found
    words = [uv(), "python", "find", "--no-python-downloads", f"3.{minor}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        yield done.stdout.strip()


def pyenv_versions():
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"


def numbers(folder):
    return [int(number) for number in re.findall(r"\d+", folder.name)]


def runs(path, minor):
    """Whether it is such a Python: a name that is there need not be one that runs."""
    asked = f"import sys; sys.exit(sys.version_info[:2] != (3, {minor}))"
    try:
        done = subprocess.run(
            [path, "-I", "-c", asked], capture_output=True, timeout=LOOK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def uv():
    """The uv that made this environment. Raises MissingError if it has none."""
    path = Path(sys.executable).with_name("uv")
    if not path.is_file():
        raise MissingError("uv is not in this environment: run ./scripts/bootstrap.sh again.")
    return str(path)
