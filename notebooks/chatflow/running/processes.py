"""Programs that never outlive us, and the folder of a run that goes when they are all gone."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from ..basics.catalog import ROOT
from ..basics.errors import LaunchError

HERE = Path(__file__).parent
RUNS = ROOT / ".run"
LOOK_SECONDS = 0.01
# For programs that need the standard library only: without `site` it starts sooner.
PYTHON = [sys.executable, "-I", "-S"]


class RunFolder:
    """A folder under `.run/`, or a `parent`, for the logs, database and so on of one run.

    It is locked as long as we or one of our programs live, and swept away after that.
    """

    def __init__(self, name, parent=RUNS):
        RUNS.mkdir(exist_ok=True)
        remove_abandoned()
        self.programs = []
        self.path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
        self.lock = (self.path / "lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        # A Ctrl-C in our terminal ends it, too, as long as it has not left our process group.
        while not self._start_sweeper():
            pass

    def _start_sweeper(self):
        """Hand the folder over; False if a signal has ended the sweeper before it could take it."""
        self.sweeper = subprocess.Popen(
            [*PYTHON, HERE / "sweep.py", self.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        if self.sweeper.stdout.readline():
            return True
        self.sweeper.stdout.close()
        if (code := self.sweeper.wait()) >= 0:
            shutil.rmtree(self.path)
            raise LaunchError(f"Nothing would remove {self.path}: sweep.py has ended with {code}.")
        return False

    def describe(self, **facts):
        """Leave a note for other programs about what runs here."""
        draft = self.path / "run.json.new"
        draft.write_text(json.dumps(facts))
        draft.rename(self.path / "run.json")  # so that nobody reads half of it

    def let_go(self):
        """Ask all programs to end, without waiting for them."""
        for program in tuple(self.programs):
            program.let_go()

    def close(self):
        """End what still runs here; returns when the folder is gone."""
        self.let_go()
        for program in self.programs:
            program.stop()
        self.lock.close()
        self.sweeper.wait(timeout=10)
        self.sweeper.stdout.close()


def running():
    """The notes of all runs that are going on now, newest first."""
    remove_abandoned()
    notes = []
    for path in RUNS.glob("*/run.json"):
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            notes.append((path.stat().st_mtime_ns, path.read_text()))
    return [json.loads(text) for _, text in sorted(notes, reverse=True)]


def remove_abandoned():
    """Remove folders whose sweeper was killed too, as by a power cut: nobody holds their lock."""
    for note in RUNS.glob("*/run.json"):
        with (
            contextlib.suppress(FileNotFoundError, BlockingIOError),
            note.with_name("lock").open() as lock,
        ):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(note.parent)


class Program:
    """A program under a supervisor: it ends by itself, by `stop()`, or when this process ends.

    `log` gets all its output. `listener` is a listening socket to hand on; `grace` is how many
    seconds lie between SIGTERM and SIGKILL. `adopts` is for programs that run anybody's code: on
    Linux their children end with them even if they have left the process group.
    """

    def __init__(
        self, command, *, folder, log, cwd=ROOT, env=None, listener=None, grace=3, adopts=False
    ):
        self.log = log
        self.listener_fd = listener.fileno() if listener else -1
        fds = [folder.lock.fileno(), *([self.listener_fd] if listener else [])]
        supervise = [*PYTHON, HERE / "supervise.py", str(grace), str(self.listener_fd)]
        supervise += ["1" if adopts else "0"]
        with log.open("ab") as output:
            # A program that is started again goes on in the log of the one before.
            self.log_began = output.tell()
            self.supervisor = subprocess.Popen(
                [*supervise, *map(str, command)],
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                pass_fds=fds,
                start_new_session=True,
            )
        self._returncode, self._polling = None, threading.Lock()
        self.is_frozen = False
        # Before anything can break us off, so that the folder can end what we have begun.
        folder.programs.append(self)
        self.pid = int(self.supervisor.stdout.readline() or 0)
        if not self.pid:
            raise self.failure(f"Could not start {command[0]}")

    def poll(self):
        """The program's return code, or None while it runs. Any thread may ask."""
        with self._polling:
            if self._returncode is None and self.supervisor.poll() is not None:
                self._returncode = self._final_code()
        return self._returncode

    def _final_code(self):
        self._sweep_group()
        # The code comes last, after a process id that nobody has read if our start was broken off.
        # Nothing comes if the supervisor was killed itself.
        said = self.supervisor.stdout.read().split()
        self.supervisor.stdout.close()
        return int(said[-1]) if said else -signal.SIGKILL

    def let_go(self):
        """Ask the program to end, without waiting for it."""
        self.supervisor.stdin.close()

    def stop(self):
        """End the program: SIGTERM, then after the grace SIGKILL. Returns its return code."""
        self.let_go()
        self.supervisor.wait()
        return self.poll()

    def kill(self):
        """End the program with SIGKILL, as a crash would."""
        self.send(signal.SIGKILL)
        self.supervisor.wait()
        return self.poll()

    def send(self, number):
        """Send the program a signal, if it still runs."""
        if self.poll() is None:  # its number may be another's by now
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def freeze(self):
        """Stop the program, and all that it has started, where they are: SIGSTOP."""
        # Only here: loading it takes longer than all the rest of this module.
        import psutil

        if self.is_frozen:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            self.send(signal.SIGSTOP)  # first, so that it starts nothing more
            started = psutil.Process(self.pid).children(recursive=True)
            # Its supervisor is told before: if we die now, somebody lets them go on and end.
            self._tell_frozen([self.pid, *(process.pid for process in started)])
            for process in started:
                process.suspend()
            self.is_frozen = True

    def thaw(self):
        """Let it go on where it was stopped."""
        self._tell_frozen([])
        self.is_frozen = False

    def _tell_frozen(self, pids):
        """Tell the supervisor which processes are stopped; it lets go on those that were."""
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended, or was let go
            self.supervisor.stdin.write(f"{' '.join(map(str, pids))}\n".encode())
            self.supervisor.stdin.flush()

    def _sweep_group(self):
        # The supervisor ends its group itself, unless somebody has killed it first.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.supervisor.pid, signal.SIGKILL)

    def said(self):
        """All that the program has printed so far, since its start."""
        with self.log.open("rb") as file:
            file.seek(self.log_began)
            return file.read().decode(errors="replace")

    def last_lines(self, count=15):
        return "\n".join(self.said().splitlines()[-count:])

    def wait_until(self, is_ready, within):
        """True as soon as `is_ready()`; False if the program ends first, or in so many seconds."""
        give_up_at = time.monotonic() + within
        while self.poll() is None and time.monotonic() < give_up_at:
            if is_ready():
                return True
            time.sleep(LOOK_SECONDS)  # nothing else tells us
        return False

    def ends(self, within):
        """Whether the program ends by itself in so many seconds; returns as soon as it has."""
        try:
            self.supervisor.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def failure(self, what):
        """The LaunchError to raise: what has failed, and what the program said of it."""
        return LaunchError(f"{what}. The last lines of its log:\n{self.last_lines()}")


# A program's output goes to its log; for one that is read, standard output stands apart.
APART = ["sh", "-c", 'out=$1; shift; exec "$@" >"$out"', "sh"]


def run_to_end(command, *, folder, within, **options):
    """Run a program that ends by itself; returns the CompletedProcess, with text.

    `options` are those of a Program. Raises LaunchError if it takes longer than so many seconds.
    """
    name = folder.path / f"program-{secrets.token_hex(4)}"
    out, log = name.with_suffix(".out"), name.with_suffix(".log")
    program = Program([*APART, out, *command], folder=folder, log=log, **options)
    if not program.ends(within):
        program.kill()
        raise LaunchError(f"{' '.join(command[1:3])} was not done within {within} s.")
    texts = [path.read_text(errors="replace") for path in (out, log)]
    return subprocess.CompletedProcess(command, program.poll(), *texts)


class Running:
    """Part of a run: something that is a `program`, and can be ended on purpose."""

    def stop(self):
        """End it with SIGTERM, in good order; all else goes on."""
        self.program.stop()

    def kill(self):
        """End it with SIGKILL, as a crash would; all else goes on."""
        self.program.kill()

    def freeze(self):
        """Let it hang: its clients wait, and are told nothing. `thaw` ends that."""
        self.program.freeze()

    def thaw(self):
        self.program.thaw()
