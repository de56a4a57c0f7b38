"""Checks of hunts: what people in a room hear, and who is in it."""

import asyncio
import contextlib
import json
import uuid

from ..basics.catalog import LIVE_SECONDS
from ..clients.readers import websocket_reader
from ..clients.sockets import connect, frame, next_of
from ..clients.visitor import Visitor, post
from ..probing.people import new_room
from ..running.launcher import stage
from ..tracing.book import Book
from .checks import SOON, Checks, count_stored, is_heard, until

CHECKS = Checks()


@CHECKS.add
async def nobody_stays_behind(run):
    """Whoever has left is in no group any more."""
    for _ in range(3):
        async with connect(run.instances[0], new_room(), "alice"):
            pass
    await until(lambda: count(run, "group_add") == count(run, "group_discard") > 0)
    return True


def count(run, call):
    return sum(hop.label.startswith(call) for hop in run.tracing.hops())


@CHECKS.add
async def hears_from_the_first_moment(run):
    """Whoever is told that they are connected misses nothing from then on."""
    return await joins_before(run, "101")


@CHECKS.add
async def hears_from_the_last_missed_on(run):
    """Whoever has been told what they missed misses nothing from then on."""
    return await joins_before(run, "caught_up")


async def joins_before(run, told):
    """Whether a consumer is in its room's group before its client is told this."""
    room_name = new_room()
    async with connect(run.instances[0], room_name, "carol"):
        await until(lambda: {"group_add", told} <= {*opening_of(run, room_name)})
    steps = opening_of(run, room_name)
    return steps.index("group_add") < steps.index(told)


def opening_of(run, room_name):
    """What has happened as the socket of this room was opened: the first word of each hop."""
    book = Book(run.tracing.hops())
    sockets = [each for each in book.connections if book.is_socket(each)]
    for connection in sockets:
        if book.room_of(connection) == room_name:
            return [hop.label.split(" ")[0] for hop in book.opening(connection)]
    return []


@CHECKS.add
async def frames_are_objects(run):
    """The page can read what arrives."""
    async with connect(run.instances[0], new_room(), "alice") as alice:
        await alice.send(frame("post", author="alice", text="hello"))
        async with asyncio.timeout(SOON):
            return isinstance(json.loads(await alice.recv()), dict)


@CHECKS.add
async def sender_hears_itself(run):
    """Whoever writes sees their own message, too."""
    async with websocket_reader(run.instances[0], new_room(), "alice") as alice:
        await alice.post("alice", "my own words")
        return await alice.next_text() == "my own words"


@CHECKS.add
async def rooms_with_capitals_hear(run):
    """In a room whose name has capitals everybody hears, too."""
    return await is_heard(run, f"Tea-{new_room()}")


@CHECKS.add
async def form_is_heard(run):
    """What is written by the form is heard by socket."""
    return await is_heard(run, new_room())


@CHECKS.add
async def command_tells_the_group(run):
    """`manage.py say ROOM TEXT` stores a message and sends it to the room's group."""
    room_name, sent = new_room(), count(run, "group_send")
    await asyncio.to_thread(run.manage, "say", room_name, "from outside")
    return count_stored(run, room_name) == 1 and count(run, "group_send") > sent


@CHECKS.add
async def all_of_one_process_hear(run):
    """Three people who are connected to one process hear the same."""
    # Untraced: a layer that is traced hands each consumer a copy of its own.
    async with (
        stage(run.stage.number, folder=run.folder) as own,
        contextlib.AsyncExitStack() as all_,
    ):
        room_name = new_room()
        opening = [websocket_reader(own, room_name, name) for name in ("bob", "carol", "dave")]
        readers = [await all_.enter_async_context(each) for each in opening]
        await post(own, room_name, "alice", "to all of you")
        return all([await reader.next_text() == "to all of you" for reader in readers])


@CHECKS.add
async def each_has_an_answer(run):
    """Each author is answered with their own message."""
    room_name, client_id = new_room(), str(uuid.uuid4())
    for name in ("alice", "bob"):
        async with connect(run.instances[0], room_name, name) as socket:
            await socket.send(frame("post", text=f"by {name}", client_id=client_id))
            async with asyncio.timeout(SOON):
                answer = await next_of(socket, "message", "error")
        if answer.get("text") != f"by {name}":
            return False
    return True


@CHECKS.add
async def reload_posts_nothing(run):
    """A page that is reloaded after a message was sent does not send it again."""
    room_name = new_room()
    async with Visitor(run.instances[0], "alice") as alice:
        await alice.open(room_name)
        answer = await alice.post(room_name, "alice", "once, please")
        # As each browser does it: what is reloaded is the request that has brought the page.
        again = alice.load if answer.is_redirect else None
        await (again(answer.headers["location"]) if again else alice.http.send(answer.request))
        page = (await alice.open(room_name)).text
    return page.count("<p>once, please</p>") == 1


@CHECKS.add
async def stays_in_the_room(run):
    """Whoever has said nothing for some seconds still hears the others."""
    room_name = new_room()
    async with websocket_reader(run.instances[-1], room_name, "bob") as bob:
        await asyncio.sleep(2 * LIVE_SECONDS)  # nothing is waited for: silence is the experiment
        await post(run.instances[0], room_name, "alice", "still there?")
        return await bob.next_text() == "still there?"
