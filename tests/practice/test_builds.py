"""Each build, as handed out, half done and solved: what a check says, and which hop it marks."""

import asyncio
import re
import tomllib
from pathlib import Path

import pytest

from chatflow.basics.errors import LaunchError
from chatflow.practice.checking import check, sentence
from chatflow.practice.evidence import SIGNS, Evidence, last_error
from chatflow.practice.exercises import exercises, find
from chatflow.practice.starting import why_not_started
from chatflow.practice.unawaited import never_awaited
from practice.choosing import of_the_day
from practice.folders import copy_of

HALVES = {
    f"{half['build']} {half['name']}": half
    for half in tomllib.loads(Path(__file__).with_name("halves.toml").read_text())["half"]
}
BUILDS = {each.stage.number: each for each in exercises() if each.kind == "build"}

# As handed out: the checks that notice, and the words of what is to be done first. Where a stage
# does not even start, or cannot be asked, nothing is tried.
HANDED_OUT = {
    2: (["request_is_held"], ["404", "a route, and a view"]),
    3: ([], ["websockets_channels/asgi.py"]),
    4: (["accepts_websocket"], ["HTTP only", "hand a WebSocket to Channels"]),
    5: (
        ["live", "nobody_stays_behind", "form_is_heard", "command_tells_the_group"],
        ["Bob's consumer was never told", "joins"],
    ),
    6: (["crosses_instances", "another_process"], ["in their own memory", "Redis"]),
    7: ([], ["worker does not start", "jobs"]),
    8: (["unforgeable", "foreign_site", "logout"], ["in the name of Alice"]),
    9: (["resumes", "stored_once"], ["no `seq`"]),
}
# What is told is what to do, in the words of the field, and never how it is written.
CODE = re.compile(r"\bawait |\bself\.|\basync def|\bimport |\w\(|=|→|def \w")


@pytest.mark.parametrize("number", of_the_day(BUILDS, 1))
def test_build_as_handed_out_fails_by_the_checks_that_it_names(number, tmp_path):
    build = BUILDS[number]
    verdict = judged(build, copy_of(build.start, tmp_path / build.folder.name))
    fails, words = HANDED_OUT[number]
    assert verdict.fails == [sentence(key) for key in fails]
    assert_says(verdict, words)
    assert not verdict.done


@pytest.mark.parametrize("number", of_the_day(BUILDS, 1))
def test_build_that_is_solved_passes(number, tmp_path):
    build = BUILDS[number]
    verdict = judged(build, copy_of(build.stage, tmp_path / build.folder.name))
    assert verdict.done, verdict.next
    assert verdict.holds == [sentence(key) for key in build.checks]
    assert len(verdict.pictures) == 2
    assert verdict.differs is None


@pytest.mark.parametrize("name", of_the_day(HALVES, 2))
def test_half_solution_is_told_the_right_next_thing(name, tmp_path):
    half = HALVES[name]
    build = BUILDS[half["build"]]
    verdict = judged(build, copy_of(build.stage, tmp_path / build.folder.name, half["edit"]))
    assert verdict.fails == [sentence(key) for key in half["fails"]]
    assert_says(verdict, half["says"])
    for label, beginning in zip(where_they_part(verdict), half["parts"], strict=True):
        assert label.startswith(beginning)
        assert bool(label) == bool(beginning), "over in the one, and not in the other"
    for client, reason in half.get("missed", {}).items():
        assert reason in {one.client: one.reason for one in verdict.pictures[0].flow.missed}[client]


def judged(build, folder):
    return asyncio.run(check(build, folder))


def assert_says(verdict, words):
    for word in words:
        assert word in verdict.next
    # An error may say what it likes: that is the learner's own program.
    assert not CODE.search(verdict.next.partition(", line ")[0]), "a check never shows code"


def where_they_part(verdict):
    """What the first hop that differs says in each of the pictures; "" where a flow is over."""
    pairs = zip(verdict.pictures, verdict.differs or (), strict=False)
    return [[*(hop.label for hop in picture.hops), ""][number] for picture, number in pairs]


def test_rooms_are_not_said_to_be_isolated_where_nobody_is_let_in(tmp_path):
    """A first try that joins a group, and has no layer yet: each handshake ends in an error."""
    join = {"file": "chat/consumers.py", "before": "        await self.accept()\n"}
    join["after"] = "        await self.channel_layer.group_add('a', self.channel_name)\n"
    verdict = judged(BUILDS[5], copy_of(BUILDS[5].start, tmp_path / "mine", [join]))
    assert_says(verdict, ["no channel layer"])
    assert sentence("rooms_isolated") in verdict.untried


# --- without starting anything --------------------------------------------------------------------


def test_every_build_has_three_half_solutions_at_least():
    for number in BUILDS:
        assert sum(half["build"] == number for half in HALVES.values()) >= 3
    assert HANDED_OUT.keys() == BUILDS.keys() == set(range(2, 10))


def test_each_rung_looks_for_something_that_evidence_can_show():
    for build in BUILDS.values():
        for rung in build.rungs:
            assert rung.when in SIGNS or callable(getattr(Evidence, rung.when)), rung


def test_each_check_of_a_build_has_a_last_word():
    """Whatever is wrong, something is said of it: the check's last rung asks for nothing, or all
    that is left is the check's own sentence."""
    for build in BUILDS.values():
        for key in build.checks:
            assert [rung for rung in build.rungs if rung.check == key], f"{build.key}: {key}"
            assert sentence(key)


def test_no_rung_and_no_contract_shows_code():
    for build in BUILDS.values():
        for rung in build.rungs:
            assert not CODE.search(rung.say), rung


def test_last_error_is_that_of_the_learners_line(tmp_path):
    log = f"""Traceback (most recent call last):
  File "/elsewhere/channels/consumer.py", line 58, in __call__
    await dispatch(result)
  File "{tmp_path}/chat/consumers.py", line 12, in connect
    await self.join()
  File "{tmp_path}/chat/groups.py", line 7, in join
    raise Nobody("is here")
chat.groups.Nobody: is here
127.0.0.1:57802 - - "WSDISCONNECT /ws/chat/hall/" - -"""
    assert last_error(log, tmp_path) == "chat/groups.py, line 7: chat.groups.Nobody: is here"
    assert last_error(log, tmp_path / "another") == ""


def test_last_error_of_a_worker_is_said_before_its_lines(tmp_path):
    log = f"""Running worker for channels ['bot']
Exception inside application: 'room'
  File "{tmp_path}/chat/workers.py", line 38, in bot_command
    room_name = job["room"]
  'room'
"""
    assert last_error(log, tmp_path) == "chat/workers.py, line 38: 'room'"


def test_client_that_has_gone_is_no_error_of_the_learner(tmp_path):
    log = f"""  File "{tmp_path}/chat/consumers.py", line 53, in resume
    await self.send_json(message)
autobahn.exception.Disconnected: Attempt to send on a closed protocol"""
    assert last_error(log, tmp_path) == ""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ModuleNotFoundError: No module named 'websockets_channels.asgi'", ["asgi.py"]),
        ("CommandError: You do not have any CHANNEL_LAYERS configured.", ["worker", "jobs"]),
        ("django.db.utils.OperationalError: no such table: chat_message", ["makemigrations"]),
        ("NameError: name 'path' is not defined", ["does not start", "NameError"]),
        ("bye", ["does not start", "bye"]),
    ],
)
def test_stage_that_does_not_start_says_why_in_a_sentence(said, words, tmp_path):
    error = LaunchError(f"Instance A did not start. The last lines of its log:\nStarting\n{said}")
    sentence = why_not_started(error, tmp_path)
    assert "\n" not in sentence
    assert all(word in sentence for word in words)


def test_stage_that_never_answers_is_told_so(tmp_path):
    error = LaunchError("Instance A did not start (TimeoutError('timed out')). The last lines: …")
    assert "loops" in why_not_started(error, tmp_path)


async def test_folder_that_is_half_deleted_is_told_what_it_lacks(tmp_path):
    copy_of(BUILDS[5].start, tmp_path / "mine")
    (tmp_path / "mine" / "manage.py").unlink()
    verdict = await check(BUILDS[5], tmp_path / "mine")
    assert "has no manage.py" in verdict.next
    assert len(verdict.untried) == len(BUILDS[5].checks)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("await layer.group_add('a', 'b')", None),
        ("layer.group_add('a', 'b')", ("group_add", "chat/consumers.py, line 2")),
        ("task = layer.group_add('a', 'b')", None),
        ("layer.forget('a')", None),
    ],
)
def test_call_that_is_never_awaited_is_found(code, found, tmp_path):
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "consumers.py").write_text(f"async def connect(layer):\n    {code}\n")
    assert never_awaited(tmp_path) == found


def test_build_is_found_by_its_number():
    assert find("build", "5") is BUILDS[5]
