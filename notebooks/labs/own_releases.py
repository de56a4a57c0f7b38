"""Notebook 15: the releases that pip brings today, next to those that are pinned here."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from chatflow.basics.catalog import ROOT

from .own_project import is_nobodys

# What one asks for, and what that brings.
WANTED = ["channels[daphne]", "channels-redis", "playwright"]
PACKAGES = ["django", "channels", "daphne", "channels-redis", "redis"]
# Django 6 needs 3.12; for the next Python after 3.14 not all of it has wheels yet.
PYTHONS = ">=3.12,<3.15"
# The tests of this notebook must not depend on what was released an hour ago.
OF_THIS_MONTH = ROOT / ".venv-newest" / "bin" / "python"
VERSIONS = f"""
import json, platform
from importlib.metadata import version
print(json.dumps({{"python": platform.python_version()}} | {{p: version(p) for p in {PACKAGES}}}))
"""


async def todays_releases(project):
    """The Python of an environment in the project's folder with what pip brings today.

    Where that cannot be had one sentence says why, and it is None. Where nobody is going to use the
    project it is the environment of `test.sh --newest`, if there is one.
    """
    if is_nobodys():
        return OF_THIS_MONTH if OF_THIS_MONTH.exists() else None
    try:
        return await asyncio.to_thread(install, project.folder / ".venv")
    except (OSError, subprocess.SubprocessError) as error:
        said = " ".join((getattr(error, "stderr", "") or str(error)).split())
        print(f"Today's releases cannot be had here, so there are only the pins: {said[:300]}")


def install(venv):
    """Make an environment; returns its Python. Raises OSError or SubprocessError."""
    # Whichever of them is there; the last one always is.
    *others, last = PYTHONS, OF_THIS_MONTH, sys.executable
    for python in others:
        with contextlib.suppress(subprocess.CalledProcessError):
            uv("venv", "--clear", "--python", python, venv)
            break
    else:
        uv("venv", "--clear", "--python", last, venv)
    python = venv / "bin" / "python"
    uv("pip", "install", "--python", python, *WANTED)
    return python


def uv(*words):
    """Run the uv that is installed with this project, on a Python that is already there."""
    env = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    options = {"check": True, "capture_output": True, "text": True, "env": env}
    subprocess.run([Path(sys.executable).with_name("uv"), *words], timeout=300, **options)


def versions(project):
    """{package: its version} in the environment that runs a project."""
    return json.loads(project.run("-c", VERSIONS).stdout)


def pin(folder, known):
    """Write these versions into a project's requirements.txt; returns that text."""
    text = "".join(f"{name}=={known[name]}\n" for name in PACKAGES)
    (folder / "requirements.txt").write_text(text)
    return text
