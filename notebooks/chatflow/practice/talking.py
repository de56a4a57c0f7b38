"""Alice writes, Bob waits in the same room: what they do is decided by what the stage is to do."""

import asyncio
import contextlib

import httpx
import websockets

from ..basics.catalog import LIVE_SECONDS
from ..basics.errors import LaunchError
from ..clients.readers import WAYS, websocket_reader
from ..clients.sockets import connect
from ..clients.visitor import post
from ..tracing.book import Book
from .evidence import NOT_READ, Evidence

ROOM = "tea-room"
TEXT, COMMAND = "Can you hear me?", "/roll 2d6"

# What has not been opened by then is not going to be.
OPEN_SECONDS = 3
# A stage that works needs one second of them.
TALK_SECONDS = 10
# Who is sent more than that is sent it for ever.
ENOUGH = 10
# A request that nobody holds is answered within a few milliseconds.
HOLD_SECONDS = 0.4
# Long enough for a second copy of a message, which comes from the same place.
LINGER_SECONDS = 0.2
# What tells that the stage, or the way to it, is broken: the evidence and the log say why.
BROKEN = (httpx.HTTPError, websockets.WebSocketException, OSError, TimeoutError, LaunchError)


async def gather(run):
    """Have Alice and Bob talk on a running, traced stage; returns the Evidence of it."""
    can = run.stage.can
    found = Evidence(run, COMMAND if can["unasked"] == "yes" and run.stage.number == 7 else TEXT)
    here = run.instances[0]
    # At another instance, where the stage is to reach it.
    there = run.instances[-1 if can["crosses_instances"] == "yes" else 0]
    if can["accepts_websocket"] == "yes":
        found.status = await handshake(here)
    with contextlib.suppress(*BROKEN):
        async with asyncio.timeout(TALK_SECONDS):
            await (come_back if run.stage.number == 9 else talk)(here, there, found)
    with contextlib.suppress(LaunchError):  # nothing of it was recorded
        found.flow = await flow_of(run, found)
    found.book = Book(run.tracing.hops())
    return found


async def flow_of(run, found):
    """The message's flow; or that of the request before it, where that was not taken as it should.

    Raises LaunchError if nothing of it was recorded.
    """
    once = {"reaches": (), "within": 1}
    if found.handshake_failed():
        return await run.request_flow("alice", "GET /ws/", **once)
    if run.stage.can["live"] == "yes" and found.status is None and not found.held:
        return await run.request_flow("bob", "GET /chat/", **once)
    return await run.flow(found.text, **once)


async def handshake(instance):
    """The status of the answer to a WebSocket handshake; 0 if none comes."""
    try:
        async with asyncio.timeout(OPEN_SECONDS), connect(instance, ROOM, "alice"):
            return 101
    except websockets.InvalidStatus as refusal:
        return refusal.response.status_code
    except BROKEN:
        return 0


async def talk(here, there, found):
    async with contextlib.AsyncExitStack() as stack:
        bob = await open_reader(stack, there, found)
        alice = None
        if found.status == 101:
            alice = await stack.enter_async_context(websocket_reader(here, ROOM, "alice"))
        await write(here, alice, found)
        await listen(found, {"alice": alice, "bob": bob}, 2 if found.text == COMMAND else 1)


async def open_reader(stack, instance, found):
    """Bob, by the best way that the stage offers; None if it offers none, or none that opens."""
    for how, reader in WAYS.items():
        if how == "WebSocket" and found.status != 101:
            continue
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                bob = await stack.enter_async_context(reader(instance, ROOM, "bob"))
        except TimeoutError:
            found.unopened = True
            return None
        if bob:
            found.how = how
            found.held = how == "WebSocket" or await is_held(instance)
            return bob


async def is_held(instance):
    """Whether a view has Bob's request in hand, has looked for news, and waits."""
    try:
        await instance.tracing.waits("bob", ROOM, within=LIVE_SECONDS)
    except LaunchError:
        return False
    # A page whose request is answered at once asks again and again: this one is to stay the last.
    before = requests_of_bob(instance)
    await asyncio.sleep(HOLD_SECONDS)
    return requests_of_bob(instance) == before


def requests_of_bob(instance):
    book = Book(instance.tracing.hops())
    return [traces for name, traces in book.connections.items() if book.names[name] == "bob"]


async def write(instance, alice, found):
    """As Alice, by her socket, else by the page's form."""
    if alice:
        await alice.post("alice", found.text)
    else:
        found.answered = (await post(instance, ROOM, "alice", found.text)).status_code


async def come_back(here, there, found):
    """Bob reads one message, is away when Alice writes, and comes back with its number."""
    async with (
        websocket_reader(there, ROOM, "bob") as bob,
        websocket_reader(here, ROOM, "alice") as alice,
    ):
        if not (alice and bob):
            await write(here, None, found)
            return
        await alice.post("alice", "before")
        found.how, found.held, found.went_away = bob.how, True, True
        last = await bob.next()
        found.heard["bob before"] = [last] if last else []
    await write(here, None, found)
    async with websocket_reader(there, ROOM, "bob", after=last) as bob:
        await listen(found, {"bob": bob}, 1)


async def listen(found, readers, count):
    """Note what each of them hears until it has so many messages, and what is left of it then."""
    there = {name: reader for name, reader in readers.items() if reader}
    await asyncio.gather(*(listen_to(found, *each, count) for each in there.items()))


async def listen_to(found, name, reader, count):
    messages = found.heard[name] = []
    try:
        while message := await reader.next(
            LINGER_SECONDS if messages[count - 1 :] else LIVE_SECONDS
        ):
            messages.append(message)
            if len(messages) == ENOUGH:
                return
    except (ValueError, TypeError, KeyError) as error:
        found.ended[name] = f"{NOT_READ}{error}"
    except (websockets.WebSocketException, httpx.HTTPError, OSError) as error:
        found.ended[name] = str(error)
