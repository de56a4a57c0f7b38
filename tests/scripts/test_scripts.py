"""All scripts but run_step.sh, which has a module of its own: help, set-up, manage.sh, bench.sh."""

import platform
import secrets
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from chatflow import websocket_reader
from chatflow.basics.catalog import ROOT
from helpers.missing import need_git
from helpers.scripts import (
    STOP_SECONDS,
    Script,
    assert_nothing_left,
    bare_path,
    checksums,
    copy_repository,
    run_folders,
    run_script,
    step,
    write_program,
)

SCRIPTS = sorted(path.name for path in (ROOT / "scripts").glob("*.sh"))

# Runs what it is given, but says that it is Python 3.8.
OLD_PYTHON = f"""#!/bin/sh
exec {sys.executable} -c 'import sys; sys.version_info = (3, 8); exec(sys.argv[2])' "$@"
"""

# A Python that needs a file named "go" to go on with `-m venv`, and then cannot.
SLOW_PYTHON = f"""#!/bin/sh
[ "$1" = -m ] || exec {sys.executable} "$@"
echo begin >>steps-taken
until [ -e go ]; do sleep 0.05; done
echo end >>steps-taken
exit 1
"""


@pytest.fixture
def repository(tmp_path):
    return copy_repository(tmp_path / "repository")


@pytest.fixture
def bare_repository(repository):
    """A copy of the repository without an environment."""
    shutil.rmtree(repository / ".venv")
    return repository


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_has_help_and_works_from_any_folder(repository, tmp_path, name):
    done = run_script(repository, name, "--help", cwd=tmp_path, PYTHONHOME="/nonsense")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {name}"), "help goes to standard output"
    assert done.stderr == ""


@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_has_nothing_to_say(name):
    if not shutil.which("shellcheck"):
        pytest.skip("No shellcheck to be had: install it (Debian: apt install shellcheck).")
    done = subprocess.run(
        ["shellcheck", ROOT / "scripts" / name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


# --- bootstrap.sh ---------------------------------------------------------------------------------


def test_bootstrap_says_and_does_nothing_when_nothing_has_changed(repository):
    before = sorted((repository / ".venv").iterdir())
    done = run_script(repository, "bootstrap.sh", PATH=str(bare_path(repository / "bin")))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted((repository / ".venv").iterdir()) == before


@pytest.mark.parametrize("script", ["bootstrap.sh", "run_step.sh", "manage.sh", "bench.sh"])
def test_too_old_python_is_answered_with_one_sentence(bare_repository, tmp_path, script):
    path = bare_path(tmp_path / "bin")
    write_program(path / "python3", OLD_PYTHON)
    words = [] if script == "bootstrap.sh" else ["1"]
    assert_python_is_missing(run_script(bare_repository, script, *words, PATH=str(path)))


def test_no_python_at_all_is_answered_with_one_sentence(bare_repository, tmp_path):
    path = bare_path(tmp_path / "bin")
    assert_python_is_missing(run_script(bare_repository, "bootstrap.sh", PATH=str(path)))


def test_chosen_python_is_the_only_one_tried(bare_repository, tmp_path):
    old = write_program(tmp_path / "an old python", OLD_PYTHON)
    done = run_script(bare_repository, "bootstrap.sh", PYTHON=str(old))
    assert_python_is_missing(done)


def test_newest_wants_a_newer_python_than_the_usual_environment(repository, tmp_path):
    path = bare_path(tmp_path / "bin")
    write_program(path / "python3", OLD_PYTHON.replace("(3, 8)", "(3, 11)"))
    # As a version manager leaves it for a version that is not the chosen one.
    write_program(path / "python3.13", "#!/bin/sh\necho no such version >&2\nexit 127\n")
    done = run_script(repository, "test.sh", "--newest", PATH=str(path))
    assert_python_is_missing(done, "3.12")
    assert not (repository / ".venv-newest").exists()


def test_bootstrap_does_nothing_for_an_option_that_it_does_not_know(repository):
    done = run_script(repository, "bootstrap.sh", "--latest")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: bootstrap.sh")


def assert_python_is_missing(done, wanted="3.11"):
    assert done.returncode == 3
    assert done.stderr.startswith(f"Python {wanted} or newer is needed")
    assert done.stderr.count("\n") == 1, "one sentence on one line"


def test_two_bootstraps_at_once_wait_for_each_other(bare_repository):
    python = write_program(bare_repository / "slow python", SLOW_PYTHON)
    scripts = []
    try:
        for last_words in ("Making the environment", "Another bootstrap.sh is at work"):
            script = start_bootstrap(bare_repository, PYTHON=str(python))
            scripts.append(script)
            script.wait_until_it_says(last_words)
        assert (bare_repository / "steps-taken").read_text() == "begin\n"
        (bare_repository / "go").touch()
        assert [script.process.wait(30) for script in scripts] == [3, 3]
        # The second finds nothing done, as the first has failed, and tries for itself.
        assert (bare_repository / "steps-taken").read_text() == "begin\nend\n" * 2
    finally:
        for script in scripts:
            script.end()


def start_bootstrap(repository, **variables):
    output = repository / f"said-{secrets.token_hex(4)}"
    words = [repository / "scripts" / "bootstrap.sh"]
    return Script(repository, words, output=output, variables=variables)


# --- test.sh --------------------------------------------------------------------------------------

# A Python that says how pytest is called.
TALKATIVE_PYTHON = f"""#!/bin/sh
[ "$2 $3" = "-m pytest" ] || exec {sys.executable} "$@"
printf '%s\\n' "$@"
"""


def test_newest_runs_the_tests_of_all_stages_in_its_own_environment(repository, tmp_path):
    newest = repository / ".venv-newest"
    (newest / "bin").mkdir(parents=True)
    write_program(newest / "bin" / "python", TALKATIVE_PYTHON)
    shutil.copy(ROOT / "requirements-newest.lock", repository)
    lock = checksums(repository, "requirements-newest.lock")
    (newest / "made-from").write_text(f"{platform.python_version()}\n{lock}")
    (repository / "tests").symlink_to(ROOT / "tests")
    done = run_script(repository, "test.sh", "--newest", "-k", "idle", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *_, option, value = words = done.stdout.splitlines()
    assert [option, value] == ["-k", "idle"], "pytest's own options come last"
    files = {ROOT / word for word in words if word.startswith("tests/") and "::" not in word}
    assert all(file.exists() for file in files), files
    assert ROOT / "tests" / "final" in files
    assert ROOT / "tests" / "stages" / "test_newest.py" in files
    assert ROOT / "tests" / "notebooks" / "test_notebooks.py" not in files


# --- manage.sh ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["6", "06"])
def test_manage_says_that_a_stage_does_not_run(repository, number):
    done = run_script(repository, "manage.sh", number, "say", "lobby", "hello")
    assert done.returncode == 2
    assert done.stderr == "Stage 6 is not running: start it with ./scripts/run_step.sh 6\n"


@pytest.mark.parametrize("number", ["0", "99", "--bogus"])
def test_manage_knows_which_stages_there_are(repository, number):
    done = run_script(repository, "manage.sh", number, "check")
    assert done.returncode == 2
    assert done.stderr.startswith(f"There is no stage '{number}'")
    assert done.stderr.count("\n") == 1


async def test_manage_say_reaches_the_sockets_of_a_running_stage(repository, tmp_path):
    garbage = {"DJANGO_SETTINGS_MODULE": "nonsense", "PYTHONSAFEPATH": "1"}
    with step(repository, "6", "--instances", "2") as running:
        async with websocket_reader(running, "lobby") as bob:
            words = ["6", "say", "lobby", "from outside", "--author", "carol"]
            done = run_script(repository, "manage.sh", *words, cwd=tmp_path, **garbage)
            assert done.returncode == 0, done.stderr
            message = await bob.next(within=10)
    assert (message["author"], message["text"]) == ("carol", "from outside")


def test_manage_is_not_misled_by_a_run_that_was_killed_with_its_sweeper(repository):
    with step(repository, "5") as running:
        (sweeper,) = [each for each in running.processes() if "sweep.py" in str(each.cmdline())]
        sweeper.kill()
        running.send(signal.SIGKILL)
        running.process.wait()
        _, left = psutil.wait_procs(running.processes(), timeout=STOP_SECONDS)
        assert not left
        assert len(run_folders(repository)) == 1, "nobody was there to remove it"
        done = run_script(repository, "manage.sh", "5", "say", "lobby", "anybody there?")
        assert "Stage 5 is not running" in done.stderr
        assert run_folders(repository) == []


# --- bench.sh -------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["nonsense"]], ids=["none", "unknown"])
def test_bench_wants_a_verb_that_it_knows(repository, arguments):
    done = run_script(repository, "bench.sh", *arguments)
    assert done.returncode == 2
    assert "usage: bench.sh" in done.stderr


def test_bench_needs_a_git_repository(repository):
    done = run_script(repository, "bench.sh", "start")
    assert done.returncode == 3
    assert "git" in done.stderr
    assert run_folders(repository) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_bench_leaves_nothing_when_it_is_stopped(repository, number):
    need_git()
    make_git_repository(repository)
    words = [repository / "scripts" / "bench.sh", "start"]
    bench = Script(repository, words, output=repository / ".run" / "said")
    try:
        bench.wait_until_it_says("Starting it")
        bench.send(number)
        assert_nothing_left(bench)
    finally:
        bench.end()


def make_git_repository(folder):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    names = ["notebooks", "requirements.lock", "scripts", "steps"]
    for words in (["init", "--quiet"], ["add", *names], ["commit", "--quiet", "--message", "All"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
