"""The environment of a channel layer, in .venv-layers/: made when it is first asked for.

Its packages are those of `locks/`, by their hashes: the servers, in the versions of
requirements.lock, and what the layer adds. It has a Python of its own, as a layer may need a
newer one.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

from ...basics.catalog import ROOT, shown
from ...basics.errors import LaunchError, MissingError
from .. import pythons
from . import HERE

ENVIRONMENTS = ROOT / ".venv-layers"
LOCKS = HERE / "locks"
INSTALL_SECONDS = 300
NEWER = 5  # so many releases from the oldest that will do


def python_of(layer):
    """The Python that has a layer's package; installs it first, if need be. Raises LaunchError."""
    if not layer.lock:
        return sys.executable
    folder = ENVIRONMENTS / layer.lock
    ENVIRONMENTS.mkdir(exist_ok=True)
    # A second run waits here, and then finds everything done.
    with (ENVIRONMENTS / f"{layer.lock}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made_from = folder / "made-from"
        if not made_from.is_file() or made_from.read_text() != wanted(layer):
            install(layer, folder)
            made_from.write_text(wanted(layer))
    return str(folder / "bin" / "python")


def locks(layer):
    return [LOCKS / "servers.lock", LOCKS / f"{layer.lock}.lock"]


def wanted(layer):
    """What an environment is made from: a change of it makes it anew."""
    parts = [path.read_bytes() for path in locks(layer)] + [sys.version.encode()]
    return f"{zlib.crc32(b''.join(parts)):08x}"


def version_of(layer):
    """The version of a layer's package: the one that is installed for it."""
    if not layer.lock:
        from importlib.metadata import version

        return version(layer.package)
    text = locks(layer)[-1].read_text()
    return text.partition(f"{layer.package}==")[2].split()[0]


def install(layer, folder):
    python = find_python(layer)
    print(
        f"Installing {layer.package} {version_of(layer)}, and the servers beside it, "
        f"in {shown(folder)} ...",
        file=sys.stderr,
        flush=True,
    )
    call(layer, python, "-m", "venv", "--clear", "--without-pip", folder)
    files = [word for path in locks(layer) for word in ("-r", path)]
    # uv comes from requirements.lock, too.
    uv = [shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv", "pip"]
    where = ["--python", folder / "bin" / "python"]
    # Where Python may keep no bytecode, each start of a server would compile Django again.
    where += ["--compile-bytecode"] if os.environ.get("PYTHONDONTWRITEBYTECODE") else []
    call(layer, *uv, "install", "--quiet", "--require-hashes", *where, *files)


def call(layer, *words):
    """Run a program to its end. Raises LaunchError with its last line if it fails."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "check": False}
    try:
        done = subprocess.run([*map(str, words)], env=env, timeout=INSTALL_SECONDS, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LaunchError(cannot(layer, str(error))) from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise LaunchError(cannot(layer, " ".join(said[-3:]).strip()))


def cannot(layer, why):
    return (
        f"{layer.package} could not be installed. Is there a network? Run this again to try again. "
        f"What the installer said: {why}"
    )


def find_python(layer):
    """A Python that is new enough for a layer: ours, if it is. Raises MissingError."""
    if sys.version_info[:2] >= tuple(layer.python):
        return sys.executable
    major, minor = layer.python
    found = filter(None, map(pythons.find, range(minor, minor + NEWER)))
    if path := next(found, None):
        return path
    raise MissingError(
        f"{layer.package} needs Python {major}.{minor} or newer, and none was found: put "
        f"python{major}.{minor} on PATH (this environment has {sys.version_info[0]}."
        f"{sys.version_info[1]})."
    )
