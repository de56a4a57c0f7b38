"""Each stage stands alone: copied out of the repository, plain Django commands run it."""

import asyncio
import contextlib
import re
from importlib.metadata import packages_distributions

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from chatflow import find_stage, stages
from chatflow.basics.addresses import NO_TLS
from chatflow.basics.catalog import ROOT
from helpers import scripts
from stages.helpers import bare_environment, copied, lone_redis, port_of, program, run_python

# Port 0: the system chooses one, and the server's log says which.
COMMANDS = {
    "gunicorn": "gunicorn --bind 127.0.0.1:0 websockets_channels.wsgi",
    "daphne": "daphne -e tcp:0:interface=127.0.0.1 websockets_channels.asgi:application",
    "uvicorn": "uvicorn --port 0 --lifespan off websockets_channels.asgi:application",
}

# What chat_final wants to know where it is for everybody.
PRODUCTION = {
    "SECRET_KEY": "only-for-this-test-and-longer-than-fifty-characters-1234567890",
    "ALLOWED_HOSTS": "chat.example.com",
}
# What a proxy says that has taken the TLS off.
OVER_TLS = {"Host": "chat.example.com", "X-Forwarded-Proto": "https"}

only_final = pytest.mark.parametrize("stage", [find_stage("final")], indirect=True, ids=["final"])
# Two come with Django and with Daphne, which choose their versions; the third is one more server.
NOT_REQUIRED = {"asgiref", "autobahn", "uvicorn"}


@pytest.fixture(params=stages(), ids=lambda stage: stage.name)
def stage(request):
    return request.param


@pytest.fixture
def copy(stage, stage_folders, tmp_path):
    # In folders with any characters in their names, one within the other.
    place = tmp_path.joinpath("c++", "C#", "50%", "%41", scripts.ODD)
    return copied(stage_folders.get(stage.number, stage.folder), place)


@pytest.fixture
def environment(stage):
    """What the stage's README says to set: nothing, but for chat_final."""
    return bare_environment() | ({"DEVELOPMENT": "1"} if stage.key == "final" else {})


def manage(copy, environment, *arguments):
    return run_python(copy, environment, "manage.py", *arguments)


async def test_migrate_and_the_server_command_of_the_readme_are_enough(
    stage, copy, environment, tmp_path
):
    migrate(copy, environment)
    assert scripts.databases(tmp_path) == {copy / "db.sqlite3"}, "in its own folder"
    async with (
        serving(stage.server, copy, environment) as url,
        httpx.AsyncClient(verify=NO_TLS) as http,
    ):
        page = await http.get(url)
    assert page.status_code == 200
    says_its_port = f">port {httpx.URL(url).port}<" in page.text
    assert says_its_port == (stage.key != "final"), "whoever forks the chat wants no such line"


# Both commands by the stage's own manage.py, in one process: most of the time it takes to begin.
CHECK_AND_MIGRATE = """
import runpy, sys
for words in (["makemigrations", "--check", "--dry-run"], ["migrate", "--verbosity", "0"]):
    sys.argv = ["manage.py", *words]
    runpy.run_path("manage.py", run_name="__main__")
"""


def migrate(copy, environment):
    """Migrate; before that Django should find nothing wrong, and no migration missing."""
    done = run_python(copy, environment, "-c", CHECK_AND_MIGRATE)
    # Django's system checks run first, and warn on stderr.
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@contextlib.asynccontextmanager
async def serving(name, copy, environment):
    """Run a server by its own command; yields the address that it says it has."""
    async with program(*COMMANDS[name].split(), cwd=copy, env=environment) as server:
        yield f"http://127.0.0.1:{await port_of(server)}/"


@pytest.mark.parametrize("stage", [one for one in stages() if one.worker], indirect=True)
async def test_worker_command_of_the_readme_is_enough(copy, stage, environment):
    with lone_redis() as redis:
        environment["REDIS_URL"] = redis.url
        words = "manage.py", *stage.worker
        async with program("python", *words, cwd=copy, env=environment) as worker:
            async with asyncio.timeout(30):
                while "Running worker for channels" not in worker.said():
                    assert worker.poll() is None, worker.last_lines()
                    await asyncio.sleep(0.02)


# --- chat_final, which may leave the walkthrough ------------------------------------------------


@only_final
def test_its_own_tests_pass_where_it_stands_alone(copy, environment):
    done = manage(copy, environment, "test")
    assert done.returncode == 0, done.stderr
    assert not re.search(r"(Found|Ran) 0 test", done.stdout + done.stderr), "it has no tests"
    assert not list(copy.glob("*.sqlite3*")), "they leave no database behind"


@only_final
def test_checks_for_production_have_nothing_to_say(copy):
    production = bare_environment() | PRODUCTION
    done = manage(copy, production, "check", "--deploy", "--fail-level", "WARNING")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@only_final
@pytest.mark.parametrize("given", [{}, {"SECRET_KEY": ""}], ids=["no key", "an empty key"])
def test_missing_key_is_one_clear_error(copy, given):
    done = manage(copy, bare_environment() | given, "check")
    assert done.returncode == 1
    *lines, last = done.stderr.splitlines()
    assert "Set SECRET_KEY" in last, "the last line says what to do"
    assert "Error" not in "".join(line for line in lines if line[:1].isalpha()), "one error only"


@only_final
async def test_in_production_it_serves_its_static_files_and_speaks_https_only(copy):
    production = bare_environment() | PRODUCTION
    migrate(copy, production)
    done = manage(copy, production, "collectstatic", "--no-input", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    async with (
        serving("uvicorn", copy, production) as url,
        httpx.AsyncClient(base_url=url, headers=OVER_TLS, verify=NO_TLS) as http,
    ):
        page = await http.get("/accounts/login/")
        files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        assert len(files) > 1, "the page has a style and a script of its own"
        for path in files:
            assert (await http.get(path)).status_code == 200, f"nobody serves {path}"
        plain = await http.get("/accounts/login/", headers={"X-Forwarded-Proto": "http"})
    assert plain.headers["location"] == "https://chat.example.com/accounts/login/"
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    cookies = page.headers.get_list("set-cookie")
    assert cookies
    assert all("Secure" in cookie for cookie in cookies)


FINAL = find_stage("final").folder


def test_requirements_of_chat_final_are_what_its_code_uses():
    used = {canonicalize_name(name) for name in used_packages()}
    wanted = {one.name for one in requirements("requirements.in")}
    assert used - NOT_REQUIRED == wanted


def used_packages():
    """The third-party packages that the code imports, and those that its settings name."""
    known = {name: found[0] for name, found in packages_distributions().items()}
    for path in FINAL.rglob("*.py"):
        text = path.read_text()
        names = re.findall(r"^ *(?:from|import) (\w+)", text, re.MULTILINE)
        if path.name in ("settings.py", "logs.py"):
            names += re.findall(r'"(\w+)[\w.]*"', text)
        yield from (known[name] for name in names if name in known)


def requirements(name):
    lines = (FINAL / name).read_text().splitlines()
    texts = [line.partition("#")[0].strip() for line in lines]
    return [Requirement(text) for text in texts if text]


def test_requirements_of_chat_final_are_pinned_as_they_are_tested_here():
    pinned, tested = pins(FINAL / "requirements.txt"), pins(ROOT / "requirements.lock")
    assert pinned.items() <= tested.items(), "run ./scripts/lock.sh"
    for requirement in requirements("requirements.in"):
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement}: run ./scripts/lock.sh"


def pins(path):
    """{package: version} of a lock file, in which each one has its hashes."""
    found = {}
    for entry in re.split(r"\n(?=\S)", path.read_text()):
        name, version = re.match(r"([^\s=\[]+)(?:\[[^]]*])?==([^\s;]+)", entry).groups()
        assert "--hash=sha256:" in entry, f"{name} has no hash"
        found[canonicalize_name(name)] = version
    return found
