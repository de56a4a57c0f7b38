"""Only for `test.sh --newest`: that the newest releases run, and what is new in them."""

import asyncio
import re
import sys
from importlib.metadata import version

import httpx
import psutil
import pytest
import websockets

from chatflow import find_stage, post, stage, stages, websocket_reader
from chatflow.clients.sockets import connect
from chatflow.running.variants import variant
from stages.helpers import FINAL, bare_environment, changed, copied, run_python

SETTINGS = "websockets_channels/settings.py"
# Each process writes them into its log, as often as they come. Django has both kinds: what the next
# release will not have, and what the one after it.
ALL_WARNINGS = "always::DeprecationWarning,always::PendingDeprecationWarning"
PAGES = ["/", "/chat/lobby/", "/accounts/login/", "/accounts/signup/", "/admin/login/"]


def test_releases_are_those_that_requirements_newest_in_asks_for():
    assert version("django").startswith("6.1.")
    assert version("redis").startswith("8.")
    assert sys.version_info >= (3, 12)


async def test_all_that_a_stage_runs_has_them(start):
    async with start(7, instances=2) as chat:
        commands = [psutil.Process(one.program.pid).cmdline() for one in chat.processes()]
        assert [command[0] for command in commands] == [sys.executable] * 3
        asked = "import django, redis; print(django.__version__, redis.__version__)"
        done = await asyncio.to_thread(chat.manage, "shell", "--no-imports", "--command", asked)
        assert done.stdout.split() == [version("django"), version("redis")], done.stderr


# --- redis-py 8, left to itself -------------------------------------------------------------------

# Its own default again, by an option that says no more than redis-py's default either. An answer of
# Redis may come just in time, as both wait for five seconds: then it is the next that does not.
UNTOLD = ('"socket_timeout": None', '"health_check_interval": 0')


async def test_queue_layer_ends_an_idle_socket_of_a_stage_where_nobody_tells_it_to_wait():
    async with changed(6, SETTINGS, *UNTOLD) as chat:
        async with connect(chat, "lobby", "alice") as alice:
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(alice.recv(), 60)
        assert alice.close_code == 1011
        assert "Timeout reading from" in chat.instances[0].program.said()


async def test_chat_final_keeps_its_sockets_there_too_but_calls_its_layer_broken():
    async with (
        changed(FINAL, SETTINGS, *UNTOLD, redis_layer="queue") as chat,
        connect(chat, "lobby", "alice") as alice,
    ):
        async with asyncio.timeout(60):
            while "The layer fails" not in chat.instances[0].program.said():
                await alice.recv()  # it hears of who is there, and a `head` in ten seconds
        assert alice.close_code is None


# --- what they will not have any more -------------------------------------------------------------


def complaints(text, folder):
    """Warnings about code in this folder, and Django's own about what a settings file says."""
    line = rf"^{re.escape(str(folder))}/\S+:\d+: \w*DeprecationWarning.*|^.*RemovedInDjango.*"
    return re.findall(line, text, re.MULTILINE)


@pytest.mark.parametrize("number", [each.number for each in stages()])
async def test_no_stage_uses_what_will_be_removed(start, number):
    async with start(number, settings={"PYTHONWARNINGS": ALL_WARNINGS}) as chat:
        await visit(chat)
        checked = await asyncio.to_thread(chat.manage, "check")
        said = [one.program.said() for one in chat.processes()]
        assert complaints("\n".join([*said, checked.stderr]), chat.folder) == []


async def visit(chat):
    """Read, write, and connect, as far as the stage can."""
    assert (await post(chat, "lobby", "alice", "hello")).status_code == 302
    async with websocket_reader(chat, "lobby") as reader:
        if reader:
            await reader.post("alice", "hello")
            await reader.next()
    async with httpx.AsyncClient(base_url=chat.url) as http:
        for path in PAGES:
            assert (await http.get(path)).status_code in (200, 302, 404)


async def test_such_a_use_is_noticed():
    views = find_stage(1).folder / "chat" / "views.py"
    first = views.read_text().splitlines()[0]
    old = f"import warnings; warnings.warn('old', DeprecationWarning, stacklevel=1); {first}"
    settings = {"PYTHONWARNINGS": ALL_WARNINGS}
    async with changed(1, "chat/views.py", first, old, settings=settings) as chat:
        [found] = set(complaints(chat.instances[0].program.said(), chat.folder))
    assert found.endswith("views.py:1: DeprecationWarning: old")


def test_own_tests_of_chat_final_meet_nothing_that_will_be_removed(tmp_path):
    copy = copied(find_stage(FINAL).folder, tmp_path)
    environment = bare_environment() | {"DEVELOPMENT": "1", "PYTHONWARNINGS": ALL_WARNINGS}
    done = run_python(copy, environment, "manage.py", "test")
    assert done.returncode == 0, done.stderr
    assert complaints(done.stderr, copy) == []


# --- what Django 6 has of its own -----------------------------------------------------------------

# As chat_final's README says it.
OWN_MEANS = {
    '"csp.middleware.CSPMiddleware"': '"django.middleware.csp.ContentSecurityPolicyMiddleware"',
    "\nCONTENT_SECURITY_POLICY = {\n": "\nSECURE_CSP = {\n",
    '    "DIRECTIVES": {\n': "",
    '        "object-src": ["\'none\'"],\n    }\n': '        "object-src": ["\'none\'"],\n',
    'DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"  # what Django 6 does by itself\n': "",
}


async def test_django_6_does_what_django_csp_and_the_default_key_are_here_for(start):
    (first, then), *others = OWN_MEANS.items()
    async with variant(FINAL, SETTINGS, first, then) as folder:
        text = (folder / SETTINGS).read_text()
        for before, after in others:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        (folder / SETTINGS).write_text(text)
        async with stage(FINAL, folder=folder) as new, start(FINAL) as old:
            [by_django, by_package] = [await policy(chat) for chat in (new, old)]
            words = ["makemigrations", "--check", "--dry-run"]
            done = await asyncio.to_thread(new.manage, *words)
    assert by_django == by_package
    assert "frame-ancestors 'none'" in by_django
    assert done.returncode == 0, f"its keys should be as long as before: {done.stdout}"


async def policy(chat):
    """The directives of its Content-Security-Policy, in order."""
    async with httpx.AsyncClient(base_url=chat.url) as http:
        header = (await http.get("/accounts/login/")).headers["content-security-policy"]
    return sorted(part.strip() for part in header.split(";"))
