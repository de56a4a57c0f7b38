"""For tests that use the scripts as people do: real processes, in a copy of the repository."""

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import psutil
import pytest

from chatflow.basics.catalog import ROOT
from chatflow.running.ports import free_port
from chatflow.running.processes import RUNS

START_SECONDS = 60  # of a machine under load
# The launcher gives its programs three seconds; the rest is for a machine under load.
STOP_SECONDS = 20
# The name of a folder, in which a shell, a URL or a setting could misread much.
ODD = "my c++ & C# 50%, 100%25; ä? 'q' \"d\" $HOME"
# In the environment of a process, and so of all that it starts, it tells them from all others.
MARK = "MARK_OF_A_TEST"
# What the tests themselves run in: .venv, or with --newest .venv-newest, each with its lock file.
ENVIRONMENT = Path(sys.prefix)
LOCK = f"requirements{ENVIRONMENT.name.removeprefix('.venv')}.lock"


def copy_repository(target):
    """Copy what the scripts need, with a `.run/` of its own; a user's own data stays out of it."""
    # Another test may just be doing exercise 2 of notebook 01, which makes a lab of one's own.
    passing = ("__pycache__", ".ipynb_checkpoints", "db.sqlite3*", "mine.py")
    leave_out = shutil.ignore_patterns(*passing)
    for name in ("chat_final", "notebooks", "scripts", "steps"):
        shutil.copytree(ROOT / name, target / name, ignore=leave_out)
    shutil.copy(ROOT / LOCK, target / "requirements.lock")
    copy_migrated(target)
    link_environment(target)
    return target


def copy_migrated(target):
    """Give the copy a `.run/`, with the databases that were migrated by the same migrations here.

    To migrate takes longer than to start what is tested.
    """
    (target / ".run").mkdir()
    for path in RUNS.glob("migrated-*.sqlite3"):
        shutil.copy(path, target / ".run")


def forget_migrated(repository):
    """Let the next start of any stage migrate its database, as the first one does."""
    for path in (repository / ".run").glob("migrated-*.sqlite3"):
        path.unlink()


def copy_without_environment(target):
    """Copy what bootstrap.sh needs before there is an environment."""
    shutil.copytree(ROOT / "scripts", target / "scripts")
    shutil.copy(ROOT / LOCK, target / "requirements.lock")
    return target


def link_environment(target):
    """Give the copy an environment of links to ours, made from the same lock file."""
    (target / ".venv").mkdir()
    for path in ENVIRONMENT.iterdir():
        if path.name not in ("trusted", "made-from"):
            (target / ".venv" / path.name).symlink_to(path)
    stamp = ENVIRONMENT / "made-from"
    made_from = stamp.read_text().replace(LOCK, "requirements.lock") if stamp.is_file() else ""
    if checksums(target, "requirements.lock") not in made_from:
        pytest.fail(f"The environment does not fit {LOCK}: run ./scripts/bootstrap.sh.")
    (target / ".venv" / "made-from").write_text(made_from)
    notebooks = sorted(path.name for path in (target / "notebooks").glob("*.ipynb"))
    trusted = checksums(target, *(f"notebooks/{name}" for name in notebooks))
    (target / ".venv" / "trusted").write_text(trusted)


def checksums(folder, *names):
    words = ["cksum", *names]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout


def git(folder, *words):
    """What git prints for these words, to somebody who is nobody in particular."""
    nobody = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *nobody, *words], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode()


def make_git_repository(folder, *names):
    git(folder, "init", "--quiet")
    git(folder, "add", *names)
    git(folder, "commit", "--quiet", "--message", "All")


def run_script(repository, name, *arguments, cwd=None, **variables):
    """Run a script of the repository to its end; returns the CompletedProcess, with text."""
    return subprocess.run(
        [repository / "scripts" / name, *arguments],
        cwd=cwd,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def environment(variables):
    """Our environment, with these variables; one that is None is left out."""
    # Python may keep its bytecode, as with most users: each start takes half the time. And which
    # Python the environment of these tests was made from is no matter of theirs.
    wanted = os.environ | {"PYTHONDONTWRITEBYTECODE": None, "PYTHON": None} | variables
    return {key: value for key, value in wanted.items() if value is not None}


def assert_one_sentence(done, exit_code, *words):
    assert done.returncode == exit_code, done.stderr
    assert done.stderr.strip(), "it must say why it does not start"
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1, f"one sentence on one line, not: {done.stderr}"
    for word in words:
        assert word in done.stderr


def new_mark():
    return secrets.token_hex(8)


# {mark: the processes of others}: what we start has its mark from the beginning.
STRANGERS = defaultdict(set)


def marked_processes(mark):
    """The processes that are alive and were started with this mark in their environment."""
    # To read an environment takes a tenth of a millisecond, and there are hundreds of processes.
    known = [each for each in psutil.process_iter() if each not in STRANGERS[mark]]
    marks = {process: mark_of(process) for process in known}
    STRANGERS[mark].update(each for each, found in marks.items() if found not in (mark, None))
    return [process for process, found in marks.items() if found == mark]


def mark_of(process):
    """A process's mark, "" if it has none; None if it is ending, or just beginning a program."""
    try:
        variables = process.environ()
        is_gone = process.status() == psutil.STATUS_ZOMBIE
        return variables.get(MARK, "") if variables and not is_gone else None
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return ""  # another user's


class Script:
    """A script that runs, and all processes that it starts; `with` it, they end with the block."""

    def __init__(self, repository, words, *, output, **options):
        self.repository, self.output, self.mark = repository, output, new_mark()
        self.others = set(run_folders(repository))
        options["env"] = environment(options.pop("variables", {}) | {MARK: self.mark})
        with output.open("wb") as file:
            common = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file}
            self.process = subprocess.Popen(words, **common | options)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.end()

    @property
    def said(self):
        return self.output.read_text(errors="replace")

    def wait_until_it_says(self, text, within=START_SECONDS):
        give_up_at = time.monotonic() + within
        while text not in self.said and time.monotonic() < give_up_at:
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        assert text in self.said, f"{text!r} is not in what it said:\n{self.said}"

    def processes(self):
        """All its processes that are alive, children of children too."""
        return marked_processes(self.mark)

    def find(self, word):
        """Its processes with this word in their command lines."""
        return [process for process in self.processes() if word in " ".join(process.cmdline())]

    def send(self, number):
        self.process.send_signal(number)

    def end(self):
        """End whatever the test has left, one by one, by its id."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()


class Step(Script):
    """A run_step.sh that runs; like an instance it has a `url` and a `ws_url`."""

    def __init__(self, repository, *arguments, **options):
        words = [repository / "scripts" / "run_step.sh", *arguments]
        output = repository / ".run" / f"said-{secrets.token_hex(4)}"
        super().__init__(repository, words, output=output, **options)

    @property
    def urls(self):
        return re.findall(r"instance \w +(http://\S+)/\n", self.said)

    @property
    def url(self):
        return self.urls[0]

    @property
    def ws_url(self):
        return self.url.replace("http", "ws", 1)

    @property
    def ports(self):
        return [int(url.rpartition(":")[2]) for url in self.urls]


def find_server(running, port):
    """The process that a supervisor started and that listens on this port."""
    for process in running.processes():
        ports = [each.laddr.port for each in process.net_connections("tcp") if not each.raddr]
        if port in ports and "supervise.py" in " ".join(process.parent().cmdline()):
            return process
    raise AssertionError(f"nobody listens on port {port}")


@contextlib.contextmanager
def step(repository, *arguments, **options):
    """Run run_step.sh for the length of the block, on a free port unless told; yields the Step."""
    port = [] if "--port" in arguments else ["--port", "0"]
    with Step(repository, *arguments, *port, **options) as running:
        running.wait_until_it_says("Ready in")
        yield running
        stop(running)


def stop(script):
    if script.process.poll() is None:
        script.send(signal.SIGTERM)
    assert_nothing_left(script)


def assert_nothing_left(script, ports=()):
    """No process, no run folder, no listener is left, or will be in a moment."""
    give_up_at = time.monotonic() + STOP_SECONDS
    while (left := what_is_left(script, ports)) and time.monotonic() < give_up_at:
        script.process.poll()  # so that it is no zombie
        time.sleep(0.1)
    assert not left, f"After {STOP_SECONDS} s there is still: {left}. It said:\n{script.said}"


def what_is_left(script, ports=()):
    processes = [str(each) for each in script.processes()]
    folders = set(run_folders(script.repository)) - script.others
    listeners = [f"a listener on port {port}" for port in ports if not can_listen(port)]
    return processes + [f"folder {folder.name}" for folder in folders] + listeners


def run_folders(repository):
    return [path for path in (repository / ".run").iterdir() if path.is_dir()]


@contextlib.contextmanager
def two_free_ports():
    """Two neighbouring ports that we listen on: the first one's number, and both sockets."""
    while True:
        with contextlib.ExitStack() as stack:
            first = free_port()
            addresses = [("127.0.0.1", first + number) for number in range(2)]
            try:
                listeners = [stack.enter_context(socket.create_server(one)) for one in addresses]
            except OSError:
                continue  # the second is taken: look elsewhere
            yield first, listeners
            return


def databases(folder):
    """All that may be a database, wherever it came to lie below a folder."""
    return {path for path in folder.rglob("*sqlite3*") if not path.name.endswith(("-wal", "-shm"))}


def can_listen(port):
    """As any server would: the last connections may fade away meanwhile."""
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def bare_path(folder):
    """A PATH with what bootstrap.sh needs, and no Python and no Redis."""
    folder.mkdir()
    for tool in ("awk", "bash", "cat", "cksum", "dirname", "mkdir", "sh", "sleep"):
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def write_program(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return Path(path)
