"""The probes of what chat_final adds; see `stage_probes` for what a probe is."""

import asyncio
import contextlib
import secrets

import httpx
import websockets

from ..basics.addresses import NO_TLS
from ..clients.readers import reading
from ..clients.sockets import connect, frame, next_of
from ..clients.visitor import PASSWORD, Visitor, post
from . import people
from .people import NO, NOTHING_TO_TRY, YES, answer, error_means, new_room, post_frame, verdict

# So long may it take until something is told that nobody has asked for.
QUIET_SECONDS = 12
# More than anybody has to say at once.
FLOOD = 40
# Enough for an instance to be busy with for a while, when it sends them all away.
SOCKETS = 16
# Nobody listens there.
NO_REDIS = "redis://127.0.0.1:1/0"

# Close codes.
NOT_ALLOWED, RESTART, TOO_FAST = 4403, 4012, 4429


@error_means(NO, websockets.InvalidStatus, TimeoutError)
async def deletes(chat):
    """Delete as the author, after somebody else has tried to; one reads live, another reloads."""
    room_name = new_room()
    async with people.two_people(chat, room_name) as (ada, ben), Visitor(chat, "ben") as page:
        message = await answer(ada, post_frame("never mind"), "message")
        please = frame("delete", id=message["id"])
        answers = [(await answer(who, please, "deleted"))["type"] for who in (ben, ada)]
        if answers != ["error", "deleted"]:
            return NO
        is_told = (await next_of(ben, "deleted"))["id"] == message["id"]
        return verdict(is_told and "never mind" not in (await page.open(room_name)).text)


@error_means(NO, websockets.InvalidStatus, TimeoutError)
async def earlier(chat):
    """Leaf back through a room, two messages at a time."""
    async with connect(chat, new_room(), "ada") as ada, asyncio.timeout(people.ANSWER_SECONDS):
        for text in ("one", "two", "three", "four", "five"):
            await answer(ada, post_frame(text), "message")
        pages = []
        for before in (5, 3):
            please = frame("history", before=before, limit=2)
            pages.append((await answer(ada, please, "history")).get("messages", []))
    texts = [[message["text"] for message in page] for page in pages]
    return verdict(texts == [["three", "four"], ["one", "two"]])


@error_means(NO, websockets.InvalidStatus, TimeoutError)
async def presence(chat):
    room_name = new_room()
    async with people.two_people(chat, room_name, within=QUIET_SECONDS) as (ada, ben):
        for socket in (ada, ben):
            await until_there_are(socket, ["ada", "ben"])
        await ben.close()
        await until_there_are(ada, ["ada"])
    return YES


async def until_there_are(socket, names):
    while (await next_of(socket, "presence"))["users"] != names:
        pass


@error_means(NO, websockets.InvalidStatus, TimeoutError)
async def typing(chat):
    async with people.two_people(chat, new_room()) as (ada, ben):
        await ada.send(frame("typing"))
        # A stage that does not know this frame says so before it takes the next.
        if (await answer(ada, post_frame("done"), "message"))["type"] == "error":
            return NO
        return verdict((await next_of(ben, "typing"))["author"] == "ada")


async def private(chat):
    """Begin a private room, and let somebody in who was shut out."""
    room_name = new_room()
    async with Visitor(chat, "ada") as ada, Visitor(chat, "ben") as ben:
        await ada.log_in()
        if (await ada.submit("/", room_name=room_name)).status_code != 302:
            return NO
        if (await ben.open(room_name)).status_code != 403:
            return NO
        async with connect(chat, room_name, "ben") as socket:
            if await people.close_code(socket) != NOT_ALLOWED:
                return NO
        await ada.open(room_name)
        invitation = {"user": "ben", "csrfmiddlewaretoken": ada.token}
        await ada.http.post(f"/chat/{room_name}/invite/", data=invitation)
    try:
        async with people.two_people(chat, room_name) as both:
            return verdict(await people.hear_each_other(*both))
    except (websockets.ConnectionClosed, TimeoutError):
        return NO


async def moderated(chat):
    """Ban somebody, by the admin, who is in the room at that moment."""
    room_name = new_room()
    async with Visitor(chat, "eve") as eve, Visitor(chat, f"mod-{secrets.token_hex(6)}") as mod:
        await eve.log_in()
        if not eve.session:
            return NOTHING_TO_TRY
        if (await mod.load("/admin/login/")).status_code == 404:
            return NO
        words = ["createsuperuser", "--noinput", "--username", mod.name, "--email", ""]
        await asyncio.to_thread(chat.manage, *words, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        await mod.log_in()
        async with connect(chat, room_name, "eve") as socket:
            await people.entered(socket)
            await ban(mod, room_name, "eve")
            return verdict(await people.close_code(socket) == NOT_ALLOWED)


async def ban(mod, room_name, name):
    """Fill in the admin's forms of a room, and of somebody who is special there."""
    question = {"app_label": "chat", "model_name": "member", "field_name": "user", "term": name}
    found = (await mod.http.get("/admin/autocomplete/", params=question)).json()["results"]
    number = next(user["id"] for user in found if user["text"] == name)
    await mod.submit("/admin/chat/room/add/", name=room_name)
    await mod.submit("/admin/chat/member/add/", room=room_name, user=number, status="banned")


async def limited(chat):
    try:
        async with (
            connect(chat, new_room(), "flo") as socket,
            asyncio.timeout(people.ANSWER_SECONDS),
        ):
            for number in range(FLOOD):
                await socket.send(post_frame(str(number)))
            for _ in range(FLOOD):
                if (await next_of(socket, "message", "error"))["type"] == "error":
                    return YES
    except websockets.InvalidStatus:
        return NOTHING_TO_TRY
    except (websockets.ConnectionClosed, TimeoutError):
        pass
    return verdict(socket.close_code == TOO_FAST)


@error_means(NO, TimeoutError)
@error_means(NOTHING_TO_TRY, websockets.InvalidStatus)
async def notices_gaps(chat):
    """Let a process that cannot reach Redis store a message, and then let nobody say a word."""
    room_name, text = new_room(), "did you notice?"
    async with connect(chat, room_name) as socket, Visitor(chat) as page:
        await people.entered(socket)
        await asyncio.to_thread(chat.manage, "say", room_name, text, REDIS_URL=NO_REDIS)
        if text not in (await page.open(room_name)).text:
            return NOTHING_TO_TRY
        async with asyncio.timeout(QUIET_SECONDS):
            return verdict((await next_of(socket, "message"))["text"] == text)


# --- these leave the chat in pieces -------------------------------------------------------------


@error_means(NO, websockets.ConnectionClosed, TimeoutError)
async def without_redis(chat):
    """Go on with a conversation while Redis is away, and when it is back, empty."""
    if not chat.redis:
        return NOTHING_TO_TRY
    async with people.two_people(chat, new_room(), within=2 * people.ANSWER_SECONDS) as both:
        async with redis_away(chat):
            if not await people.hear_each_other(*both):
                return NO
        return verdict(await people.hear_each_other(*both))


@contextlib.asynccontextmanager
async def redis_away(chat):
    await asyncio.to_thread(chat.redis[0].kill)
    try:
        yield
    finally:
        await asyncio.to_thread(chat.redis[0].restart)


async def drains(chat):
    """End an instance in good order under a reader, who then goes on at another."""
    here, there = chat.instances[:2]
    room_name = new_room()
    async with connect(here, room_name, "ada") as ada:
        await answer(ada, post_frame("before"), "message")
        ended = asyncio.create_task(asyncio.to_thread(here.stop))
        code = await people.close_code(ada)
        await ended
    if code != RESTART:
        return NO
    await post(there, room_name, "ben", "meanwhile")
    async with reading(there, room_name, "ada", after={"seq": 0}) as reader:
        heard = [await reader.next_text(), await reader.next_text()]
    return verdict(heard == ["before", "meanwhile"])


async def health(chat):
    """Ask an instance before and during its end, which takes as long as it has sockets to close."""
    instance = chat.instances[1]
    client = httpx.AsyncClient(base_url=instance.url, timeout=people.ANSWER_SECONDS, verify=NO_TLS)
    async with client as http, contextlib.AsyncExitStack() as stack:
        if (await http.get("/readyz")).status_code != 200:
            return NO
        for _ in range(SOCKETS):
            await stack.enter_async_context(connect(instance, new_room(), "hal"))
        ended = asyncio.create_task(asyncio.to_thread(instance.stop))
        try:
            while (status := (await http.get("/readyz")).status_code) == 200:
                pass
        except httpx.HTTPError:
            return NO
        finally:
            await ended
    return verdict(status == 503)
