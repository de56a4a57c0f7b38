"""All scripts but run_step.sh, which has a module of its own: help, set-up, manage.sh, bench.sh."""

import contextlib
import platform
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from chatflow import websocket_reader
from chatflow.basics.catalog import ROOT
from chatflow.bench import __main__ as bench
from chatflow.commands import manage
from chatflow.running import processes
from helpers import scripts
from helpers.missing import need_git

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


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return scripts.copy_repository(tmp_path_factory.mktemp("shared") / "repository")


@pytest.fixture
def bare_repository(tmp_path):
    return scripts.copy_without_environment(tmp_path / "repository")


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_has_help_and_works_from_any_folder(repository, tmp_path, name):
    done = scripts.run_script(repository, name, "--help", cwd=tmp_path, PYTHONHOME="/nonsense")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {name}"), "help goes to standard output"
    assert done.stderr == ""


def test_shellcheck_has_nothing_to_say():
    if not shutil.which("shellcheck"):
        pytest.skip("No shellcheck to be had: install it (Debian: apt install shellcheck).")
    subprocess.run(["shellcheck", *SCRIPTS], cwd=ROOT / "scripts", check=True)


# --- bootstrap.sh ---------------------------------------------------------------------------------


def test_bootstrap_says_and_does_nothing_when_nothing_has_changed(repository, tmp_path):
    before = sorted((repository / ".venv").iterdir())
    path = scripts.bare_path(tmp_path / "bin")
    done = scripts.run_script(repository, "bootstrap.sh", PATH=str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted((repository / ".venv").iterdir()) == before


@pytest.mark.parametrize(
    "script", ["bootstrap.sh", "run_step.sh", "manage.sh", "bench.sh", "compare.sh", "practice.sh"]
)
def test_too_old_python_is_answered_with_one_sentence(bare_repository, tmp_path, script):
    path = scripts.bare_path(tmp_path / "bin")
    scripts.write_program(path / "python3", OLD_PYTHON)
    words = [] if script == "bootstrap.sh" else ["1"]
    assert_python_is_missing(scripts.run_script(bare_repository, script, *words, PATH=str(path)))


def test_python_is_missing_where_there_is_none_or_the_chosen_one_is_too_old(
    bare_repository, tmp_path
):
    old = scripts.write_program(tmp_path / "an old python", OLD_PYTHON)
    for variables in ({"PATH": str(scripts.bare_path(tmp_path / "bin"))}, {"PYTHON": str(old)}):
        assert_python_is_missing(scripts.run_script(bare_repository, "bootstrap.sh", **variables))


def test_newest_wants_a_newer_python_than_the_usual_environment(bare_repository, tmp_path):
    path = scripts.bare_path(tmp_path / "bin")
    scripts.write_program(path / "python3", OLD_PYTHON.replace("(3, 8)", "(3, 11)"))
    # As a version manager leaves it for a version that is not the chosen one.
    scripts.write_program(path / "python3.13", "#!/bin/sh\necho no such version >&2\nexit 127\n")
    done = scripts.run_script(bare_repository, "test.sh", "--newest", PATH=str(path))
    assert_python_is_missing(done, "3.12")
    assert not (bare_repository / ".venv-newest").exists()


def test_bootstrap_does_nothing_for_an_option_that_it_does_not_know(bare_repository):
    done = scripts.run_script(bare_repository, "bootstrap.sh", "--latest")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: bootstrap.sh")


def test_folder_that_python_cannot_work_in_is_answered_with_one_sentence(tmp_path):
    folder = scripts.copy_without_environment(tmp_path / "a:b")
    scripts.assert_one_sentence(scripts.run_script(folder, "bootstrap.sh"), 2, "colon")


def assert_python_is_missing(done, wanted="3.11"):
    scripts.assert_one_sentence(done, 3, f"Python {wanted} or newer is needed")


def test_two_bootstraps_at_once_wait_for_each_other(bare_repository):
    slow = {"PYTHON": str(scripts.write_program(bare_repository / "slow python", SLOW_PYTHON))}
    words = [bare_repository / "scripts" / "bootstrap.sh"]
    (bare_repository / ".run").mkdir()
    with contextlib.ExitStack() as stack:
        running = []
        for last_words in ("Making the environment", "Another bootstrap.sh is at work"):
            output = bare_repository / f"said-{len(running)}"
            script = scripts.Script(bare_repository, words, output=output, variables=slow)
            running.append(stack.enter_context(script))
            script.wait_until_it_says(last_words)
        assert (bare_repository / "steps-taken").read_text() == "begin\n"
        (bare_repository / "go").touch()
        assert [script.process.wait(30) for script in running] == [3, 3]
        # The second finds nothing done, as the first has failed, and tries for itself.
        assert (bare_repository / "steps-taken").read_text() == "begin\nend\n" * 2


# --- test.sh --------------------------------------------------------------------------------------

# A Python that says how pytest is called.
TALKATIVE_PYTHON = f"""#!/bin/sh
[ "$2 $3" = "-m pytest" ] || exec {sys.executable} "$@"
printf '%s\\n' "$@"
"""


def test_newest_runs_the_tests_of_all_stages_in_its_own_environment(bare_repository, tmp_path):
    newest = bare_repository / ".venv-newest"
    (newest / "bin").mkdir(parents=True)
    scripts.write_program(newest / "bin" / "python", TALKATIVE_PYTHON)
    shutil.copy(ROOT / "requirements-newest.lock", bare_repository)
    lock = scripts.checksums(bare_repository, "requirements-newest.lock")
    (newest / "made-from").write_text(f"{platform.python_version()}\n{lock}")
    (bare_repository / "tests").symlink_to(ROOT / "tests")
    done = scripts.run_script(bare_repository, "test.sh", "--newest", "-k", "idle", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *_, option, value = words = done.stdout.splitlines()
    assert [option, value] == ["-k", "idle"], "pytest's own options come last"
    files = {ROOT / word for word in words if word.startswith("tests/") and "::" not in word}
    assert all(file.exists() for file in files), files
    assert ROOT / "tests" / "final" in files
    assert ROOT / "tests" / "stages" / "test_newest.py" in files
    assert ROOT / "tests" / "notebooks" / "test_notebooks.py" not in files


# --- manage.sh ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "said"),
    [
        *((number, "Stage 6 is not running: start it with ./s") for number in ("6", "06")),
        *((number, f"There is no stage '{number}'") for number in ("0", "99", "--bogus")),
    ],
)
def test_manage_knows_which_stages_there_are_and_which_do_not_run(
    monkeypatch, tmp_path, capsys, number, said
):
    monkeypatch.setattr(processes, "RUNS", tmp_path)
    assert manage.main([number, "say", "lobby", "hello"]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(said)
    assert errors.count("\n") == 1


async def test_manage_say_reaches_the_sockets_of_a_stage_until_it_is_killed_with_its_sweeper(
    repository, tmp_path
):
    garbage = {"DJANGO_SETTINGS_MODULE": "nonsense", "PYTHONSAFEPATH": "1"}
    words = ["6", "say", "lobby", "from outside", "--author", "carol"]
    with scripts.step(repository, "6") as running:
        async with websocket_reader(running, "lobby") as bob:
            done = scripts.run_script(repository, "manage.sh", *words, cwd=tmp_path, **garbage)
            assert done.returncode == 0, done.stderr
            message = await bob.next(within=10)
        assert (message["author"], message["text"]) == ("carol", "from outside")
        [sweeper] = running.find("sweep.py")
        sweeper.kill()
        running.send(signal.SIGKILL)
        running.process.wait()
        _, left = psutil.wait_procs(running.processes(), timeout=scripts.STOP_SECONDS)
        assert not left
        assert len(scripts.run_folders(repository)) == 1, "nobody was there to remove it"
        done = scripts.run_script(repository, "manage.sh", *words)
        # It must not be misled by what the run has left.
        scripts.assert_one_sentence(done, 2, "Stage 6 is not running: start it with ./scripts/run_")
        assert scripts.run_folders(repository) == []


# --- bench.sh -------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["nonsense"]], ids=["none", "unknown"])
def test_bench_wants_a_verb_that_it_knows(capsys, arguments):
    with pytest.raises(SystemExit, match="2"):
        bench.main(arguments)
    assert "usage: bench.sh" in capsys.readouterr().err


def test_bench_needs_a_git_repository(repository):
    done = scripts.run_script(repository, "bench.sh", "start")
    assert done.returncode == 3
    assert "git" in done.stderr
    assert scripts.run_folders(repository) == []


def test_bench_leaves_nothing_when_it_is_stopped(tmp_path):
    need_git()
    repository = scripts.copy_repository(tmp_path / "repository")
    scripts.make_git_repository(repository, "notebooks", "requirements.lock", "scripts", "steps")
    words = [repository / "scripts" / "bench.sh", "start"]
    with (
        scripts.Script(repository, words, output=repository / ".run" / "one") as one,
        scripts.Script(repository, words, output=repository / ".run" / "other") as other,
    ):
        for script, number in ((one, signal.SIGINT), (other, signal.SIGTERM)):
            script.wait_until_it_says("Starting it")
            script.send(number)
        for script in (one, other):
            scripts.assert_nothing_left(script)
