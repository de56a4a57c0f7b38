"""Background work, from stage 07 on: jobs, the bot and its matches, what a dead worker loses."""

import asyncio
import re

import psutil
import pytest
import redis

from chatflow import post
from chatflow.clients.sockets import connect, next_event
from chatflow.probing.people import new_room
from helpers.talking import write
from labs.jobs import another_worker, stored, until, waiting
from stages.helpers import able, get

WITH_WORKER = able("unasked")
every_worker_stage = pytest.mark.parametrize("chat", WITH_WORKER, indirect=True)
# What a worker is and loses changes no more after the first stage that has one. All tests share
# it; they may end its worker, but start it again.
first_with_worker = pytest.mark.parametrize("chat", WITH_WORKER[:1], indirect=True)
every_layer = pytest.mark.parametrize("layer", ["queue", "pubsub"])

BOT = "the bot"
WAIT_SECONDS = 30
MOST_JOBS = 100


@pytest.fixture
def layer():
    """Which Redis layer carries the messages, where no parameter says so."""
    return "queue"


@pytest.fixture(scope="module")
def running_over_pubsub(started_once):
    with started_once(redis_layer="pubsub") as get:
        yield get


@pytest.fixture
def over_layer(layer, running, running_over_pubsub):
    """Call it with a number for that stage over this layer, which all tests of this file share."""
    return running if layer == "queue" else running_over_pubsub


@pytest.fixture
def chat(request, over_layer):
    return over_layer(request.param)


async def next_from(socket, kind, **wanted):
    """The next event of this kind with these values; what comes before it is left out."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            event = await next_event(socket)
            if event["type"] == kind and wanted.items() <= event.items():
                return event


async def next_answer(socket):
    return (await next_from(socket, "message", author=BOT))["text"]


async def answers_until(socket, text):
    """All that the bot says, up to this."""
    answers = [await next_answer(socket)]
    while answers[-1] != text:
        answers.append(await next_answer(socket))
    return answers


async def give(socket, text):
    """Post a command; returns when its job has been given."""
    await write(socket, text)
    # A consumer takes its frames in turn: when it answers the second, it has done with the first.
    await socket.send("not JSON")
    await next_from(socket, "error")


# --- the bot ------------------------------------------------------------------------------------


@every_worker_stage
async def test_bot_answers_everybody_in_the_room_that_asked_and_nobody_elsewhere(chat):
    room_name, (here, there) = new_room(), chat.instances
    async with (
        connect(here, room_name, "alice") as alice,
        connect(there, room_name, "bob") as bob,
        connect(chat, new_room(), "carol") as carol,
    ):
        assert (await post(chat, room_name, "dave", "/roll 1d1")).status_code == 302
        for socket in (alice, bob):
            assert await next_answer(socket) == "dave rolls 1 = 1", "a form's command counts too"
        await write(alice, "/roll 3d6")
        answers = [await next_answer(socket) for socket in (alice, bob)]
        await write(carol, "nobody rolls here")
        # Had an answer come here, it would have come first.
        assert (await next_event(carol))["text"] == "nobody rolls here"
    assert answers[0] == answers[1]
    dice, total = re.fullmatch(r"alice rolls (\d \+ \d \+ \d) = (\d+)", answers[0]).groups()
    assert sum(map(int, dice.split(" + "))) == int(total)
    page = (await get(chat, f"/chat/{room_name}/")).text
    assert f"<p>{answers[0]}</p>" in page, "an answer is a message like any other"


UNKNOWN = ["/", "/help", "/roll", "/roll 0d6", "/roll 100d6", "/roll 2d1000", "/roll 2d0"]
UNKNOWN += ["/roll ٣d6", "/ROLL 1d6", "/match 1", "/remind tea", "/remind 5", "/remind -1 tea"]
UNKNOWN += ["/remind 99999 tea"]


@every_worker_stage
async def test_command_that_the_bot_does_not_know_is_answered_with_those_that_it_knows(chat):
    async with connect(chat, new_room(), "alice") as alice:
        for command in UNKNOWN:
            await write(alice, command)
            answer = await next_answer(alice)
            assert all(word in answer for word in ("/roll", "/remind", "/match")), command


@every_worker_stage
async def test_reminder_comes_and_holds_nobody_up_and_what_is_no_command_is_no_job(chat):
    async with connect(chat, new_room(), "alice") as alice:
        await write(alice, "/remind 1 tea & cake")
        await write(alice, "what does /roll do?")
        await write(alice, "/roll 1d1")
        heard = await answers_until(alice, "alice: tea & cake")
    assert heard == ["alice rolls 1 = 1", "alice: tea & cake"], "only a / at the start is a command"


# --- a match ------------------------------------------------------------------------------------


@first_with_worker
async def test_scores_reach_the_room_in_order_and_none_is_stored(chat):
    room_name = new_room()
    async with (
        connect(chat.instances[0], room_name, "alice") as alice,
        connect(chat.instances[1], room_name, "bob") as bob,
        connect(chat, new_room(), "carol") as carol,
    ):
        await write(alice, "/match")
        heard = [[await next_from(socket, "score") for _ in range(4)] for socket in (alice, bob)]
        await write(carol, "no football here")
        assert (await next_event(carol))["type"] == "message", "a score left its room"
        page = (await get(chat, f"/chat/{room_name}/")).text
    assert heard[0] == heard[1]
    assert [score["minute"] for score in heard[0]] == [0, 5, 10, 15]
    assert set(heard[0][0]) == {"type", "minute", "home", "away"}
    assert page.count("<li data-") == 1, "of all this only the command is a message"


@every_worker_stage
async def test_second_match_waits_for_no_other_room_and_is_refused_in_the_same(chat):
    room_name, other_room = new_room(), new_room()
    async with connect(chat, room_name, "alice") as alice, connect(chat, other_room, "bob") as bob:
        await write(alice, "/match")
        await next_from(alice, "score")
        await write(alice, "/match")
        assert await next_answer(alice) == "A match is on already."
        await write(bob, "/match")
        assert (await next_from(bob, "score"))["minute"] == 0
        await write(bob, "/roll 1d1")
        assert (await next_answer(bob)).endswith(" rolls 1 = 1"), "no job waits for a match"


# --- no worker, a dead worker, a job that fails -------------------------------------------------


def rolled(count):
    return f"alice rolls {' + '.join('1' * count)} = {count}"


# Notebook 07 does the same over the queue layer.
@first_with_worker
@pytest.mark.parametrize("layer", ["pubsub"])
async def test_jobs_wait_for_a_worker_up_to_a_hundred_and_each_is_answered_once(chat):
    """One more is refused in words, and its socket stays open."""
    counts = [1 + number % 3 for number in range(MOST_JOBS)]
    async with connect(chat, new_room(), "alice") as alice:
        await asyncio.to_thread(chat.worker.stop)
        for count in counts:
            await give(alice, f"/roll {count}d1")
        assert await asyncio.to_thread(waiting, chat) == MOST_JOBS, "what nobody has taken waits"
        await write(alice, "/roll 6d1")
        assert await next_answer(alice) == "I have too much to do. Is there a worker at all?"
        await asyncio.to_thread(chat.worker.start)
        heard = [await next_answer(alice) for _ in counts]
        await write(alice, "/roll 4d1")
        last = await next_answer(alice)
    assert heard == [rolled(count) for count in counts]
    assert last == rolled(4), "the refused job was not done after all"


@first_with_worker
@every_layer
async def test_worker_whose_connection_breaks_ends_and_another_takes_what_waits(chat):
    async with connect(chat, new_room(), "alice") as alice:
        await write(alice, "/roll 1d1")
        assert await next_answer(alice) == "alice rolls 1 = 1"
        await asyncio.to_thread(break_connections_of, chat.worker, chat)
        await until(lambda: chat.worker.program.poll() is not None)
        assert chat.worker.program.poll() == 1, "a worker that hears no jobs any more should end"
        await give(alice, "/roll 2d1")
        await asyncio.to_thread(chat.worker.start)
        assert await next_answer(alice) == "alice rolls 1 + 1 = 2"


def break_connections_of(worker, chat):
    """Have Redis break all connections of one process, as a network may that forgets them."""
    ports = [each.laddr.port for each in psutil.Process(worker.program.pid).net_connections("tcp")]
    with redis.Redis.from_url(chat.redis[0].url) as client:
        for each in client.client_list():
            if int(each["addr"].rpartition(":")[2]) in ports:
                client.client_kill_filter(_id=each["id"])


# --- several workers, several servers, several stages ---------------------------------------------


async def roll_each(sockets):
    """Have each of them roll, one after the other and each answered."""
    for socket in sockets:
        await write(socket, "/roll 1d1")
        await next_answer(socket)


@first_with_worker
@pytest.mark.parametrize("layer", ["pubsub"])
async def test_one_of_two_workers_does_a_job_whatever_layer_carries_the_messages(chat):
    before = len(stored(chat, BOT))
    async with another_worker(chat, "bot"), connect(chat, new_room(), "alice") as alice:
        await roll_each([alice] * 4)
        answers = stored(chat, BOT)[before:]
    # The queue layer itself may give a job to both, if one asks while the other has just taken it.
    assert 4 <= len(answers) < 8, f"4 jobs were given; done were {answers}"


@every_layer
async def test_two_stages_on_one_redis_do_not_take_each_others_jobs(over_layer, start, layer):
    seven, room_name = over_layer(7), new_room()
    before = len(stored(seven, BOT))
    async with (
        start(8, redis_layer=layer, redis_url=seven.redis[0].url) as eight,
        connect(seven, room_name, "alice") as alice,
        connect(eight, room_name, "bob") as bob,
    ):
        # Not in turn: two workers at one queue take turns, too.
        await roll_each([alice, alice, bob, bob])
        heard = {"alice": stored(seven, BOT)[before:], "bob": stored(eight, BOT)}
    for name, answers in heard.items():
        assert len(answers) == 2, f"two jobs were given, and answered: {answers}"
        assert all(answer.startswith(name) for answer in answers), "a job was done elsewhere"


@every_layer
async def test_jobs_meet_their_worker_however_many_redis_servers_there_are(start, layer):
    async with (
        start(7, redis_shards=2, redis_layer=layer) as chat,
        connect(chat, "lobby", "alice") as alice,
        connect(chat, "tea", "bob") as bob,
    ):
        await roll_each([alice, bob] * 4)
        assert len(stored(chat, BOT)) == 8
