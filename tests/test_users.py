"""Who may write and listen, from stage 08 on: accounts, ended logins, pages from elsewhere."""

import asyncio
import contextlib
import json
import secrets

import httpx
import pytest
import redis
import websockets

from chatflow import Visitor, stages
from chatflow.capabilities import FOREIGN_ORIGINS, LOGOUT_SECONDS, new_room
from chatflow.client import PASSWORD, connect, next_event

WITH_USERS = [stage.number for stage in stages() if stage.can["unforgeable"] == "yes"]
every_user_stage = pytest.mark.parametrize("chat", WITH_USERS, indirect=True)
every_number = pytest.mark.parametrize("number", WITH_USERS)

BAD_ORIGINS = {
    "none": None,
    "with a path": "{url}/",
    "ours as a part of a name": "http://127.0.0.1.evil.example",
    "ours as a user's name": "http://127.0.0.1@evil.example",
    **{origin: origin for origin in FOREIGN_ORIGINS},
}
BAD_PATHS = ["/ws/chat/caf%C3%A9/", "/ws/chat/lobby", "/ws/nowhere/", "/"]


def new_name():
    return f"user-{secrets.token_hex(6)}"


@contextlib.asynccontextmanager
async def logged_in(chat, name=None):
    """Somebody with a login of their own: ending it disturbs no other test."""
    async with Visitor(chat, name or new_name(), fresh=True) as visitor:
        await visitor.log_in()
        yield visitor


def socket_of(instance, room_name, visitor):
    return connect(instance, room_name, visitor.name, session=visitor.session)


def knock(chat, path="/ws/chat/lobby/", origin=None, **headers):
    """A raw handshake, as a program makes it."""
    return websockets.connect(f"{chat.ws_url}{path}", origin=origin, additional_headers=headers)


async def say(socket, text):
    await socket.send(json.dumps({"type": "post", "text": text}))


async def in_shell(chat, code):
    """Run Python inside the stage, in another process than its servers."""
    done = await asyncio.to_thread(chat.manage, "shell", "-c", code)
    assert done.returncode == 0, done.stderr


async def closing_code(socket):
    async with asyncio.timeout(LOGOUT_SECONDS):
        await socket.wait_closed()
    return socket.close_code


# --- strangers ----------------------------------------------------------------------------------


@every_user_stage
async def test_stranger_is_led_to_the_login_and_stores_nothing(chat):
    room_name = new_room()
    login = f"/accounts/login/?next=/chat/{room_name}/"
    async with Visitor(chat) as stranger:
        stranger.http.cookies.clear()
        page = await stranger.load(f"/chat/{room_name}/")
        assert (page.status_code, page.headers["location"]) == (302, login)
        await stranger.load("/")  # any page has the token that a form needs
        posted = await stranger.post(room_name, "alice", "I am in")
        assert (posted.status_code, posted.headers["location"]) == (302, login)
        forged = {"author": "alice", "text": "I am in"}
        assert (await stranger.http.post(f"/chat/{room_name}/", data=forged)).status_code == 403
        assert room_name not in (await stranger.load("/")).text


@every_user_stage
async def test_strangers_socket_is_accepted_and_closed_with_4401(chat):
    room_name = new_room()
    for headers in ({}, {"Cookie": "sessionid=guessed"}, {"Cookie": "sessionid="}):
        async with knock(chat, f"/ws/chat/{room_name}/", chat.url, **headers) as socket:
            assert await closing_code(socket) == 4401, "a code needs an accept before it"


@every_user_stage
@pytest.mark.parametrize("path", BAD_PATHS)
@pytest.mark.parametrize("who", ["stranger", "user"])
async def test_bad_path_is_403_whoever_asks(chat, path, who):
    async with Visitor(chat, "alice") as alice:
        await alice.log_in()
    headers = {"Cookie": f"sessionid={alice.session}"} if who == "user" else {}
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await knock(chat, path, chat.url, **headers)
    assert refusal.value.response.status_code == 403


# --- pages from elsewhere -----------------------------------------------------------------------


@every_user_stage
@pytest.mark.parametrize("origin", BAD_ORIGINS.values(), ids=BAD_ORIGINS)
async def test_handshake_from_elsewhere_is_403_for_a_user_too(chat, origin):
    async with Visitor(chat, "alice") as alice:
        await alice.log_in()
    cookie = f"sessionid={alice.session}"
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await knock(chat, origin=origin and origin.format(url=chat.url), Cookie=cookie)
    assert refusal.value.response.status_code == 403


@every_user_stage
@pytest.mark.parametrize("origin", ["7", "{url} http://evil.example", "{url}.evil.example"])
async def test_origin_that_is_none_is_refused(chat, origin):
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await knock(chat, origin=origin.format(url=chat.url))
    # Daphne itself may see that it is none, and say 400.
    assert refusal.value.response.status_code in (400, 403)


@every_user_stage
async def test_other_instances_page_is_a_foreign_one(chat):
    here, there = chat.instances
    with pytest.raises(websockets.InvalidStatus) as refusal:
        async with connect(here, new_room(), "alice", origin=there.url):
            pass
    assert refusal.value.response.status_code == 403, "the port is a part of the origin"


@every_user_stage
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example"])
async def test_host_that_is_not_ours_is_403_though_the_origin_fits(chat, host):
    # As after DNS rebinding: the name is the attacker's, the address is ours.
    head = [
        "GET /ws/chat/lobby/ HTTP/1.1",
        f"Host: {host}",
        f"Origin: http://{host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", chat.instances[0].port)
    with contextlib.closing(writer):
        writer.write("\r\n".join([*head, "", ""]).encode())
        async with asyncio.timeout(LOGOUT_SECONDS):
            status_line = await reader.readline()
    assert status_line.split()[1] in (b"403", b"400"), status_line


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
@every_number
async def test_refusals_leave_no_traceback_in_the_log(start, number, server):
    async with start(number, server=server) as chat, logged_in(chat) as alice:
        for origin in (None, "null", "http://evil.example"):
            with pytest.raises(websockets.InvalidStatus) as refusal:
                await knock(chat, origin=origin)
            assert refusal.value.response.status_code == 403
        async with knock(chat, origin=chat.url) as stranger:
            assert await closing_code(stranger) == 4401
        async with socket_of(chat, "lobby", alice) as socket:
            await alice.log_out()
            assert await closing_code(socket) == 4401
        log = chat.instances[0].program.said()
    assert "Traceback" not in log


# --- accounts -----------------------------------------------------------------------------------

BAD_SIGN_UPS = {
    "password too short": ({"password1": "a1b2c3", "password2": "a1b2c3"}, "too short"),
    "password too common": ({"password1": "password1", "password2": "password1"}, "too common"),
    "passwords differ": ({"password1": PASSWORD, "password2": PASSWORD[1:]}, "match"),
    "no password": ({"password1": "", "password2": ""}, "required"),
    "no name": ({"username": ""}, "required"),
    "name too long": ({"username": "e" * 51}, "at most 50 characters"),
    "name with markup": ({"username": "<b>eve</b>"}, "valid username"),
    "name of the bot": ({"username": "the bot"}, "valid username"),
    "name taken": ({"username": "taken"}, "already exists"),
    "name taken, in other letters": ({"username": "TAKEN"}, "already exists"),
}


@every_user_stage
@pytest.mark.parametrize(("fields", "reason"), BAD_SIGN_UPS.values(), ids=BAD_SIGN_UPS)
async def test_bad_sign_up_is_refused_in_words(chat, fields, reason):
    async with Visitor(chat, "taken") as somebody:
        await somebody.log_in()
    async with Visitor(chat, new_name()) as eve:
        await eve.load("/accounts/signup/")
        good = {"username": eve.name, "password1": PASSWORD, "password2": PASSWORD}
        data = {**good, **fields, "csrfmiddlewaretoken": eve.token}
        answer = await eve.http.post("/accounts/signup/", data=data)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text
    assert reason in answer.text
    assert not eve.session


@every_user_stage
async def test_wrong_password_is_refused_in_words(chat):
    async with logged_in(chat) as alice, Visitor(chat, alice.name, fresh=True) as eve:
        answer = await eve.submit("/accounts/login/", password="a wild guess")
        assert answer.status_code == 200
        assert 'role="alert"' in answer.text
        assert not eve.session


@every_user_stage
@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [("/chat/tea/", "/chat/tea/"), ("//evil.example/", "/"), ("https://evil.example", "/")],
)
async def test_login_and_sign_up_lead_back_but_never_off_the_site(chat, wanted, leads_to):
    async with Visitor(chat, new_name(), fresh=True) as alice:
        passwords = {"password1": PASSWORD, "password2": PASSWORD}
        signed_up = await alice.submit("/accounts/signup/", **passwords, next=wanted)
        await alice.log_out()
        logged_in = await alice.submit("/accounts/login/", password=PASSWORD, next=wanted)
    assert [signed_up.headers["location"], logged_in.headers["location"]] == [leads_to] * 2


@every_user_stage
async def test_a_link_logs_nobody_out(chat):
    async with logged_in(chat) as alice:
        assert (await alice.http.get("/accounts/logout/")).status_code == 405
        assert (await alice.http.post("/accounts/logout/")).status_code == 403, "nor a foreign form"
        assert (await alice.load("/chat/lobby/")).status_code == 200


# --- a login that ends ends its sockets ---------------------------------------------------------


@every_user_stage
async def test_logging_out_closes_the_sockets_of_that_session_on_all_instances_and_no_other(chat):
    room_name, (here, there) = new_room(), chat.instances
    async with contextlib.AsyncExitStack() as stack:
        alice = await stack.enter_async_context(logged_in(chat))
        tablet = await stack.enter_async_context(logged_in(chat, alice.name))
        bob = await stack.enter_async_context(logged_in(chat))
        ended = [
            await stack.enter_async_context(socket_of(instance, room_name, alice))
            for instance in (here, there)
        ]
        others = [
            await stack.enter_async_context(socket_of(there, room_name, one))
            for one in (tablet, bob)
        ]
        assert (await alice.log_out()).status_code == 302
        assert [await closing_code(socket) for socket in ended] == [4401, 4401]
        await say(others[0], "we are still here")
        for socket in others:
            assert (await next_event(socket))["text"] == "we are still here"


ENDINGS = {
    "password change in a shell": "user.set_password('something else'); user.save()",
    "deactivation": "user.is_active = False; user.save()",
    "deactivation of many at once": "User.objects.filter(pk=user.pk).update(is_active=False)",
    "deletion of the user": "user.delete()",
    "deletion of all sessions": "Session.objects.all().delete()",
    "expiry of all sessions": "Session.objects.update(expire_date='2000-01-01T00:00Z')",
}
SHELL = """
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
user = User.objects.get(username={name!r})
{ending}
"""


@every_number
async def test_whatever_ends_a_login_closes_all_sockets_of_the_user(start, number):
    async with start(number, instances=2) as chat, Visitor(chat, "bob") as bob:
        for what, ending in ENDINGS.items():
            async with (
                logged_in(chat) as alice,
                socket_of(chat.instances[0], "lobby", alice) as one,
                socket_of(chat.instances[1], "lobby", alice) as other,
            ):
                await in_shell(chat, SHELL.format(name=alice.name, ending=ending))
                codes = [await closing_code(socket) for socket in (one, other)]
                assert codes == [4401, 4401], what
                assert (await alice.load("/chat/lobby/")).status_code == 302, what
        assert (await bob.open("lobby")).status_code == 200


@every_user_stage
async def test_changing_ones_password_closes_all_ones_sockets(chat):
    async with (
        logged_in(chat) as alice,
        logged_in(chat, alice.name) as tablet,
        socket_of(chat.instances[0], "lobby", alice) as one,
        socket_of(chat.instances[1], "lobby", tablet) as other,
    ):
        new = {"new_password1": PASSWORD[::-1], "new_password2": PASSWORD[::-1]}
        path = "/accounts/password_change/"
        assert (await alice.submit(path, old_password=PASSWORD, **new)).status_code == 302
        assert [await closing_code(socket) for socket in (one, other)] == [4401, 4401]
        assert (await alice.load("/chat/lobby/")).status_code == 200, "who changed it stays"
        assert (await tablet.load("/chat/lobby/")).status_code == 302, "all others do not"


@every_user_stage
async def test_frames_after_a_logout_are_stored_nowhere_and_heard_by_nobody(chat):
    room_name = new_room()
    async with (
        logged_in(chat) as alice,
        logged_in(chat) as bob,
        socket_of(chat, room_name, alice) as hers,
        socket_of(chat, room_name, bob) as his,
    ):
        await alice.log_out()
        for _ in range(20):
            await say(hers, "one more word")
        assert await closing_code(hers) == 4401
        await say(his, "is she gone?")
        assert (await next_event(his))["text"] == "is she gone?"
        page = (await bob.open(room_name)).text
    assert "one more word" not in page


@every_number
async def test_socket_that_is_closed_has_left_its_group(start, number):
    async with start(number) as chat, logged_in(chat) as alice:
        async with socket_of(chat, "lobby", alice) as socket:
            assert await members(chat, "chat_lobby") == 1
            await alice.log_out()
            assert await closing_code(socket) == 4401
        assert await members(chat, "chat_lobby") == 0, "nothing is sent to a socket that has ended"


async def members(chat, group):
    """How many channels a group has, in the queue layer."""

    def count():
        with redis.Redis.from_url(chat.redis[0].url) as client:
            return client.zcard(f"{chat.environment['REDIS_PREFIX']}:group:{group}")

    return await asyncio.to_thread(count)


@every_user_stage
async def test_idle_and_busy_sockets_of_those_who_stay_are_left_alone(chat):
    async with logged_in(chat) as alice, socket_of(chat, new_room(), alice) as socket:
        async with logged_in(chat) as bob, socket_of(chat, new_room(), bob) as his:
            await bob.log_out()
            assert await closing_code(his) == 4401
        await say(socket, "still here")
        assert (await next_event(socket))["text"] == "still here"


@every_user_stage
async def test_cookie_of_a_session_that_has_ended_opens_nothing(chat):
    async with logged_in(chat) as alice:
        session = alice.session
        await alice.log_out()
    async with connect(chat, new_room(), alice.name, session=session) as socket:
        assert await closing_code(socket) == 4401
    cookies = {"sessionid": session}
    async with httpx.AsyncClient(base_url=chat.url, cookies=cookies) as http:
        assert (await http.get("/chat/lobby/")).status_code == 302
