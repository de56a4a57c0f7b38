"""Each stage stands alone: copied out of the repository, plain Django commands run it."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from chatflow import redis_server, stages
from chatflow.processes import Program, RunFolder

BIN = Path(sys.executable).parent

# Port 0: the system chooses one, and the server's log says which.
COMMANDS = {
    "gunicorn": ["gunicorn", "--bind", "127.0.0.1:0", "websockets_channels.wsgi"],
    "daphne": ["daphne", "-e", "tcp:0:interface=127.0.0.1", "websockets_channels.asgi:application"],
}


@pytest.fixture(params=stages(), ids=lambda stage: stage.name)
def stage(request):
    return request.param


@pytest.fixture
def copy(stage, stage_folders, tmp_path):
    """The stage's folder, alone in another place, and an environment that knows nothing of us."""
    original = stage_folders.get(stage.number, stage.folder)
    ignore = shutil.ignore_patterns("__pycache__", "db.sqlite3*")
    return shutil.copytree(original, tmp_path / "chat", ignore=ignore)


def bare_environment():
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"}


def manage(copy, *arguments):
    command = ["python", "manage.py", *arguments]
    return subprocess.run(
        command, cwd=copy, env=bare_environment(), capture_output=True, text=True, check=False
    )


def test_django_finds_nothing_wrong_and_no_migration_missing(copy):
    done = manage(copy, "makemigrations", "--check", "--dry-run")
    # Django's system checks run first, and warn on stderr.
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


async def test_migrate_and_the_server_command_of_the_readme_are_enough(stage, copy):
    done = manage(copy, "migrate", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    files = RunFolder("plain")
    try:
        server = Program(
            [BIN / COMMANDS[stage.server][0], *COMMANDS[stage.server][1:]],
            folder=files,
            log=files.path / "server.log",
            cwd=copy,
            env=bare_environment(),
        )
        async with asyncio.timeout(30), httpx.AsyncClient() as http:
            response = await http.get(f"http://127.0.0.1:{await port_of(server)}/")
        assert response.status_code == 200, server.last_lines()
    finally:
        await asyncio.to_thread(files.close)


@pytest.mark.parametrize("stage", [one for one in stages() if one.worker], indirect=True)
def test_worker_command_of_the_readme_is_enough(stage, copy):
    files = RunFolder("plain")
    try:
        redis = redis_server.start(files)
        worker = Program(
            [BIN / "python", "manage.py", "runworker", *stage.worker],
            folder=files,
            log=files.path / "worker.log",
            cwd=copy,
            env=bare_environment() | {"REDIS_URL": redis.url},
        )
        give_up_at = time.monotonic() + 30
        while "Running worker for channels" not in worker.said():
            assert worker.poll() is None, worker.last_lines()
            assert time.monotonic() < give_up_at, worker.last_lines()
            time.sleep(0.02)
    finally:
        files.close()


async def port_of(server):
    """The port that the server says it listens on, as soon as it says so."""
    said = re.compile(r"Listening (?:on TCP address |at: http://)127\.0\.0\.1:(\d+)")
    while not (found := said.search(server.log.read_text())):
        assert server.poll() is None, server.last_lines()
        await asyncio.sleep(0.02)
    return found[1]
