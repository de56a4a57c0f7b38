"""chat_final on PostgreSQL: what stage 09 promises holds there too, and what only it can show."""

import asyncio
import itertools
import json
import signal
import sys
import uuid
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import psycopg
import pytest
import pytest_asyncio
import websockets

from chatflow import post
from chatflow.basics.addresses import NO_TLS
from chatflow.basics.errors import MissingError
from chatflow.clients.sockets import connect
from chatflow.clients.traffic import network
from chatflow.clients.visitor import PASSWORD, Visitor
from chatflow.probing.people import new_room
from chatflow.running import postgres
from chatflow.running.environment import OVERLAY, QUICK_SETTINGS
from chatflow.running.ports import free_port
from final.helpers import (
    FINAL,
    LOG,
    LOG_NOW,
    OWNERS,
    OWNERS_NOW,
    eventually,
    in_database,
    manage,
    migrate_from_before,
    session_of,
    submit,
)
from final.test_rooms import (  # noqa: F401  Both on this file's `chat`.
    begin,
    test_of_two_who_leave_at_once_one_is_asked_back,
)
from helpers import scripts
from helpers.resume import frame, log_in, messages_until, next_message, next_of_any_kind, stored
from helpers.talking import all_of
from stages.helpers import joined
from stages.test_resume import (  # noqa: F401  Collected here too, and so run with this file's `chat`.
    say,
    test_first_messages_of_many_rooms_at_once_are_all_numbered_1,
    test_five_times_the_same_client_id_on_one_socket_is_stored_once_and_answered_each_time,
    test_forms_and_sockets_that_post_at_once_share_one_row_of_numbers,
    test_history_comes_a_page_at_a_time_until_nothing_is_left,
    test_hole_is_filled_from_the_database_before_the_message_that_shows_it,
    test_many_who_post_at_once_on_two_instances_are_all_answered,
    test_replay_of_several_pages_is_whole_and_in_order,
    test_same_client_id_after_a_reconnect_is_answered_with_the_stored_message,
    test_same_client_id_from_another_author_or_in_another_room_is_a_new_message,
    test_same_client_id_on_five_sockets_of_two_instances_at_once_is_stored_once,
    test_save_that_is_refused_or_rolled_back_leaves_no_gap,
    test_whoever_joins_while_messages_are_posted_has_what_the_database_has,
)

# As with a run's own SQLite file: its users go with it, so hashing their passwords may be quick.
QUICK = {"DJANGO_SETTINGS_MODULE": QUICK_SETTINGS, "PYTHONPATH": str(OVERLAY)}
# Nobody waits for longer than this for what has to come, however slow the machine.
PATIENCE = 60


@pytest.fixture(scope="module")
def new_database(server):
    """Call it for the URL of a database that is migrated: a copy, since migrating takes seconds."""
    pristine = server.new_database()
    manage(pristine, "migrate", "--verbosity", "0")
    return partial(server.new_database, like=pristine)


@pytest.fixture(scope="module")
def chat(new_database, started_once):
    with started_once(database=new_database(), settings=QUICK) as get:
        yield get(FINAL)


def joined_by_turns(chat, room_names, name):
    """Open sockets of one user, in these rooms, by turns on one instance and the other."""
    turns = zip(itertools.cycle(chat.instances), room_names, strict=False)
    return all_of(joined(instance, room_name, name) for instance, room_name in turns)


# --- many at once ---------------------------------------------------------------------------------


async def test_message_that_is_deleted_on_both_instances_at_once_is_deleted_once(chat):
    room_name = new_room()
    async with joined_by_turns(chat, [room_name] * 8, "alice") as sockets:
        message = await say(sockets[0], "regretted")
        told = [[await next_message(socket)] for socket in sockets[1:]]
        assert told == [[message]] * 7
        for socket in sockets:
            await socket.send(json.dumps({"type": "delete", "id": message["id"]}))
        await sockets[0].send(frame("after it"))
        told = [await events_until(socket, "after it") for socket in sockets]
    deleted = {"type": "deleted", "seq": 2, "id": message["id"]}
    for *events, last in told:
        assert events, "who is there should be told of the deletion"
        assert events == [deleted] * len(events), "there should be one deletion, and it comes first"
        assert last["seq"] == 3
    kept = [(event["seq"], event["text"]) for event in stored(chat, room_name)]
    assert kept == [(1, ""), (2, ""), (3, "after it")]


events_until = partial(messages_until, next_event=next_of_any_kind)


@pytest.fixture(scope="module")
def narrow(server, new_database, started_once):
    """A chat whose users may post little, and whose server has few connections for it."""
    role = f"CREATE ROLE few LOGIN PASSWORD '{server.password}' CONNECTION LIMIT 17"
    with psycopg.connect(server.url("postgres")) as database:
        database.execute(f"{role}; GRANT chat TO few")
    settings = {"PAGES_AT_ONCE": "4", "DATABASE_THREADS": "4"}
    settings |= {"POSTS_AT_ONCE": "5", "POSTS_PER_SECOND": "0.001"}
    url = new_database().replace("//chat:", "//few:")
    with started_once(database=url, settings=QUICK | settings) as get:
        yield get(FINAL)


async def test_posts_at_once_in_many_rooms_on_two_instances_share_one_allowance(narrow):
    for name, count in [("alice", 5), ("bob", 5), ("carol", 10)]:
        # Nobody has a bucket before the first post, and in one room they would queue up.
        room_names = [new_room() for _ in range(count)]
        async with joined_by_turns(narrow, room_names, name) as sockets:
            for socket in sockets:
                await socket.send(frame("now"))
            answers = [await next_of_any_kind(socket) for socket in sockets]
        kinds = [answer.get("code", answer["type"]) for answer in answers]
        wanted = ["message"] * 5 + ["too_fast"] * (count - 5)
        assert sorted(kinds) == wanted, "five tokens are five posts, neither more nor fewer"
        kept = [message for room_name in room_names for message in stored(narrow, room_name)]
        assert len(kept) == 5, "what was refused should not be stored"


# --- more pages at once than connections ----------------------------------------------------------


async def test_200_pages_at_once_all_come_and_a_post_beside_them_is_stored(chat):
    room_name, session = new_room(), await log_in(chat, "alice")
    async with joined(chat, room_name) as socket, asyncio.TaskGroup() as tasks:
        page = f"/chat/{room_name}/"
        pages = tasks.create_task(statuses(chat.instances[:1], page, session, 200))
        for number in range(5):
            assert (await say(socket, f"meanwhile {number}"))["seq"] == number + 1
    assert await pages == {200: 200}, "each page should come, if a little later"


async def test_instances_share_a_server_of_few_connections_as_they_are_told(narrow):
    page, session = f"/chat/{new_room()}/", await log_in(narrow, "dora")
    async with joined_by_turns(narrow, [new_room() for _ in range(12)], "dora") as sockets:
        pages = asyncio.create_task(statuses(narrow.instances, page, session, 100))
        for socket in sockets[:5]:  # so many may dora post
            assert (await say(socket, "meanwhile"))["seq"] == 1
        assert await pages == {200: 100}, "2 × (4 + 4) connections are enough for all"


async def statuses(instances, path, session, count):
    """How often which status comes, if so many pages are asked for at the same time."""
    limits = httpx.Limits(max_connections=None)
    cookies = {"sessionid": session}
    async with httpx.AsyncClient(
        limits=limits, cookies=cookies, timeout=PATIENCE, verify=NO_TLS
    ) as http:
        asked = [http.get(instances[n % len(instances)].url + path) for n in range(count)]
        return Counter(answer.status_code for answer in await asyncio.gather(*asked))


# --- a database that says nothing any more --------------------------------------------------------


# Their chat stays in one event loop.
in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def far_chat(server, new_database, start):
    """chat_final, whose way to its database is a network that can fail; and that network."""
    url = new_database()
    address = SimpleNamespace(url=url.replace("postgres:", "http:"), site=str(server.port))
    async with network(address) as way:
        # As it ships, but that it waits for two seconds only where it would wait for five.
        url = url.replace(f":{server.port}/", f":{way.port}/") + "?connect_timeout=2"
        settings = QUICK | {"DATABASE_TIMEOUT": "2"}
        async with start(FINAL, instances=2, database=url, settings=settings) as chat:
            yield chat, way


@pytest_asyncio.fixture(loop_scope="module")
async def far(far_chat):
    """The same, when each thread of its instances has a connection."""

    async def is_well():
        return set(await readiness_of_all(far_chat[0], times=16)) == {200}

    await eventually(is_well)
    return far_chat


async def readiness_of_all(chat, times=1):
    """What load balancers are told, who wait for three seconds."""
    async with httpx.AsyncClient(timeout=3, verify=NO_TLS) as http:
        asked = [http.get(f"{instance.url}/readyz") for instance in chat.instances * times]
        return [answer.status_code for answer in await asyncio.gather(*asked)]


async def post_until_it_is_stored(socket, text):
    """Send a post again after each refusal, as a page does."""
    client_id = str(uuid.uuid4())
    while True:
        await socket.send(frame(text, client_id))
        answer = await answer_in_time(socket)
        if answer["type"] == "message":
            return answer
        assert answer["code"] == "not_stored", answer
        await asyncio.sleep(1)  # so does a page


async def answer_in_time(socket):
    async with asyncio.timeout(10):
        return await next_of_any_kind(socket)


@in_one_loop
async def test_connections_that_are_forgotten_cost_an_answer_in_words_and_some_seconds(far):
    (chat, way), rooms = far, [new_room() for _ in range(4)]
    session, path = await log_in(chat, "bob"), f"/chat/{rooms[0]}/"
    async with joined_by_turns(chat, rooms, "alice") as sockets:
        way.forget()
        ready, pages, *answers = await asyncio.gather(
            readiness_of_all(chat),
            statuses(chat.instances, path, session, 4),
            *(post_until_it_is_stored(socket, "after") for socket in sockets),
        )
        assert ready == [503, 503], "nobody should be sent to who hears nothing of the database"
        assert pages == {200: 4}, "pages have connections of their own"
        assert [answer["text"] for answer in answers] == ["after"] * len(rooms)
        assert await readiness_of_all(chat) == [200, 200]


@in_one_loop
async def test_who_may_not_stay_is_sent_away_though_connections_were_forgotten(far):
    (chat, way), room_name = far, new_room()
    async with joined(chat, room_name) as socket:
        way.forget()
        with psycopg.connect(chat.database.replace(str(way.port), way.site)) as database:
            database.execute(
                "INSERT INTO chat_room (name, last_seq, is_private) VALUES (%(name)s, 0, true)",
                {"name": room_name},
            )
        async with asyncio.timeout(15):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await events_until(socket, "anything")
        assert closed.value.rcvd.code == 4403


@in_one_loop
async def test_database_that_is_silent_is_said_in_words_and_all_is_well_when_it_is_back(far):
    (chat, way), room_name = far, new_room()
    session = await log_in(chat, "bob")
    here = chat.instances[0]
    async with all_of(joined(here, room_name) for _ in range(6)) as sockets:
        await say(sockets[0], "before")
        for socket in sockets[1:]:
            await next_message(socket)
        way.fall_silent()
        await asyncio.gather(*(socket.send(frame("lost")) for socket in sockets))
        assert await readiness_of_all(chat) == [503, 503]
        answers = await asyncio.gather(*(answer_in_time(socket) for socket in sockets))
        told = {answer.get("code") for answer in answers}
        assert told == {"not_stored"}, "each of them should hear within ten seconds"
        way.mend()
        async with asyncio.timeout(15):
            await post_until_it_is_stored(sockets[0], "well again")
            assert await readiness_of_all(chat) == [200, 200]
            async with httpx.AsyncClient(
                cookies={"sessionid": session}, timeout=10, verify=NO_TLS
            ) as http:
                assert (await http.get(f"{here.url}/chat/{room_name}/")).status_code == 200


# --- a database that goes away ------------------------------------------------------------------


async def test_database_restarts_and_who_is_there_stays_and_goes_on(chat, server):
    (here, there), room_name, client_id = chat.instances, new_room(), str(uuid.uuid4())
    session = await log_in(chat, "dora")
    async with joined(here, room_name) as alice, joined(there, room_name, "bob") as bob:
        before = await say(alice, "before")
        await asyncio.to_thread(server.stop)
        try:
            await alice.send(frame("meanwhile", client_id))
            error = await next_of_any_kind(alice)
            assert error["code"] == "not_stored", "a post that cannot be stored should be refused"
            async with connect(there, room_name, session=session) as dora:
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await events_until(dora, "anything")
            assert closed.value.rcvd.code == 4012, "who comes should be sent away to come again"
        finally:
            await asyncio.to_thread(server.start)
        again = await say(alice, "meanwhile", client_id)
        assert [await next_message(bob) for _ in range(2)] == [before, again]
        answer = await say(bob, "welcome back")
    assert stored(chat, room_name) == [before, again, answer], "all is stored once, without a gap"


# --- accounts -----------------------------------------------------------------------------------


async def test_moderator_with_a_long_name_deletes_a_text(chat):
    name, room_name = f"mod-{uuid.uuid4().hex[:12]}", new_room()
    session = await log_in(chat, name)
    statement = "UPDATE auth_user SET username = ?, is_staff = true, is_superuser = true"
    in_database(chat, f"{statement} WHERE username = ? RETURNING id", name + "x" * 100, name)
    async with joined(chat, room_name) as alice, Visitor(chat, fresh=True) as moderator:
        message = await say(alice, "what should not be said")
        moderator.http.cookies.set("sessionid", session)
        await moderator.load("/admin/chat/message/")
        fields = {"action": "delete_text", "_selected_action": message["id"]}
        answer = await submit(moderator, "/admin/chat/message/", **fields)
        assert answer.status_code == 302, "it should be done, and no error"
        assert (await next_of_any_kind(alice))["type"] == "deleted"


async def test_invitation_into_a_room_that_its_last_member_deletes_is_no_error(chat):
    async with Visitor(chat, "alice") as alice:
        for _ in range(10):
            path = f"/chat/{await begin(chat, alice)}/"
            await session_of(chat, "bob")
            await alice.load(path)
            await submit(alice, path, text="hello")
            invited, left = await asyncio.gather(
                submit(alice, f"{path}invite/", user="bob"),
                submit(alice, f"{path}leave/", and_delete="yes"),
            )
            assert left.status_code == 302
            assert invited.status_code in (302, 403, 404), "done before it, or refused"


async def test_forms_with_a_new_password_that_are_sent_twice_at_once_are_one(chat):
    async with Visitor(chat, f"user-{uuid.uuid4().hex[:12]}", fresh=True) as visitor:
        await visitor.load("/accounts/signup/")
        for path, old, new in [
            ("signup", "", PASSWORD),
            ("password_change", PASSWORD, "x" + PASSWORD),
        ]:
            fields = {"username": visitor.name, "old_password": old}
            for key in ("password1", "password2", "new_password1", "new_password2"):
                fields[key] = new
            sendings = [submit(visitor, f"/accounts/{path}/", **fields) for _ in "12"]
            answers = await asyncio.gather(*sendings)
            assert [answer.status_code for answer in answers] == [302, 302]
            page = await visitor.load("/accounts/password_change/")
            assert page.status_code == 200, "they should be logged in"


def test_migration_gives_messages_to_accounts_and_cleans_the_log(server):
    url = server.new_database()
    with psycopg.connect(url, autocommit=True) as database:
        migrate_from_before(url, database.execute)
        assert database.execute(OWNERS).fetchall() == OWNERS_NOW
        assert database.execute(LOG).fetchall() == LOG_NOW


# --- what it is given ---------------------------------------------------------------------------


async def test_characters_that_postgres_cannot_keep_are_refused_in_words(chat):
    room_name = new_room()
    async with joined(chat, room_name) as socket:
        await socket.send(frame("a\0b"))
        assert (await next_of_any_kind(socket))["code"] == "bad_text"
        assert (await post(chat, room_name, "alice", "a\0b")).status_code == 400
        assert (await say(socket, "ab"))["seq"] == 1


# --- run_step.sh --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return scripts.copy_repository(tmp_path_factory.mktemp("repository"))


async def test_run_step_runs_chat_final_on_it(repository, server, new_database):
    url = new_database()
    with scripts.step(repository, "final", "--database", url) as running:
        assert (await post(running, "lobby", "dora", "on PostgreSQL")).status_code == 302
        assert f"messages    postgres://…@127.0.0.1:{server.port}/" in running.said
        assert server.password not in running.said, "a password is nothing for the screen"
    [message] = stored(SimpleNamespace(database=url), "lobby")
    assert message["text"] == "on PostgreSQL"


BAD_URLS = {
    "wrong password": (3, "postgres://chat:s3cr3t@127.0.0.1:{port}/postgres", "password"),
    "nobody listens": (3, "postgres://chat:s3cr3t,@127.0.0.1:{free}/postgres", "refused"),
    "not valid": (2, "postgres://chat:/s3cr3t%@127.0.0.1:{port}/postgres", "%40"),
    "another kind": (2, "mysql://chat:s3cr3t@127.0.0.1:{port}/chat", "SQLite or PostgreSQL"),
}


@pytest.mark.parametrize("case", BAD_URLS.values(), ids=BAD_URLS.keys())
def test_database_that_cannot_be_had_is_answered_with_one_sentence(repository, server, case):
    exit_code, url, words = case
    url = url.format(port=server.port, free=free_port())
    done = scripts.run_script(repository, "run_step.sh", "final", "--port", "0", "--database", url)
    scripts.assert_one_sentence(done, exit_code, "://…@127.0.0.1:", words)
    assert "s3cr3t" not in done.stdout + done.stderr, "a password is nothing for the screen"
    assert scripts.run_folders(repository) == [], "nothing should be left running"


# --- the server itself --------------------------------------------------------------------------

START_IT_AND_WAIT = """
import time
from chatflow.running import postgres
with postgres.server() as server:
    print(server.program.pid, server.folder.path, flush=True)
    time.sleep(600)
"""


def test_no_server_is_left_when_who_started_it_is_killed(repository, server, tmp_path):
    starter = scripts.Script(
        repository,
        [sys.executable, "-c", START_IT_AND_WAIT],
        output=tmp_path / "said",
        variables={"PYTHONPATH": str(repository / "notebooks")},
    )
    try:
        starter.wait_until_it_says("\n")
        number, folder = starter.said.split()
        assert psutil.Process(int(number)).name() == "postgres"
        starter.send(signal.SIGKILL)
        scripts.assert_nothing_left(starter)
        assert not Path(folder).exists(), "its files should be swept away"
    finally:
        starter.end()


def test_no_postgres_at_all_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="package postgresql"), postgres.server():
        pass
