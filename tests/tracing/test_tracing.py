"""What is recorded of real messages: each stage's way, hop by hop, and nothing mixed up."""

import asyncio
import contextlib
import json
import re
import shutil
from collections import defaultdict

import httpx
import pytest
import websockets

from chatflow import Run, Visitor, draw, find_stage, post, reading, stage, stages
from chatflow.basics.errors import LaunchError, UsageError
from chatflow.bench import tracing_cost
from chatflow.clients.sockets import connect, next_event
from chatflow.commands import screenshots
from chatflow.running.variants import variant
from chatflow.tracing.book import Book
from chatflow.tracing.flow import kind_of
from chatflow.tracing.hops import Hop, NewLines
from chatflow.tracing.recording import is_over
from chatflow.tracing.redis_commands import Command, as_hops
from final.helpers import caught_up, until
from helpers.talking import post_frame, refusal_of, say_outside

NUMBERS = [stage.number for stage in stages()]
FINAL = find_stage("final").number
ASGI_SERVERS = ["daphne", "uvicorn"]


@pytest.fixture(scope="module")
def traced(started_once):
    """Call it with a number for that stage with two instances, traced; one run for all tests."""
    with started_once(trace=True) as get:
        yield get


def way(hops):
    """The stations that hops lead to, without what Redis does meanwhile."""
    return " ".join(kind_of(hop.target) for hop in hops if hop.kind != "redis")


# --- the way of a message in each stage ---------------------------------------------------------

A_POST = "server routing view database"
A_DELIVERY = "consumer server client"
A_HANDSHAKE = "server routing consumer consumer"


@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_way_of_a_posted_form(traced, number):
    chat = traced(number)
    await post(chat, "forms", "alice", "by form")
    flow = await chat.flow("by form")
    assert way(flow.hops) == f"{A_POST} server client"
    assert flow.hops[-1].label == "302 Found"
    assert len({hop.detail["recorded"].split("-")[0] for hop in flow.hops}) == 1, "one process"


@pytest.mark.parametrize("number", [5, 6, 7, 8, 9])
async def test_way_of_a_posted_form_to_open_sockets(traced, number):
    chat = traced(number)
    async with connect(chat, "forms", "bob"):
        await post(chat, "forms", "alice", "by form")
        flow = await chat.flow("by form", reaches=["bob"])
    assert way(flow.hops) == f"{A_POST} layer {A_DELIVERY} server client"
    assert flow.reached() == ["bob"]


@pytest.mark.parametrize(("number", "wait"), [(2, ""), (3, " server client")])
async def test_way_to_a_waiting_request_leads_through_the_database(traced, number, wait):
    chat = traced(number)
    async with reading(chat, "waiting", "bob") as bob:
        await post(chat, "waiting", "alice", "wake up")
        assert await bob.next()
        flow = await chat.flow("wake up", reaches=["bob"])
    assert way(flow.handshake) == f"server routing view{wait}", "bob's request, made before"
    assert way(flow.hops) == f"{A_POST} view server client server client"
    read = next(hop for hop in flow.hops if hop.source == "database/1")
    stored = next(hop for hop in flow.hops if hop.target == "database/1")
    assert read.target == "view/bob@A"
    assert read.cause == stored.id


@pytest.mark.parametrize("number", [2, 3])
async def test_reader_waits_in_the_room_that_was_asked_for_and_in_no_other(traced, number):
    chat = traced(number)
    async with reading(chat.instances[0], "asked-for", "bob"):
        book = Book(chat.tracing.hops())
    assert book.waits("bob", "asked-for"), "its request has been searched for, and is held"
    assert not book.waits("bob", "another")
    assert not book.waits("carol", "asked-for")


@pytest.mark.parametrize("number", [2, 3])
async def test_waiting_request_of_another_process_is_missed(traced, number):
    a, b = traced(number).instances
    async with reading(b, "elsewhere", "bob"):
        await post(a, "elsewhere", "alice", "can you hear me")
        flow = await traced(number).flow("can you hear me")
    assert flow.unreached() == ["bob"]
    assert flow.missed[0].process == "B"
    assert "not woken" in flow.missed[0].reason, "its request waits, and is no page of before"
    assert not next(one for one in flow.stations if one.id == "client/bob").reached


async def test_stage_01_tells_nobody_who_has_the_page(traced):
    chat = traced(1)
    async with Visitor(chat, "bob") as bob:
        await bob.open("pages")
        await post(chat, "pages", "alice", "read me")
        flow = await chat.flow("read me")
        assert flow.unreached() == ["bob"]
        await bob.open("pages")
    reload = await chat.request_flow("bob", "GET")
    assert way(reload.hops) == "server routing view view server client"
    assert reload.hops[3].label.startswith("SELECT message")


async def test_way_of_a_frame_in_stage_04_ends_at_its_sender(traced):
    chat = traced(4)
    async with connect(chat, "island", "alice") as alice, connect(chat, "island", "bob"):
        await alice.send(post_frame("hello"))
        flow = await chat.flow("hello")
    assert way(flow.handshake) == f"{A_HANDSHAKE} server client"
    assert way(flow.hops) == "server consumer database server client"
    assert (flow.reached(), flow.unreached()) == (["alice"], ["bob"])


async def test_way_of_a_frame_in_stage_05_never_leaves_its_process(traced):
    a, b = traced(5).instances
    async with (
        connect(a, "two", "alice") as alice,
        connect(a, "two", "carol"),
        connect(b, "two", "bob"),
    ):
        await alice.send(post_frame("hello, two"))
        flow = await traced(5).flow("hello, two")
    assert way(flow.handshake) == f"{A_HANDSHAKE} layer server client"
    assert way(flow.hops) == f"server consumer database layer {A_DELIVERY} {A_DELIVERY}"
    assert (flow.reached(), flow.unreached()) == (["alice", "carol"], ["bob"])
    never = {one.id for one in flow.stations if not one.reached}
    assert never == {"layer/B", "consumer/bob@B", "server/B", "client/bob"}
    assert "group_send in A reaches only" in flow.missed[0].reason
    svg = draw(flow).svg
    assert "never reached" in svg
    assert "instance B" in svg


@pytest.mark.parametrize("number", [6, 7, 8])
async def test_way_of_a_frame_crosses_to_another_process_from_stage_06_on(traced, number):
    a, b = traced(number).instances
    async with connect(a, "across", "alice") as alice, connect(b, "across", "bob"):
        await alice.send(post_frame("hello, across"))
        flow = await traced(number).flow("hello, across", reaches=["alice", "bob"])
    assert way(flow.handshake) == f"{A_HANDSHAKE} layer server client"
    assert way(flow.hops) == f"server consumer database layer {A_DELIVERY} {A_DELIVERY}"
    stations = [flow.hops[0].source, *(hop.target for hop in flow.hops if hop.kind != "redis")]
    expected = ["client/alice", "server/A", "consumer/alice@A", "layer/redis-1"]
    expected += ["consumer/bob@B", "server/B", "client/bob"]
    assert [one for one in stations if one in expected[:4]][:4] == expected[:4]
    assert stations[-3:] == expected[4:]
    assert "routing" not in way(flow.hops), "routing happens once, at the handshake"
    assert len({hop.trace for hop in flow.hops}) == 1
    processes = {hop.detail["recorded"].split("-")[0] for hop in flow.hops}
    assert processes == {"A", "B", "redis"}


async def test_way_of_a_frame_in_stage_09_is_answered_before_the_layer_is_told(traced):
    a, b = traced(9).instances
    async with connect(a, "numbered", "alice") as alice, connect(b, "numbered", "bob") as bob:
        await alice.send(post_frame("hello, nine"))
        assert (await next_event(bob))["text"] == "hello, nine"
        await bob.send(post_frame("hello, ten"))
        # What comes to alice by the layer comes in turn: by then her own hint has come, too.
        assert [(await next_event(alice))["seq"] for _ in range(2)] == [1, 2]
        flow = await traced(9).flow("hello, nine", reaches=["alice", "bob"])
    assert way(flow.handshake) == f"{A_HANDSHAKE} layer server client server client"
    assert flow.handshake[-1].label == "caught_up"
    sender = "server consumer database server client layer"
    # Its own hint tells alice's consumer nothing new.
    assert way(flow.hops) == f"{sender} consumer {A_DELIVERY}"


# --- the hub of chat_final ----------------------------------------------------------------------

A_HUBS_DELIVERY = "hub server client"


@contextlib.asynccontextmanager
async def in_room(instance, room_name, name, **options):
    """A socket that is in its room: chat_final lets it in before it is."""
    async with connect(instance, room_name, name, **options) as socket:
        await caught_up(socket)
        yield socket


async def test_way_of_a_frame_in_chat_final_leads_from_hub_to_hub(traced):
    a, b = traced(FINAL).instances
    # Who comes first has the hub join the room's group, which is no part of alice's way.
    async with (
        in_room(a, "hubs", "carol"),
        in_room(a, "hubs", "alice") as alice,
        in_room(b, "hubs", "bob"),
    ):
        await alice.send(post_frame("hello, hubs"))
        flow = await traced(FINAL).flow("hello, hubs", reaches=["alice", "bob", "carol"])
    in_it = "hub server client server client"
    assert way(flow.handshake) == f"{A_HANDSHAKE} server client {in_it}"
    assert [hop.label for hop in flow.handshake[-3::2]] == ["caught_up", "presence"]
    for hub in ("hub/A", "hub/B"):
        # Until it has heard, the flow is not over, though everybody may have the message already.
        unheard = [hop for hop in traced(FINAL).tracing.hops() if not is_hint_to(hub, hop)]
        assert not is_over(Book(unheard), flow.hops[0].trace)
        assert is_over(Book(unheard), flow.hops[0].trace, ended=[hub[-1]]), "whom nothing reaches"
    here = "server consumer database hub server client server client layer"
    # Its own hint tells a hub nothing new.
    assert way(flow.hops) == f"{here} hub {A_HUBS_DELIVERY}"
    assert [hop.label.split()[0] for hop in flow.hops if hop.kind == "redis"] == ["PUBLISH"]
    assert len({hop.trace for hop in flow.hops}) == 1
    stations = [hop.target for hop in flow.hops if kind_of(hop.target) in ("hub", "client")]
    assert stations == [
        *["hub/A", "client/alice", "client/carol"],
        *["hub/A", "hub/B", "client/bob"],
    ]


def is_hint_to(hub, hop):
    return kind_of(hop.source) == "layer" and hop.target == hub


async def test_way_of_a_posted_form_in_chat_final_comes_back_from_the_view(traced):
    a, b = traced(FINAL).instances
    async with in_room(a, "forms", "alice"), in_room(b, "forms", "bob"):
        await post(a, "forms", "carol", "by form")
        flow = await traced(FINAL).flow("by form", reaches=["alice", "bob"])
    here = f"{A_POST} hub server client layer"
    assert way(flow.hops) == f"{here} hub {A_HUBS_DELIVERY} server client"
    assert [hop.source for hop in flow.hops[-2:]] == ["view/carol@A", "server/A"]


async def test_way_of_a_message_from_a_command_to_the_hubs_of_chat_final(traced):
    a, b = traced(FINAL).instances
    expected = f"database hub layer {A_HUBS_DELIVERY} {A_HUBS_DELIVERY}"
    async with in_room(a, "outside", "alice"), in_room(b, "outside", "bob"):
        # A hub also looks for itself, every two seconds: then it has the message before the hint.
        for text in ("from outside", "once more", "a third time"):
            await say_outside(traced(FINAL), "outside", text)
            flow = await traced(FINAL).flow(text, reaches=["alice", "bob"])
            if way(flow.hops) == expected:
                break
    assert way(flow.hops) == expected
    assert [hop.source for hop in flow.hops[:3]] == ["command/say", "command/say", "hub/say"]


def test_redis_command_belongs_to_the_open_call_that_is_about_its_group():
    def call(number, label):
        group = label.split()[1]
        detail = {"group": group, "channel": "specific.x!y"}
        way = {"source": "hub/A", "target": "layer/redis-1", "detail": detail}
        return Hop(f"A-1-{number}", number, f"trace {number}", "layer", label=label, **way)

    def command(at, words):
        return Command(at, "redis-1", "127.0.0.1:1", words, inside=False)

    calls = [call(1, "group_add six"), call(2, "group_send six"), call(3, "group_send tea")]
    named = command(1, "CLIENT SETNAME A")
    over = Hop("A-1-9", 1, "trace 1", "done", "hub/A", "hub/A", "", cause="A-1-1")
    late = command(5_000_000, "SUBSCRIBE p__group__six")
    [joins] = as_hops([named, late], [*calls, call(4, "group_add six"), over])
    assert (joins.label, joins.cause) == ("SUBSCRIBE six", "A-1-1"), "it was not waited for"
    twice = as_hops([named, late, late], [*calls, call(4, "group_add six")])
    assert [hop.cause for hop in twice] == ["A-1-1", "A-1-4"]
    asked = command(4, "ZRANGE p:group:six 0 -1")
    assert not as_hops([named, asked], calls), "two are open that could have asked"
    assert not as_hops([named, command(4, "SUBSCRIBE p__group__ten")], calls)
    assert [hop.cause for hop in as_hops([named, asked], calls[1:])] == ["A-1-2"]


async def test_who_comes_and_goes_is_no_part_of_a_message_or_of_anybody_elses_handshake(traced):
    chat = traced(FINAL)
    a, b = chat.instances
    async with in_room(a, "presence", "alice") as alice:
        await alice.send(post_frame("who is there?"))
        async with in_room(b, "presence", "bob"):
            while json.loads(await alice.recv()).get("users") != ["alice", "bob"]:
                pass
        while json.loads(await alice.recv()).get("users") != ["alice"]:
            pass
        flow = await chat.flow("who is there?", reaches=["alice"])
    frames = [
        [hop.label for hop in hops if hop.target == "client/alice"]
        for hops in (flow.handshake, flow.hops)
    ]
    assert frames[0] == ["101 Switching Protocols", "caught_up", "presence"], "her own arrival"
    assert len(frames[1]) == 1, frames[1]


async def test_crashes_of_an_instance_and_of_redis_are_told_and_mix_nothing_up(start):
    async with start(FINAL, instances=2, trace=True) as chat:
        a, b = chat.instances
        async with in_room(a, "lobby", "alice") as alice:
            async with in_room(b, "lobby", "bob") as bob:
                await alice.send(post_frame("before"))
                seq = (await next_event(bob))["seq"]
                await asyncio.to_thread(b.kill)
            await alice.send(post_frame("meanwhile"))
            cut_off = await chat.flow("meanwhile", reaches=["alice"])
            async with connect(a, "lobby", "bob", after=seq):
                back = await chat.flow("meanwhile", reaches=["alice", "bob"])
            await alice.send(post_frame("without B"))
            await chat.flow("without B", reaches=["alice"])
            await asyncio.to_thread(b.start)
            without = await chat.flow("without B", reaches=["alice"])
            async with in_room(b, "lobby", "bob") as bob:
                await alice.send(post_frame("afterwards"))
                afterwards = await chat.flow("afterwards", reaches=["alice", "bob"])
                # Presence, too, is told by the layer: a call that fails first would be its.
                await until(bob, lambda event: event.get("count") == 2)
                chat.redis[0].program.kill()
                await alice.send(post_frame("unhinted"))
                await until(alice, lambda event: event.get("text") == "unhinted")
                await alice.send(post_frame("not even tried"))
                unhinted = await chat.flow("unhinted", reaches=["alice", "bob"], within=10)
                untried = await chat.flow("not even tried", reaches=["alice", "bob"], within=10)
        hops = chat.tracing.hops()
    assert [(one.client, one.reason) for one in cut_off.missed] == [
        ("client/bob", "instance B has ended")
    ]
    assert way(dict(back.sections())["on the return"]) == "consumer server client"
    assert [flow.unreached() for flow in (back, without, afterwards)] == [[], [], []]
    assert afterwards.reached() == ["alice", "bob"]
    assert way(afterwards.hops[-3:]) == A_HUBS_DELIVERY
    lost = [next(hop for hop in flow.hops if hop.lost) for flow in (unhinted, untried)]
    assert {(hop.source, hop.target) for hop in lost} == {("hub/A", "layer/redis-1")}
    assert [hop.label.split(":")[0] for hop in lost] == ["ConnectionError", "not tried"]
    assert [hop.source for hop in unhinted.hops[-3:]] == ["database/1", "hub/B", "server/B"]
    before, after = connections_of(hops, "B")
    assert not before & after, "each connection has a name of its own"


def connections_of(hops, name):
    """The connections of each program that was an instance of this name, in their order."""
    found = defaultdict(set)
    for hop in hops:
        if hop.id.startswith(f"{name}-") and kind_of(hop.source) == "client":
            found[hop.id.rpartition("-")[0]].add(hop.source)
    return found.values()


# --- jobs for a worker --------------------------------------------------------------------------


@pytest.mark.parametrize("number", [7, 8])
async def test_way_of_a_job_leads_through_the_worker_and_back_to_everybody(traced, number):
    a, b = traced(number).instances
    async with connect(a, "dice", "alice") as alice, connect(b, "dice", "bob") as bob:
        await alice.send(post_frame("/roll 2d6"))
        for socket in (alice, bob):
            answers = [(await next_event(socket))["author"] for _ in range(2)]
            assert answers == ["alice", "the bot"]
        flow = (await traced(number).flow("/roll 2d6")).without("redis")
    job = f"layer consumer database layer {A_DELIVERY} {A_DELIVERY}"
    assert way(flow.hops) == f"server consumer database layer {A_DELIVERY} {A_DELIVERY} {job}"
    assert len({hop.trace for hop in flow.hops}) == 1
    assert "3 processes" in flow.subtitle
    [bot] = [one for one in flow.stations if one.process == "worker"]
    assert (bot.id, bot.title) == ("consumer/bot@worker", "BotConsumer")


async def test_job_that_no_worker_takes_ends_in_redis_until_one_does(traced):
    chat = traced(7)
    async with connect(chat, "no-worker", "alice") as alice:
        await asyncio.to_thread(chat.worker.stop)
        await alice.send(post_frame("/roll 1d6"))
        await next_event(alice)
        waiting = (await chat.flow("/roll 1d6")).without("redis")
        await asyncio.to_thread(chat.worker.start)
        assert (await next_event(alice))["author"] == "the bot"
        taken = (await chat.flow("/roll 1d6")).without("redis")
    assert waiting.hops[-1].label == "send bot"
    [missed] = waiting.missed
    assert (missed.client, waiting.unreached()) == ("consumer/bot@worker", [])
    assert "no worker has taken this job" in draw(waiting).svg
    assert "worker · never reached" in draw(waiting).svg
    assert taken.hops[: len(waiting.hops)] == waiting.hops, "the same message goes on"
    assert not taken.missed


# --- those who were away ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "heard"), [(8, ["alice"]), (9, ["alice", "bob"]), (FINAL, ["alice", "bob"])]
)
async def test_who_was_away_gets_a_message_on_the_return_or_never(traced, number, heard):
    a, b = traced(number).instances
    enter = in_room if number == FINAL else connect
    async with enter(a, "away", "alice") as alice:
        async with enter(b, "away", "bob") as bob:
            await alice.send(post_frame("before"))
            seq = (await next_event(bob)).get("seq")
        await traced(number).request_flow("bob", "close")  # B has noticed
        await alice.send(post_frame("meanwhile"))
        while (await next_event(alice))["text"] != "meanwhile":
            pass
        async with connect(b, "away", "bob", after=seq):
            flow = await traced(number).flow("meanwhile", reaches=heard)
    assert flow.reached() == heard
    assert flow.unreached() == ([] if "bob" in heard else ["bob"])
    sections = dict(flow.sections())
    if "bob" in heard:
        assert way(sections["on the return"]) == "consumer server client"
        assert sections["on the return"][0].source == "database/1"
    else:
        assert "on the return" not in sections
        assert "was away" in flow.missed[0].reason


async def test_who_is_there_in_another_tab_was_not_away(traced):
    async with connect(traced(8), "tabs", "alice") as alice, connect(traced(8), "tabs", "bob"):
        async with connect(traced(8), "tabs", "bob"):
            pass
        await alice.send(post_frame("two tabs"))
        async with connect(traced(8), "tabs", "bob"):
            flow = await traced(8).flow("two tabs", reaches=["alice", "bob"])
    assert flow.unreached() == []


async def test_hole_is_filled_from_the_database(traced):
    store = (
        "from chat.models import Message;"
        "Message.objects.create(room_name='hole', author='shell', text='nobody was told')"
    )
    async with connect(traced(9), "hole", "alice") as alice, connect(traced(9), "hole", "bob"):
        await asyncio.to_thread(traced(9).manage, "shell", "-c", store)
        await alice.send(post_frame("after the hole"))
        flow = await traced(9).flow("after the hole", reaches=["alice", "bob"])
    # First the sender's consumer sees the hole, then bob's: each reads what is missing.
    filled = [hop for hop in flow.hops if hop.source == "database/1"]
    assert [hop.target for hop in filled] == ["consumer/alice@A", "consumer/bob@A"]
    assert [len(hop.detail["messages"]) for hop in filled] == [2, 2]


# --- commands -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "heard"), [(5, []), (6, ["alice", "bob"])])
async def test_way_of_a_message_from_a_command(traced, number, heard):
    a, b = traced(number).instances
    async with connect(a, "outside", "alice"), connect(b, "outside", "bob"):
        await say_outside(traced(number), "outside", "from outside")
        flow = await traced(number).flow("from outside")
    assert flow.hops[0].source == "command/say"
    assert way(flow.hops) == " ".join(["database", "layer", *[A_DELIVERY] * len(heard)])
    assert flow.reached() == heard


# --- Redis --------------------------------------------------------------------------------------

BOTH_LAYERS = {
    "queue": (
        ["ZADD", "EXPIRE"],
        # Whom does the group have? Forget what is too old in their queues; then one script for
        # all queues, and each process takes its copy: A and B.
        ["ZREMRANGEBYSCORE", "ZRANGE", "MULTI", *["ZREMRANGEBYSCORE"] * 2, "EXEC", "EVAL"]
        + ["ZCOUNT", "ZADD", "EXPIRE"] * 2
        + ["ZADD", "ZPOPMIN"] * 2,
    ),
    "pubsub": (["SUBSCRIBE", "SUBSCRIBE"], ["PUBLISH"]),
}


@pytest.mark.parametrize("layer", BOTH_LAYERS)
async def test_redis_commands_are_hops_of_the_message_that_caused_them(start, layer):
    async with start(6, instances=2, redis_layer=layer, trace=True) as chat:
        a, b = chat.instances
        async with connect(a, "lobby", "alice") as alice, connect(b, "lobby", "bob"):
            await alice.send(post_frame("hello"))
            flow = await chat.flow("hello", reaches=["alice", "bob"])
        at_handshake, for_message = BOTH_LAYERS[layer]
        assert verbs(flow.handshake) == at_handshake
        assert verbs(flow.hops) == for_message
        inside = [hop.label.split()[0] for hop in flow.hops if hop.detail.get("inside")]
        assert inside == (["ZCOUNT", "ZADD", "EXPIRE"] * 2 if layer == "queue" else [])
        labels = [hop.label for hop in flow.handshake + flow.hops]
        # Of a key that is shown as it is, the name of its channel may be cut off.
        random = [one for one in labels if "specific" in one or chat.site in one]
        assert not random, "a channel's name differs from run to run: say whose it is"


def verbs(hops):
    return [hop.label.split()[0] for hop in hops if hop.kind == "redis"]


async def test_rooms_go_to_the_shards_that_their_hash_says(start):
    async with start(6, redis_shards=2, trace=True) as chat:
        shards = {}
        for room_name in ("lobby", "tea", "news", "room-1", "room-9"):
            async with connect(chat, room_name, "alice") as alice:
                await alice.send(post_frame(f"hello, {room_name}"))
                flow = await chat.flow(f"hello, {room_name}")
            sent = next(hop for hop in flow.hops if hop.label.startswith("group_send"))
            shards[room_name] = sent.target
            asked = [hop for hop in flow.hops if hop.label == f"ZRANGE chat_{room_name}"]
            assert [hop.target for hop in asked] == [sent.target], "MONITOR saw it there too"
        told = chat.manage("shards", *shards).stdout.splitlines()
        urls = {f"layer/redis-{number}": one.url for number, one in enumerate(chat.redis, 1)}
    assert len(set(shards.values())) == 2, "five rooms, and all on one server?"
    assert told == [f"{room_name} {urls[station]}" for room_name, station in shards.items()]


# --- refusals and losses ------------------------------------------------------------------------


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("path", ["/ws/chat/lobby/", "/ws/nowhere/"])
async def test_picture_shows_the_status_that_a_refused_client_sees(traced, number, path):
    chat = traced(number)
    url = f"{chat.ws_url}{path}"
    try:
        async with websockets.connect(url, user_agent_header="eve"):
            assert number >= 4
            return
    except websockets.InvalidStatus as refusal:
        seen = refusal.response.status_code
    flow = await chat.request_flow("eve", path)
    assert flow.hops[-1].lost
    assert flow.hops[-1].target == "client/eve"
    assert flow.hops[-1].detail["code"] == seen


async def test_status_of_a_failed_application_is_the_servers_own(start):
    async with start(3, server=ASGI_SERVERS, trace=True) as chat:
        for instance in chat.instances:
            seen = await refusal_of(f"{instance.ws_url}/ws/chat/lobby/", name="eve")
            flow = await chat.request_flow("eve")
            assert flow.hops[-1].source == f"server/{instance.name}"
            assert flow.hops[-1].detail["code"] == seen == 500
            assert "Django can only handle ASGI/HTTP connections" in flow.hops[-2].label


@pytest.mark.parametrize("server", ASGI_SERVERS)
async def test_lost_redis_closes_the_socket_and_stops_the_next_message_in_red(start, server):
    async with start(6, server=server, trace=True) as chat:
        # Raw, for each refusal before it would be a code too.
        url = f"{chat.ws_url}/ws/chat/lobby/"
        async with websockets.connect(url, user_agent_header="alice") as alice:
            chat.redis[0].program.kill()
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(alice.recv(), 10)
        # Without a close frame clients call it 1006.
        seen = closed.value.rcvd.code if closed.value.rcvd else 1006
        codes = [hop.detail["code"] for hop in chat.tracing.hops() if "code" in hop.detail]
        assert codes == [seen], "the trace says what the client saw"
        answer = await post(chat, "lobby", "alice", "into the void")
        flow = await chat.flow("into the void")
        async with Visitor(chat) as visitor:
            assert "into the void" in (await visitor.open("lobby")).text, "stored all the same"
    lost = [(kind_of(hop.target), hop.detail.get("code")) for hop in flow.hops if hop.lost]
    assert lost == [("layer", None), ("server", 500), ("client", 500)]
    assert answer.status_code == 500


async def test_bad_frame_comes_back_as_an_error_and_is_stored_nowhere(traced):
    async with connect(traced(4), "bad", "alice") as alice:
        await alice.send("garbage")
        assert json.loads(await alice.recv())["type"] == "error"
        flow = await traced(4).request_flow("alice", "garbage")
    assert way(flow.hops) == "server consumer server client"


# --- other consumers, other requests ------------------------------------------------------------


@pytest.fixture
def sync_stage(tmp_path):
    """Stage 06 with a consumer that is synchronous, and so runs in threads."""
    folder = tmp_path / "sync"
    shutil.copytree(find_stage(6).folder, folder)
    path = folder / "chat" / "consumers.py"
    # Channels calls a synchronous consumer by a coroutine, too: of this method there is no other.
    text = re.sub(r"    async def __call__.*?raise\n\n", "", path.read_text(), flags=re.DOTALL)
    for old, new in SYNC_WORDS.items():
        assert old in text, f"the stage has no {old!r} any more"
        text = text.replace(old, new)
    path.write_text(text)
    return folder


SYNC_WORDS = {
    "from channels.generic": "from asgiref.sync import async_to_sync\nfrom channels.generic",
    "AsyncJsonWebsocketConsumer": "JsonWebsocketConsumer",
    "AsyncWebsocketConsumer": "WebsocketConsumer",
    "async def": "def",
    "await send_to_room(": "async_to_sync(send_to_room)(",
    "await self.channel_layer.group_add(": "async_to_sync(self.channel_layer.group_add)(",
    "await self.channel_layer.group_discard(": "async_to_sync(self.channel_layer.group_discard)(",
    "await Message.objects.acreate": "Message.objects.create",
    "await ": "",
}


async def test_sync_consumers_are_traced_through_their_threads(sync_stage):
    async with (
        stage(6, folder=sync_stage, trace=True) as chat,
        connect(chat, "lobby", "alice") as alice,
        connect(chat, "lobby", "bob") as bob,
    ):
        await alice.send(post_frame("from a thread"))
        assert json.loads(await bob.recv())["text"] == "from a thread"
        flow = await chat.flow("from a thread", reaches=["alice", "bob"])
    assert way(flow.hops) == f"server consumer database layer {A_DELIVERY} {A_DELIVERY}"


SENDS_AFTERWARDS = """
    async def dispatch(self, message):
        await super().dispatch(message)
        if message["type"] == "websocket.receive":
            await self.send_json({"type": "note", "text": "afterwards"})

    async def chat_message("""


async def test_what_a_consumer_does_after_an_event_is_no_part_of_its_message():
    path, before = "chat/consumers.py", "\n    async def chat_message("
    async with (
        variant(5, path, before, SENDS_AFTERWARDS) as folder,
        stage(5, folder=folder, trace=True) as chat,
        connect(chat, "lobby", "alice") as alice,
    ):
        await alice.send(post_frame("hello"))
        said = [json.loads(await alice.recv())["type"] for _ in range(2)]
        flow = await chat.flow("hello", reaches=["alice"])
        hops = chat.tracing.hops()
    assert sorted(said) == ["message", "note"]
    [note] = [
        hop
        for hop in hops
        if hop.detail.get("text") == "afterwards" and hop.label != "websocket.send"
    ]
    assert note.trace == flow.handshake[0].trace
    assert note.trace != flow.hops[0].trace


async def test_hundred_senders_at_once_never_mix(start):
    """Ten in each of ten rooms, on two instances, by form and by frame: each has its own trace."""
    texts = [f"message {number}" for number in range(100)]
    async with start(6, instances=2, redis_layer="pubsub", trace=True) as chat:
        async with contextlib.AsyncExitStack() as stack:
            sockets = [
                await stack.enter_async_context(
                    connect(chat.instances[number % 2], f"room-{number % 10}", f"user-{number}")
                )
                for number in range(100)
            ]
            async with asyncio.timeout(60), asyncio.TaskGroup() as senders:
                for number, text in enumerate(texts):
                    senders.create_task(send(chat, number, text, sockets[number]))
            for socket in sockets:
                async with asyncio.timeout(20):
                    [await socket.recv() for _ in range(10)]
            flows = [await chat.flow(text, within=10) for text in (texts[0], texts[99])]
        hops = [hop for hop in chat.tracing.hops() if not hop.is_note]
    assert all(len(flow.reached()) == 10 for flow in flows)
    said = texts_of_traces(hops)
    assert sorted(map(sorted, said.values())) == sorted([text] for text in texts)
    delivered = [hop for hop in hops if kind_of(hop.target) == "client" and "text" in hop.detail]
    assert len(delivered) == 1000
    assert all(said[hop.trace] == {hop.detail["text"]} for hop in delivered)


async def send(chat, number, text, socket):
    if number % 4 == 0:
        await post(chat.instances[number % 2], f"room-{number % 10}", f"user-{number}", text)
    else:
        await socket.send(post_frame(text, f"user-{number}"))


def texts_of_traces(hops):
    """{trace: the texts that its hops carry}, for the traces of messages."""
    said = defaultdict(set)
    for hop in hops:
        if hop.detail.get("text"):
            said[hop.trace].add(hop.detail["text"])
    return said


# --- the picture, and the recording itself ------------------------------------------------------


async def test_drawn_arrows_are_the_recorded_hops(traced):
    a, b = traced(6).instances
    async with connect(a, "drawn", "alice") as alice, connect(b, "drawn", "bob"):
        await alice.send(post_frame("draw me"))
        flow = await traced(6).flow("draw me", reaches=["alice", "bob"])
    drawn = re.findall(r'class="hop"[^>]*data-hop="([^"]+)"', draw(flow).svg)
    shown = {hop.id: hop.detail["recorded"] for hop in flow.handshake + flow.hops}
    recorded = traced(6).tracing.hops()
    trace = {hop.trace for hop in flow.handshake + flow.hops}
    expected = {hop.id for hop in recorded if hop.trace in trace and not hop.is_note}
    handshake = {hop.trace for hop in flow.handshake}
    gone = {hop.id for hop in recorded if hop.trace in handshake and hop.detail.get("gone")}
    assert len(drawn) == len(set(drawn))
    assert {shown[one] for one in drawn} == expected - gone


@pytest.mark.parametrize("name", screenshots.FLOWS)
async def test_picture_in_the_readme_is_what_happens(name):
    committed = (screenshots.PICTURES / name).read_text()
    assert await screenshots.FLOWS[name]() == committed, "run ./scripts/screenshots.sh"


async def test_nothing_of_it_is_there_when_tracing_is_off(start):
    async with start(5) as run:
        assert "PYTHONPATH" not in run.environment
        assert "FLOW_TRACE" not in run.environment
        assert run.environment["DJANGO_SETTINGS_MODULE"] == "websockets_channels.settings"
        assert not list(run.files.path.glob("trace"))
        code = "import sys, chat.consumers; print([m for m in sys.modules if 'flowtrace' in m])"
        done = await asyncio.to_thread(run.manage, "shell", "-c", code)
        assert done.stdout.strip().endswith("[]"), done.stderr


def test_half_written_line_is_read_when_it_is_whole(tmp_path):
    hop = {"id": "A-1-1", "at": 1, "trace": "t", "kind": "http", "label": "GET /"}
    line = json.dumps(hop | {"source": "client/A1", "target": "server/A"}).encode()
    path, lines = tmp_path / "A-1.jsonl", NewLines(tmp_path, "*.jsonl")
    path.write_bytes(line[:20])
    assert lines.read() == []
    path.write_bytes(line + b"\n")
    assert [Hop(**entry).label for entry in lines.read()] == ["GET /"]
    assert lines.read() == []


async def test_benchmark_of_its_cost_prints_a_ratio(monkeypatch, capsys):
    monkeypatch.setattr(tracing_cost, "INSTANCES", 1)
    monkeypatch.setattr(tracing_cost, "ROUNDS", 1)
    monkeypatch.setattr(tracing_cost, "MESSAGES", 20)  # of CPU time there are ticks only
    await tracing_cost.compare()
    ratio = re.search(r"CPU per delivered message: (\d+\.\d\d)", capsys.readouterr().out)
    assert float(ratio[1]) > 0


REOPEN = """
from django.db import connection
for _ in range(3):
    connection.ensure_connection()
    connection.close()
print(len(connection.execute_wrappers))
"""


def test_tracing_is_put_round_a_connection_once_however_often_it_is_opened(traced):
    done = traced(5).manage("shell", "--no-imports", "-c", REOPEN)
    assert done.stdout == "1\n", "or it grows with every post, until none can be stored"


async def test_requests_that_nobody_made_have_no_flow(traced):
    with pytest.raises(LaunchError, match="No such flow"):
        await traced(1).flow("never said", within=0.1)


async def test_flow_of_an_untraced_stage_says_what_to_do():
    with pytest.raises(UsageError, match="trace=True"):
        await Run(1).flow("hello")
    with pytest.raises(UsageError, match="trace=True"):
        await Run(1).request_flow("alice")


async def test_tracing_changes_no_answer(traced):
    for number in NUMBERS:
        room = 302 if find_stage(number).can["unforgeable"] == "yes" else 200
        async with httpx.AsyncClient(base_url=traced(number).url) as http:
            for path, status in {"/": 200, "/chat/lobby/": room, **NO_PAGES}.items():
                answer = (await http.get(path)).status_code
                assert answer == status, f"stage {number} answers {path} with {answer}, if traced"


# Untraced they are answered like this too, as test_pages holds.
NO_PAGES = {"/chat/caf%C3%A9/": 404, "/nowhere": 404}
