"""What is recorded of real messages: each stage's way, hop by hop, and nothing mixed up.

Ways that a notebook draws are compared there, picture by picture.
"""

import asyncio
import contextlib
import json
import re
from collections import defaultdict

import httpx
import pytest
import websockets

from chatflow import Run, Visitor, draw, find_stage, post, reading, stage, stages
from chatflow.basics.addresses import NO_TLS
from chatflow.basics.errors import LaunchError, UsageError
from chatflow.bench import tracing_cost
from chatflow.clients.sockets import connect, next_event
from chatflow.commands import screenshots
from chatflow.drawing.lanes import BROKEN, fork, track
from chatflow.probing.race import TEXT, Race
from chatflow.running.variants import variant
from chatflow.tracing.book import Book
from chatflow.tracing.flow import kind_of
from chatflow.tracing.hops import Hop, NewLines
from chatflow.tracing.recording import is_over
from chatflow.tracing.redis_commands import Command, as_hops
from final.helpers import at, sees, until
from helpers.talking import post_frame, refusal_of, say_outside, write
from labs.chat_under_five import last_word

NUMBERS = [stage.number for stage in stages()]
FINAL = find_stage("final").number


@pytest.fixture(scope="module")
def pubsub(started_once):
    """Stage 06 likewise, on the layer that keeps nothing."""
    with started_once(trace=True, redis_layer="pubsub") as get:
        yield get(6)


async def crossing(chat, room_name, **options):
    """The flow of what alice, on one instance, writes, while bob is on another."""
    here, there = chat.instances
    async with connect(here, room_name, "alice") as alice, connect(there, room_name, "bob"):
        await write(alice, f"hello, {room_name}")
        return await chat.flow(f"hello, {room_name}", **options)


def way(hops):
    """The stations that hops lead to, without what Redis does meanwhile."""
    return " ".join(kind_of(hop.target) for hop in hops if hop.kind != "redis")


def recorded_in(hops):
    """The processes that have recorded these hops."""
    return {hop.detail["recorded"].split("-")[0] for hop in hops}


# --- the lanes of the race ----------------------------------------------------------------------

WHOLE = {"client", "server", "handler", "database", "layer"} | {"receivers A", "bob"}
WHOLE |= {"receivers B", "carol", "back"}
LANES = {
    4: ([], {"client", "server", "handler", "database", "back"}, "only Alice's own socket"),
    5: (["bob"], WHOLE - {"receivers B", "carol"}, "Bob heard her, Carol did not"),
    FINAL: (["bob", "carol"], WHOLE, "Bob and Carol heard her"),
}


async def test_lanes_of_the_race_end_where_the_recorded_messages_ended(traced):
    race = Race(LANES)
    await asyncio.gather(*(race.send(traced(number)) for number in LANES))
    assert not race.failed
    race.end()
    for (number, (hears, stops, words)), lane in zip(LANES.items(), race.lanes(), strict=True):
        assert race.heard[number] == ("WebSocket", hears)
        assert (set(lane.stops), lane.says) == (stops, words)
        flow = await traced(number).flow(TEXT, reaches=hears)
        assert flow.reached() == sorted(["alice", *hears])
        drawn = re.findall('class="stop reached" data-stop="([^"]+)"', track(lane))
        assert set(drawn) == stops - {"back"}
        assert ("Q" in track(lane)) == ("back" in stops), "the arrow back to her"
    assert [fork(lane, branch) for branch in ("receivers A", "receivers B")] == [
        "database",
        "layer",
    ], "chat_final's hub tells its own sockets first, and the layer then"


async def test_lane_that_breaks_off_says_why_and_leaves_its_stage_to_be_measured(traced):
    async def breaks_off(chat):
        raise ConnectionError("The server has ended the WebSocket.\nAnd more.")

    race = Race([4], tell=breaks_off)
    await race.send(traced(4))
    race.end()
    [lane] = race.lanes()
    assert (lane.end, lane.says) == (BROKEN, "broke off: ConnectionError")
    [reason] = race.reasons()
    assert reason == "stage 4, its lane: ConnectionError: The server has ended the WebSocket."


# --- the way of a message in each stage ---------------------------------------------------------

A_POST = "server routing view database"
A_DELIVERY = "consumer server client"
A_HANDSHAKE = "server routing consumer consumer"


@pytest.mark.parametrize("number", range(1, 10))
async def test_way_of_a_posted_form(traced, number):
    chat, hears = traced(number), ["bob"] if number >= 5 else []
    async with connect(chat, "forms", "bob") if hears else contextlib.nullcontext():
        await post(chat, "forms", "alice", "by form")
        flow = await chat.flow("by form", reaches=hears)
    delivery = f"layer {A_DELIVERY} " if hears else ""
    assert way(flow.hops) == f"{A_POST} {delivery}server client"
    assert flow.hops[-1].label == "302 Found"
    assert flow.reached() == hears
    assert hears or len(recorded_in(flow.hops)) == 1, "one process"


@pytest.mark.parametrize(("number", "wait"), [(2, ""), (3, " server client")])
async def test_way_to_a_waiting_request_leads_through_the_database(traced, number, wait):
    chat = traced(number)
    async with reading(chat, "waiting", "bob") as bob:
        book = Book(chat.tracing.hops())
        await post(chat, "waiting", "alice", "wake up")
        assert await bob.next()
        flow = await chat.flow("wake up", reaches=["bob"])
    assert way(flow.handshake) == f"server routing view{wait}", "bob's request, made before"
    assert way(flow.hops) == f"{A_POST} view server client server client"
    read = next(hop for hop in flow.hops if hop.source == "database/1")
    stored = next(hop for hop in flow.hops if hop.target == "database/1")
    assert (read.target, read.cause) == ("view/bob@A", stored.id)
    assert book.waits("bob", "waiting"), "its request has been searched for, and is held"
    assert not book.waits("bob", "another"), "in the room that was asked for, and in no other"
    assert not book.waits("carol", "waiting")


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


@pytest.mark.parametrize("number", [6, 7, 8])
async def test_way_of_a_frame_crosses_to_another_process_from_stage_06_on(traced, number):
    flow = await crossing(traced(number), "across", reaches=["alice", "bob"])
    assert way(flow.handshake) == f"{A_HANDSHAKE} layer server client"
    # Routing happens once, at the handshake.
    there = "server/A consumer/alice@A database/1 layer/redis-1"
    back = "consumer/alice@A server/A client/alice consumer/bob@B server/B client/bob"
    assert " ".join(hop.target for hop in flow.hops if hop.kind != "redis") == f"{there} {back}"
    assert len({hop.trace for hop in flow.hops}) == 1
    assert recorded_in(flow.hops) == {"A", "B", "redis"}
    assert_drawn_as_recorded(flow, traced(number).tracing.hops())


def assert_drawn_as_recorded(flow, recorded):
    drawn = re.findall(r'class="hop"[^>]*data-hop="([^"]+)"', draw(flow).svg)
    shown = {hop.id: hop.detail["recorded"] for hop in flow.handshake + flow.hops}
    trace = {hop.trace for hop in flow.handshake + flow.hops}
    expected = {hop.id for hop in recorded if hop.trace in trace and not hop.is_note}
    handshake = {hop.trace for hop in flow.handshake}
    gone = {hop.id for hop in recorded if hop.trace in handshake and hop.detail.get("gone")}
    assert len(drawn) == len(set(drawn))
    assert {shown[one] for one in drawn} == expected - gone


async def test_way_of_a_frame_in_stage_09_is_answered_before_the_layer_is_told(traced):
    a, b = traced(9).instances
    async with connect(a, "numbered", "alice") as alice, connect(b, "numbered", "bob") as bob:
        await write(alice, "hello, nine")
        assert (await next_event(bob))["text"] == "hello, nine"
        await write(bob, "hello, ten")
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


async def test_way_of_a_frame_in_chat_final_leads_from_hub_to_hub(traced):
    a, b = traced(FINAL).instances
    # Who comes first has the hub join the room's group, which is no part of alice's way.
    async with at(a, "hubs", "carol"), at(a, "hubs", "alice") as alice, at(b, "hubs", "bob"):
        await write(alice, "hello, hubs")
        flow = await traced(FINAL).flow("hello, hubs", reaches=["alice", "bob", "carol"])
    in_it = "hub server client server client"
    assert way(flow.handshake) == f"{A_HANDSHAKE} server client {in_it}"
    assert [hop.label for hop in flow.handshake[-3::2]] == ["caught_up", "presence"]
    recorded = traced(FINAL).tracing.hops()
    for hub in ("hub/A", "hub/B"):
        # Until it has heard, the flow is not over, though everybody may have the message already.
        hints = [hop for hop in recorded if kind_of(hop.source) == "layer" and hop.target == hub]
        unheard = Book([hop for hop in recorded if hop not in hints])
        assert not is_over(unheard, flow.hops[0].trace)
        assert is_over(unheard, flow.hops[0].trace, ended=[hub[-1]]), "whom nothing reaches"
    here = "server consumer database hub server client server client layer"
    # Its own hint tells a hub nothing new.
    assert way(flow.hops) == f"{here} hub {A_HUBS_DELIVERY}"
    assert [hop.label.split()[0] for hop in flow.hops if hop.kind == "redis"] == ["PUBLISH"]
    assert len({hop.trace for hop in flow.hops}) == 1
    stations = [hop.target for hop in flow.hops if kind_of(hop.target) in ("hub", "client")]
    assert stations == ["hub/A", "client/alice", "client/carol", "hub/A", "hub/B", "client/bob"]


async def test_way_of_a_posted_form_in_chat_final_comes_back_from_the_view(traced):
    a, b = traced(FINAL).instances
    async with at(a, "forms", "alice"), at(b, "forms", "bob"):
        await post(a, "forms", "carol", "by form")
        flow = await traced(FINAL).flow("by form", reaches=["alice", "bob"])
    here = f"{A_POST} hub server client layer"
    assert way(flow.hops) == f"{here} hub {A_HUBS_DELIVERY} server client"
    assert [hop.source for hop in flow.hops[-2:]] == ["view/carol@A", "server/A"]


async def test_way_of_a_message_from_a_command_to_the_hubs_of_chat_final(traced):
    a, b = traced(FINAL).instances
    expected = f"database hub layer {A_HUBS_DELIVERY} {A_HUBS_DELIVERY}"
    async with at(a, "outside", "alice"), at(b, "outside", "bob"):
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
    async with at(a, "presence", "alice") as alice:
        await write(alice, "who is there?")
        async with at(b, "presence", "bob"):
            await sees(alice, "alice", "bob")
        await sees(alice, "alice")
        flow = await chat.flow("who is there?", reaches=["alice"])
    arrival, message = (
        [hop.label for hop in hops if hop.target == "client/alice"]
        for hops in (flow.handshake, flow.hops)
    )
    assert arrival == ["101 Switching Protocols", "caught_up", "presence"], "her own"
    assert len(message) == 1, message


async def test_crashes_of_an_instance_and_of_redis_are_told_and_mix_nothing_up(start):
    async with start(FINAL, instances=2, trace=True) as chat:
        a, b = chat.instances
        async with at(a, "lobby", "alice") as alice:
            async with at(b, "lobby", "bob") as bob:
                await write(alice, "before")
                seq = (await next_event(bob))["seq"]
                await asyncio.to_thread(b.kill)
            await write(alice, "meanwhile")
            cut_off = await chat.flow("meanwhile", reaches=["alice"])
            async with connect(a, "lobby", "bob", after=seq):
                back = await chat.flow("meanwhile", reaches=["alice", "bob"])
            await write(alice, "without B")
            await chat.flow("without B", reaches=["alice"])
            await asyncio.to_thread(b.start)
            without = await chat.flow("without B", reaches=["alice"])
            async with at(b, "lobby", "bob") as bob:
                await write(alice, "afterwards")
                afterwards = await chat.flow("afterwards", reaches=["alice", "bob"])
                # Presence, too, is told by the layer: a call that fails first would be its.
                await until(bob, lambda event: event.get("count") == 2)
                chat.redis[0].program.kill()
                await write(alice, "unhinted")
                await until(alice, lambda event: event.get("text") == "unhinted")
                await write(alice, "not even tried")
                unhinted = await chat.flow("unhinted", reaches=["alice", "bob"], within=10)
                untried = await chat.flow("not even tried", reaches=["alice", "bob"], within=10)
        hops = chat.tracing.hops()
    [missed] = cut_off.missed
    assert (missed.client, missed.reason) == ("client/bob", "instance B has ended")
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


async def test_job_that_no_worker_takes_ends_in_redis_until_one_does(traced):
    chat = traced(7)
    async with connect(chat, "no-worker", "alice") as alice:
        await asyncio.to_thread(chat.worker.stop)
        await write(alice, "/roll 1d6")
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


async def test_who_was_away_never_gets_a_message_up_to_stage_08(traced):
    a, b = traced(8).instances
    async with connect(a, "away", "alice") as alice:
        async with connect(b, "away", "bob"):
            pass
        await traced(8).request_flow("bob", "close")  # B has noticed
        await write(alice, "meanwhile")
        assert (await next_event(alice))["text"] == "meanwhile"
        async with connect(b, "away", "bob"):
            flow = await traced(8).flow("meanwhile", reaches=["alice"])
    assert (flow.reached(), flow.unreached()) == (["alice"], ["bob"])
    assert "on the return" not in dict(flow.sections())
    assert "was away" in flow.missed[0].reason


async def test_who_is_there_in_another_tab_was_not_away(traced):
    async with connect(traced(8), "tabs", "alice") as alice, connect(traced(8), "tabs", "bob"):
        async with connect(traced(8), "tabs", "bob"):
            pass
        await write(alice, "two tabs")
        async with connect(traced(8), "tabs", "bob"):
            flow = await traced(8).flow("two tabs", reaches=["alice", "bob"])
    assert flow.unreached() == []


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
async def test_redis_commands_are_hops_of_the_message_that_caused_them(traced, request, layer):
    chat = traced(6) if layer == "queue" else request.getfixturevalue("pubsub")
    flow = await crossing(chat, "commands", reaches=["alice", "bob"])
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
    last = flow.hops[-1]
    assert (last.lost, last.target, last.detail["code"]) == (True, "client/eve", seen)


# What comes of these two under Daphne is in notebooks 03 and 06.
async def test_status_of_a_failed_application_is_uvicorns_own(start):
    async with start(3, server="uvicorn", trace=True) as chat:
        seen = await refusal_of(f"{chat.ws_url}/ws/chat/lobby/", name="eve")
        flow = await chat.request_flow("eve")
    assert flow.hops[-1].source == "server/A"
    assert flow.hops[-1].detail["code"] == seen == 500
    assert "Django can only handle ASGI/HTTP connections" in flow.hops[-2].label


async def test_lost_redis_closes_the_socket_and_stops_the_next_message_in_red(start):
    async with start(6, server="uvicorn", trace=True) as chat:
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
    failed = next(hop for hop in flow.hops if hop.lost)
    assert failed.passed["line"]["at"].startswith("chat/groups.py:"), "the line that called it"
    assert answer.status_code == 500


async def test_bad_frame_comes_back_as_an_error_and_is_stored_nowhere(traced):
    async with connect(traced(4), "bad", "alice") as alice:
        await alice.send("garbage")
        assert json.loads(await alice.recv())["type"] == "error"
        flow = await traced(4).request_flow("alice", "garbage")
    assert way(flow.hops) == "server consumer server client"


# --- other consumers, other requests ------------------------------------------------------------


def synchronous(text):
    """A consumer that is synchronous, and so runs in threads."""
    # Channels calls a synchronous consumer by a coroutine, too: of this method there is no other.
    text = re.sub(r"    async def __call__.*?raise\n\n", "", text, flags=re.DOTALL)
    for old, new in SYNC_WORDS.items():
        assert old in text, f"the stage has no {old!r} any more"
        text = text.replace(old, new)
    return text


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


async def test_sync_consumers_are_traced_through_their_threads():
    text = (find_stage(6).folder / CONSUMERS).read_text()
    async with (
        variant(6, CONSUMERS, text, synchronous(text)) as folder,
        stage(6, folder=folder, instances=2, trace=True) as chat,
    ):
        flow = await crossing(chat, "threads", reaches=["alice", "bob"])
    assert way(flow.hops) == f"server consumer database layer {A_DELIVERY} {A_DELIVERY}"


CONSUMERS = "chat/consumers.py"
SENDS_AFTERWARDS = """
    async def dispatch(self, message):
        await super().dispatch(message)
        if message["type"] == "websocket.receive":
            await self.send_json({"type": "note", "text": "afterwards"})

    async def chat_message("""


async def test_what_a_consumer_does_after_an_event_is_no_part_of_its_message():
    before = "\n    async def chat_message("
    async with (
        variant(5, CONSUMERS, before, SENDS_AFTERWARDS) as folder,
        stage(5, folder=folder, trace=True) as chat,
        connect(chat, "lobby", "alice") as alice,
    ):
        await write(alice, "hello")
        said = [json.loads(await alice.recv())["type"] for _ in range(2)]
        flow = await chat.flow("hello", reaches=["alice"])
        hops = chat.tracing.hops()
    assert sorted(said) == ["message", "note"]
    notes = [hop for hop in hops if hop.detail.get("text") == "afterwards"]
    [note] = [hop for hop in notes if hop.label != "websocket.send"]
    assert note.trace == flow.handshake[0].trace
    assert note.trace != flow.hops[0].trace


async def test_hundred_senders_at_once_never_mix(pubsub):
    """Ten in each of ten rooms, on two instances, by form and by frame: each has its own trace."""
    texts = [f"message {number}" for number in range(100)]
    already = {hop.id for hop in pubsub.tracing.hops()}
    async with contextlib.AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                connect(pubsub.instances[number % 2], f"room-{number % 10}", f"user-{number}")
            )
            for number in range(100)
        ]
        async with asyncio.timeout(60), asyncio.TaskGroup() as senders:
            for number, text in enumerate(texts):
                senders.create_task(send(pubsub, number, text, sockets[number]))
        for socket in sockets:
            async with asyncio.timeout(20):
                [await socket.recv() for _ in range(10)]
        flows = [await pubsub.flow(text, within=10) for text in (texts[0], texts[99])]
    hops = [hop for hop in pubsub.tracing.hops() if not hop.is_note and hop.id not in already]
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


@pytest.mark.parametrize("name", screenshots.FLOWS)
async def test_picture_in_the_readme_is_what_happens(name):
    drawn = await screenshots.FLOWS[name]()
    committed = {file: (screenshots.PICTURES / file).read_text() for file in drawn}
    assert drawn == committed, "run ./scripts/screenshots.sh --only flows"


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


async def test_its_cost_is_measured_round_by_round(monkeypatch):
    monkeypatch.setattr(tracing_cost, "INSTANCES", 1)
    monkeypatch.setattr(tracing_cost, "ROUNDS", 1)
    monkeypatch.setattr(tracing_cost, "MESSAGES", 20)  # of CPU time there are ticks only
    [costs] = (await tracing_cost.measure())["rounds"]
    assert min(costs) > 0


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


async def test_where_there_is_no_flow_it_is_said_why(traced):
    with pytest.raises(LaunchError, match="No such flow"):
        await traced(1).flow("never said", within=0.1)
    with pytest.raises(UsageError, match="trace=True"):
        await Run(1).flow("hello")
    with pytest.raises(UsageError, match="trace=True"):
        await Run(1).request_flow("alice")


async def test_tracing_changes_no_answer(traced):
    for number in NUMBERS:
        room = 302 if find_stage(number).can["unforgeable"] == "yes" else 200
        async with httpx.AsyncClient(base_url=traced(number).url, verify=NO_TLS) as http:
            # Untraced they are answered like this too, as test_pages holds.
            answers = {"/": 200, "/chat/lobby/": room, "/chat/caf%C3%A9/": 404, "/nowhere": 404}
            for path, status in answers.items():
                answer = (await http.get(path)).status_code
                assert answer == status, f"stage {number} answers {path} with {answer}, if traced"


async def test_somebody_whom_the_server_sends_nothing_any_more_is_missed_for_that_reason():
    async with stage(5, server="uvicorn", trace=True) as chat:
        flow = await last_word(chat)
    [missed] = flow.missed
    assert (missed.client, flow.reached()) == ("client/bob", [])
    assert missed.reason == "the server takes no send for it any more: ClientDisconnected"
