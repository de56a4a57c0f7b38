"""What a notebook starts ends with it: real kernels, interrupted, restarted and killed."""

import asyncio
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import pytest
import pytest_asyncio
from jupyter_client.manager import AsyncKernelManager

from chatflow import websocket_reader
from chatflow.basics.addresses import NO_TLS
from chatflow.basics.catalog import ROOT
from helpers import scripts

HOLD = """
import asyncio
from chatflow import stage
async with stage({}) as chat:
    {}
"""
# Shown live, and with all its processes stopped: such ones must end, too.
LIVE = """
    live = await chat.live()
    for name in chat.parts():
        await live.press("stop", name)
"""
HELD = """
    print("Held", flush=True)
    """
FOREVER = HELD + "await asyncio.Event().wait()"
# It ends by itself: ipykernel cannot interrupt what blocks the event loop. What it holds is ended
# after the interrupt, and that must not be broken off.
BLOCKING = HELD + "import time; time.sleep(1)"
TRY_AGAIN = """
from chatflow import stage
async with stage(1) as chat:
    assert chat.manage("check").returncode == 0
"""
STOPPED = LIVE + FOREVER
WSGI, ASGI, TWO = "1", "6", "6, instances=2"
SHOWN_WSGI, SHOWN_ASGI = "1, trace=True", "6, trace=True"
# Of a start, by the process that has just begun: the guard of the run's folder, the migration, the
# first instance.
MOMENTS = ["sweep.py", "migrate", "daphne"]


in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return scripts.copy_repository(tmp_path_factory.mktemp("repository"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(repository):
    async with Notebook(repository) as notebook:
        yield notebook


@pytest_asyncio.fixture(loop_scope="module")
async def notebook(shared):
    """A kernel that runs, and has no cell to run: most tests leave it like this."""
    yield shared
    if not await shared.manager.is_alive() or shared.processes():
        await shared.restart(now=True)


class Notebook:
    """A kernel in a repository's `notebooks/`, and all that it starts, seen from outside."""

    def __init__(self, repository):
        self.repository, self.mark, self.folders = repository, scripts.new_mark(), set()
        self.manager = AsyncKernelManager(kernel_name="python3")

    async def __aenter__(self):
        variables = scripts.environment({scripts.MARK: self.mark})
        await self.manager.start_kernel(cwd=self.repository / "notebooks", env=variables)
        self.client = self.manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=scripts.START_SECONDS)
        return self

    async def __aexit__(self, *error):
        self.client.stop_channels()
        await self.manager.shutdown_kernel(now=True)
        for process in self.processes():  # what a failed test has left
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    @property
    def kernel_pid(self):
        return self.manager.provisioner.pid

    def kill(self):
        os.kill(self.kernel_pid, signal.SIGKILL)

    def begin(self, options, then=FOREVER):
        """Begin a cell that holds a stage; returns the cell's id."""
        # A cell that is interrupted ends with an error; by default the kernel then drops what comes
        # in the next moment, and on a busy machine that may be our next cell.
        return self.client.execute(HOLD.format(options, then), stop_on_error=False)

    async def hold(self, *options):
        """Begin a cell that holds a stage; returns the cell's id when the stage is ready."""
        cell = self.begin(*options)
        said = ""
        while "Held" not in said:
            message = await self.client.get_iopub_msg(timeout=scripts.START_SECONDS)
            if message["parent_header"].get("msg_id") == cell:
                said += message["content"].get("text", "")
                assert message["msg_type"] != "error", message["content"]
        return cell

    async def ending(self, cell):
        """The name of the error with which a cell ends; None if it ends well."""
        try:
            while True:
                reply = await self.client.get_shell_msg(timeout=scripts.STOP_SECONDS)
                if reply["parent_header"].get("msg_id") == cell:
                    return reply["content"].get("ename")
        except queue.Empty:
            raise AssertionError(f"the cell has not ended after {scripts.STOP_SECONDS} s") from None

    async def restart(self, **how):
        await self.manager.restart_kernel(**how)
        await self.client.wait_for_ready(timeout=scripts.START_SECONDS)

    def marked(self):
        return scripts.marked_processes(self.mark)

    def processes(self):
        """All processes that the kernel has started, and those that these have."""
        marked = [each for each in self.marked() if each.pid != self.kernel_pid]
        # Each folder's guard is told which it is.
        guards = [words for words in map(command_line, marked) if "sweep.py" in str(words)]
        self.folders |= {Path(words[-1]) for words in guards}
        # Redis wipes its environment, and with it the mark.
        return marked + [each for each in psutil.process_iter() if self.is_redis(each)]

    def is_redis(self, process):
        with contextlib.suppress(psutil.Error):  # it has ended, or is another user's
            return any(process.cwd().startswith(f"{folder}/redis") for folder in self.folders)

    async def wait_for_process(self, word):
        give_up_at = time.monotonic() + scripts.START_SECONDS
        while not any(word in str(command_line(each)) for each in self.marked()):
            assert time.monotonic() < give_up_at, f"no {word} was ever started"
            await asyncio.sleep(0.01)
        self.processes()  # notes the run's folder

    def ports(self):
        sockets = [each for process in self.processes() for each in process.net_connections("tcp")]
        return {each.laddr.port for each in sockets if each.status == psutil.CONN_LISTEN}

    def note(self):
        """What its run tells other programs."""
        [note] = [folder / "run.json" for folder in self.folders if folder.exists()]
        return json.loads(note.read_text())


def command_line(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


def assert_nothing_left(notebook, ports=()):
    give_up_at = time.monotonic() + scripts.STOP_SECONDS
    while (left := what_is_left(notebook, ports)) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert not left, f"After {scripts.STOP_SECONDS} s there is still: {left}."


def what_is_left(notebook, ports):
    folders = [f"folder {folder.name}" for folder in notebook.folders if folder.exists()]
    # A process that is ending has no environment any more, but may still have its sockets.
    listeners = [f"listener on {port}" for port in ports if not scripts.can_listen(port)]
    return [str(process) for process in notebook.processes()] + folders + listeners


@contextlib.contextmanager
def nothing_left(notebook, listeners):
    """What runs for this notebook at the beginning of the block must be gone at its end."""
    ports = notebook.ports()
    assert len(ports) == listeners
    assert notebook.folders & set(scripts.run_folders(notebook.repository))
    yield
    assert_nothing_left(notebook, ports)


@in_one_loop
async def test_interrupt_ends_a_cell_and_what_it_holds_and_the_kernel_goes_on(notebook):
    for options, then, listeners in (WSGI, BLOCKING, 1), (SHOWN_ASGI, STOPPED, 2):
        cell = await notebook.hold(options, then)
        with nothing_left(notebook, listeners):
            await notebook.manager.interrupt_kernel()
            assert await notebook.ending(cell) == "CancelledError"
            assert not notebook.processes(), "the cell must not end before its stage has"
    assert await notebook.ending(notebook.client.execute(TRY_AGAIN)) is None


@in_one_loop
async def test_interrupt_in_the_middle_of_a_start_leaves_nothing(notebook):
    for word in MOMENTS:
        scripts.forget_migrated(notebook.repository)
        cell = notebook.begin(ASGI)
        await notebook.wait_for_process(word)
        await notebook.manager.interrupt_kernel()
        assert await notebook.ending(cell) == "CancelledError"
        assert_nothing_left(notebook)


@in_one_loop
async def test_restart_of_the_kernel_ends_what_a_cell_holds(notebook):
    await notebook.hold(SHOWN_ASGI, STOPPED)
    with nothing_left(notebook, 2):
        await notebook.restart(now=False)  # asked to end; if not, it is killed: see below


@in_one_loop
async def test_nothing_is_left_of_a_kernel_that_is_killed_even_in_the_middle_of_a_start(notebook):
    await notebook.hold(SHOWN_WSGI, STOPPED)
    with nothing_left(notebook, 1):
        notebook.kill()
    for word in MOMENTS:
        await notebook.restart()
        scripts.forget_migrated(notebook.repository)
        notebook.begin(ASGI)
        await notebook.wait_for_process(word)
        notebook.kill()
        assert_nothing_left(notebook)


def test_guard_removes_the_folder_though_nobody_hears_that_it_is_there(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "lock").touch()
    sweep = ROOT / "notebooks" / "chatflow" / "running" / "sweep.py"
    guard = subprocess.Popen([sys.executable, "-I", sweep, folder], stdout=subprocess.PIPE)
    guard.stdout.close()  # as when the kernel is killed a moment after it has started the guard
    assert guard.wait(scripts.STOP_SECONDS) == 0
    assert not folder.exists()


@in_one_loop
async def test_two_notebooks_at_once_do_not_disturb_each_other(repository, notebook):
    two = notebook
    async with Notebook(repository) as one:
        await asyncio.gather(one.hold(TWO), two.hold(TWO))
        assert len(one.ports()) == len(two.ports()) == 3, "two instances and Redis"
        assert not one.ports() & two.ports()
        for name in ("CHAT_DATABASE", "REDIS_URL", "REDIS_PREFIX"):
            assert one.note()["environment"][name] != two.note()["environment"][name]
        await asyncio.gather(chat_across(one, "from one"), chat_across(two, "from two"))
        assert "from two" not in await page(one)
        assert "from one" not in await page(two)
        with nothing_left(one, 3):
            one.kill()
        await chat_across(two, "still from two")


async def chat_across(notebook, text):
    """Post twenty messages on one instance; the other must hear them, in order, and no other."""
    wanted = [f"{text} {number}" for number in range(20)]
    here, there = instances(notebook)
    async with websocket_reader(here, "lobby") as alice, websocket_reader(there, "lobby") as bob:
        heard = []
        for each in wanted:
            await alice.post("alice", each)
            heard.append((await bob.next(within=scripts.STOP_SECONDS))["text"])
    assert heard == wanted
    assert wanted[-1] in await page(notebook)


def instances(notebook):
    urls = notebook.note()["urls"]
    return [SimpleNamespace(url=url, ws_url=url.replace("http", "ws", 1)) for url in urls]


async def page(notebook):
    async with httpx.AsyncClient(base_url=instances(notebook)[0].url, verify=NO_TLS) as http:
        return (await http.get("/chat/lobby/")).text
