"""Stage 08 on: who is let in, whose page may open a socket, and when an open one has to end."""

import asyncio
import contextlib
import secrets

import pytest
import websockets

from chatflow import Visitor
from chatflow.clients.sockets import connect, next_event
from chatflow.clients.visitor import PASSWORD, cookie_name, is_for_users
from chatflow.probing.people import new_room
from chatflow.probing.stage_probes import LOGOUT_SECONDS
from chatflow.running.variants import variant
from helpers.forms import WAYS, assert_refused_in_words, send_twice, where
from helpers.resume import log_in
from helpers.shell import in_shell
from helpers.talking import all_of, logged_in, new_name, refusal_of, socket_of, write
from stages.helpers import BAD_PATHS, FINAL, able, members, until_nobody_is_in_group
from stages.tls import served_over_tls

WITH_USERS = able("logout")
SERVERS = ["daphne", "uvicorn"]

every_user_stage = pytest.mark.parametrize("chat", WITH_USERS, indirect=True)
every_server = pytest.mark.parametrize("site", SERVERS, indirect=True)
every_number = pytest.mark.parametrize("number", WITH_USERS)

# chat_final has tests of its own for some of this.
STAGES = [number for number in WITH_USERS if number != FINAL]
every_stage_with_users = pytest.mark.parametrize("chat", STAGES, indirect=True)

SIGN_UP, LOG_IN, LOG_OUT = "/accounts/signup/", "/accounts/login/", "/accounts/logout/"
CHANGE_PASSWORD = "/accounts/password_change/"

# What a server that is busy with other tests may take, beyond what the contract gives it.
BUSY_SECONDS = 10


@pytest.fixture(scope="module")
def running_under_uvicorn(started_once):
    """Like `running`, under the other server and with one instance, for the tests of this file."""
    with started_once(server=["uvicorn"]) as get:
        yield get


@pytest.fixture
def site(request, number, running, running_under_uvicorn):
    """The running stage `number`, under the server that is the test's parameter."""
    return (running if request.param == "daphne" else running_under_uvicorn)(number)


# --- strangers ------------------------------------------------------------------------------


@every_user_stage
async def test_room_page_sends_a_stranger_to_the_login_and_back_afterwards(chat):
    async with Visitor(chat, fresh=True) as stranger:
        page = await stranger.http.get("/chat/lobby/")
    assert page.status_code == 302, "who is not logged in should not see a room"
    assert page.headers["location"] == "/accounts/login/?next=/chat/lobby/"


@every_user_stage
async def test_post_of_a_stranger_is_403_or_sent_to_the_login_and_stores_nothing(chat):
    room_name = new_room()
    fields = {"username": new_name(), "password1": PASSWORD, "password2": PASSWORD}
    async with Visitor(chat, fresh=True) as stranger:
        for path in (f"/chat/{room_name}/", LOG_IN, SIGN_UP):
            assert (await stranger.http.post(path, data=fields)).status_code == 403, path
            assert not stranger.session, "without the token of our own form nobody is logged in"
        await stranger.load(LOG_IN)
        assert is_for_users(await stranger.post(room_name, "alice", "it is me"))
        assert room_name not in (await stranger.load("/")).text, "a stranger's post is not stored"


@every_number
@every_server
async def test_socket_of_a_stranger_is_accepted_and_closed_with_4401(site):
    await log_in(site, "victim")
    await assert_closed_at_once(site, session=None)
    await assert_closed_at_once(site, session="no such session")


async def assert_closed_at_once(site, session):
    """An accept comes first: only then does the code reach a browser."""
    headers = {"Cookie": f"{cookie_name(site)}={session}"} if session else {}
    url = f"{site.ws_url}/ws/chat/lobby/"
    opening = websockets.connect(url, origin=site.url, additional_headers=headers)
    async with asyncio.timeout(BUSY_SECONDS), opening as socket:
        await socket.wait_closed()
    assert socket.close_code == 4401, "who is not logged in should be told so: 4401"


# --- foreign pages --------------------------------------------------------------------------

OURS = "127.0.0.1:{port}"
OUR_PAGE, EVIL_HOST = f"Origin: http://{OURS}", "Host: evil.example:{port}"
NO_PAGE_OF_OURS = {
    "no origin": [],
    "null": ["Origin: null"],
    "a foreign host": ["Origin: http://evil.example"],
    "a foreign host on our port": ["Origin: http://evil.example:{port}"],
    "our host on another port": ["Origin: http://127.0.0.1:1"],
    "our host on the default port": ["Origin: http://127.0.0.1"],
    "another scheme": ["Origin: https://127.0.0.1:{port}"],
    "another name of this machine": ["Origin: http://localhost:{port}"],
    "a path below ours": ["Origin: http://127.0.0.1:{port}/"],
    "what ends like ours": ["Origin: http://evil.127.0.0.1:{port}"],
}
# No browser sends these; some servers refuse them on their own, as a bad request.
NONSENSE = {
    "an empty origin": ["Origin: "],
    "what begins like ours": ["Origin: http://127.0.0.1:{port}.evil.example"],
    "ours as a user's name": ["Origin: http://127.0.0.1:{port}@evil.example"],
    "ours and another": ["Origin: http://127.0.0.1:{port} http://evil.example"],
    "ours and another, in two lines": [OUR_PAGE, "Origin: http://evil.example"],
    "another and ours, in two lines": ["Origin: http://evil.example", OUR_PAGE],
    "a second host": [EVIL_HOST, OUR_PAGE],
    "a second host, whose page it is": [EVIL_HOST, "Origin: http://evil.example:{port}"],
}


async def handshake(site, session, headers, host=OURS, path="/ws/chat/lobby/"):
    """The status that answers a handshake with these headers, as no client would send them."""
    instance = site.instances[0]
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Cookie: {cookie_name(site)}={session}",
        *headers,
        "\r\n",
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", instance.port)
    with contextlib.closing(writer):
        writer.write("\r\n".join(lines).format(port=instance.port).encode())
        async with asyncio.timeout(BUSY_SECONDS):
            return int((await reader.readline()).split()[1])


async def statuses(site, cases):
    """{what: the status} of handshakes of somebody who is logged in, by their (lines, host)."""
    session = await log_in(site, "victim")
    return {what: await handshake(site, session, *case) for what, case in cases.items()}


@every_number
@every_server
async def test_handshake_that_no_page_of_ours_makes_is_refused_before_accept(site):
    found = await statuses(site, {what: [lines] for what, lines in NO_PAGE_OF_OURS.items()})
    assert found == dict.fromkeys(NO_PAGE_OF_OURS, 403), "compare the whole origin"
    found = await statuses(site, {what: [lines] for what, lines in NONSENSE.items()})
    assert set(found.values()) <= {400, 403}, found


# DNS rebinding: the name of a foreign site leads to this machine all of a sudden.
FOREIGN_NAMES = ["evil.example:{port}", "127.0.0.1.evil.example:{port}", "*"]


@every_number
@every_server
async def test_handshake_of_a_page_under_our_names_is_accepted_and_under_others_refused(site):
    ours = [OURS, "localhost:{port}", "[::1]:{port}"]
    names = ours + FOREIGN_NAMES
    found = await statuses(site, {name: ([f"Origin: http://{name}"], name) for name in names})
    assert found == dict.fromkeys(ours, 101) | dict.fromkeys(FOREIGN_NAMES, 403)


@every_number
@every_server
async def test_bad_paths_are_refused_with_403_whoever_asks(site):
    for session in ("", await log_in(site, "victim")):
        for what, path in BAD_PATHS.items():
            assert await handshake(site, session, [OUR_PAGE], path=path) == 403, what


# --- TLS ----------------------------------------------------------------------------------------

SETTINGS, PLAIN = "websockets_channels/settings.py", "SECURE_SSL_REDIRECT = False"


@pytest.mark.parametrize("number", STAGES)
async def test_over_tls_a_https_page_of_ours_is_let_in_and_a_http_page_is_not(running, number):
    secure = SETTINGS, PLAIN, PLAIN.replace("False", "True")
    async with variant(number, *secure) as folder:
        # All three start at once.
        servers = ("daphne", "uvicorn", "hypercorn")
        await asyncio.gather(*(assert_https_only(running(number), folder, one) for one in servers))


async def assert_https_only(chat, folder, server):
    async with served_over_tls(chat, folder, server) as site, logged_in(site) as alice:
        async with socket_of(site, "lobby", alice) as socket:
            await write(socket, "over TLS")
            assert (await next_event(socket))["text"] == "over TLS", server
        from_http = {"session": alice.session, "origin": f"http://127.0.0.1:{site.port}"}
        with pytest.raises(websockets.InvalidStatus) as refusal:
            async with connect(site, "lobby", **from_http):
                pass
        assert refusal.value.response.status_code == 403, f"{server}: http is not https"


# --- accounts -------------------------------------------------------------------------------

OTHER_PASSWORD = PASSWORD[::-1]
# Too short, and one of the most common.
BAD_PASSWORDS = ["x7-Kq2p", "sunshine1"]
# Taken, too long, the bot's, the same with a space that does not break, and nothing but a space.
BAD_NAMES = ["victim", "VicTim", "x" * 51, "the bot", "the\u00a0bot", " "]
# Under this one `manage.py say` writes, as test_sockets.py says; in chat_final under no account's.
BAD_NAMES += ["manage.py say"]
# To a browser the last three are addresses of evil.example too.
FOREIGN_PAGES = ["https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example"]


async def sign_up(chat, name, password=PASSWORD, then=""):
    """The site's answer to a new visitor who fills in the form, and their session if it let in."""
    async with Visitor(chat, name, fresh=True) as visitor:
        fields = {"password1": password, "password2": password, "next": then}
        response = await visitor.submit(SIGN_UP, **fields)
        return response, visitor.session


def assert_is_refused(response, session):
    assert_refused_in_words(response, 200)
    assert not session, "who is refused is not logged in"


@every_user_stage
async def test_sign_up_with_a_bad_password_is_refused_in_words(chat):
    name = new_name()
    for password in BAD_PASSWORDS:
        assert_is_refused(*await sign_up(chat, name, password))
    response, _ = await sign_up(chat, name)
    assert response.status_code == 302, "after a refusal the name is still to be had"


@every_user_stage
async def test_sign_up_under_a_bad_name_is_refused_in_words_and_under_the_longest_let_in(chat):
    await log_in(chat, "victim")
    for name in BAD_NAMES:
        assert_is_refused(*await sign_up(chat, name, OTHER_PASSWORD))
    for password in (OTHER_PASSWORD, "x"):
        response, session = await sign_up(chat, "victim", password)
        assert_is_refused(response, session)
        assert "A user with that username already exists." in response.text
    response, session = await sign_up(chat, secrets.token_hex(25))
    assert response.status_code == 302
    assert session, "who has signed up is logged in"


@every_user_stage
async def test_login_with_a_wrong_password_is_refused_in_words(chat):
    await log_in(chat, "victim")
    async with Visitor(chat, "victim", fresh=True) as eve:
        response = await eve.submit(LOG_IN, password="correct horse")
        assert_is_refused(response, eve.session)


@every_user_stage
async def test_login_and_sign_up_lead_back_to_the_room(chat):
    room = f"/chat/{new_room()}/"
    response, _ = await sign_up(chat, new_name(), then=room)
    assert response.headers["location"] == room, "after the sign-up comes the room"
    await log_in(chat, "victim")
    async with Visitor(chat, "victim", fresh=True) as victim:
        page = await victim.http.get(room, follow_redirects=True)
        assert f'name="next" value="{room}"' in page.text, "the login remembers the room"
        assert f'href="/accounts/signup/?next={room}"' in page.text, "and so does the sign-up"
        response = await victim.submit(LOG_IN, password=PASSWORD, next=room)
    assert response.headers["location"] == room, "after the login comes the room"


@every_user_stage
async def test_login_and_sign_up_lead_to_no_foreign_page(chat):
    await log_in(chat, "victim")
    for page in FOREIGN_PAGES:
        response, _ = await sign_up(chat, new_name(), then=page)
        assert response.headers["location"] == "/", "a sign-up should not lead off the site"
        async with Visitor(chat, "victim", fresh=True) as victim:
            response = await victim.submit(LOG_IN, password=PASSWORD, next=page)
            assert response.headers["location"] == "/", "a login should not lead off the site"
            for path in (LOG_IN, SIGN_UP):
                shown = await victim.http.get(path, params={"next": page})
                assert "evil.example" not in shown.text, "no form and no link should carry it on"


@every_user_stage
async def test_logout_takes_a_post_with_a_token(chat):
    async with Visitor(chat, "victim", fresh=True) as victim:
        await victim.log_in()
        assert (await victim.http.get(LOG_OUT)).status_code == 405
        assert (await victim.http.post(LOG_OUT)).status_code == 403
        assert (await victim.load("/chat/lobby/")).status_code == 200, "they are still logged in"
        assert (await victim.log_out()).status_code == 302
        assert is_for_users(await victim.load("/chat/lobby/")), "now they are not"


# --- forms that are sent twice ------------------------------------------------------------------


async def assert_both_let_in(visitor, answers, *leads_to):
    for answer in where(answers):
        assert answer in [(302, path) for path in leads_to], "two clicks are one wish: none refused"
    assert (await visitor.load("/chat/lobby/")).status_code == 200, "they are in"


@every_user_stage
@pytest.mark.parametrize("way", WAYS)
async def test_sign_up_and_login_that_are_sent_twice_make_one_account_and_let_in(chat, way):
    leads_to = ["/chat/lobby/"] if chat.stage.number == FINAL else ["/chat/lobby/", "/"]
    for _ in range(3):
        name = new_name()
        # Phones add spaces.
        fields = {"username": f" {name} ", "password1": PASSWORD, "password2": PASSWORD}
        for form in (SIGN_UP, LOG_IN):
            async with Visitor(chat, name, fresh=True) as visitor:
                answers = await send_twice(visitor, f"{form}?next=/chat/lobby/", way, **fields)
                await assert_both_let_in(visitor, answers, *leads_to)
            fields = {"username": f" {name} ", "password": PASSWORD}
        count = f"assert User.objects.filter(username={name!r}).count() == 1"
        await in_shell(chat, f"from django.contrib.auth.models import User; {count}")


@every_stage_with_users
async def test_two_people_who_sign_up_under_one_name_at_once_are_one_let_in_and_one_refused(chat):
    name = new_name()
    tries = [sign_up(chat, name, password) for password in (PASSWORD, OTHER_PASSWORD)]
    answers = await asyncio.gather(*tries)
    assert sorted(answer.status_code for answer, _ in answers) == [200, 302]
    assert_is_refused(*next(one for one in answers if one[0].status_code == 200))


@pytest.mark.parametrize(
    ("chat", "way"),
    [(number, "with the new cookies") for number in STAGES] + [(FINAL, way) for way in WAYS],
    indirect=["chat"],
)
async def test_password_change_that_is_sent_twice_is_one(chat, way):
    new = {"new_password1": OTHER_PASSWORD, "new_password2": OTHER_PASSWORD}
    async with logged_in(chat) as alice:
        answers = await send_twice(alice, CHANGE_PASSWORD, way, old_password=PASSWORD, **new)
        await assert_both_let_in(alice, answers, "/")
    for password, lets_in in [(PASSWORD, False), (OTHER_PASSWORD, True)]:
        async with Visitor(chat, alice.name, fresh=True) as other:
            await other.submit(LOG_IN, password=password)
            assert bool(other.session) == lets_in, "only the new one is good for anything"


@every_user_stage
async def test_password_change_that_is_wrong_is_refused_in_words(chat):
    wrong = [
        ("a guess", OTHER_PASSWORD, OTHER_PASSWORD, "old password was entered incorrectly"),
        (PASSWORD, "12345", "12345", "too short"),
    ]
    if chat.stage.number != FINAL:  # which takes it for one that was sent twice
        wrong.append(("a guess", PASSWORD, "another", "match"))
    async with logged_in(chat) as alice:
        for old, new, again, words in wrong:
            fields = {"old_password": old, "new_password1": new, "new_password2": again}
            page = await alice.submit(CHANGE_PASSWORD, **fields)
            assert_refused_in_words(page, 200)
            assert words in page.text


@every_stage_with_users
@pytest.mark.parametrize("way", WAYS)
async def test_logout_that_is_sent_twice_is_a_logout(chat, way):
    async with logged_in(chat) as alice:
        answers = await send_twice(alice, LOG_OUT, way, page="/")
        assert where(answers) == [(302, "/")] * 2
        assert is_for_users(await alice.load("/chat/lobby/"))


# --- what a browser keeps -----------------------------------------------------------------------


@every_user_stage
async def test_no_browser_keeps_a_page_of_somebody_who_is_logged_in(chat):
    async with logged_in(chat) as alice:
        for path in ("/", "/chat/lobby/", CHANGE_PASSWORD, SIGN_UP, "/nowhere/"):
            kept = (await alice.load(path)).headers.get("cache-control", "")
            assert "no-store" in kept, f"after the logout, Back should not show {path}"
        if chat.stage.number == FINAL:  # the others have no files
            asset = await alice.http.get("/static/chat/chat.js")
            assert "no-store" not in asset.headers.get("cache-control", ""), "files may be kept"


async def test_one_browser_is_logged_in_at_several_stages_side_by_side(running):
    sites = {number: running(number) for number in (*WITH_USERS, 7)}
    async with contextlib.AsyncExitStack() as stack:
        people = {}
        for number, site in sites.items():
            people[number] = await stack.enter_async_context(Visitor(site, new_name(), fresh=True))
            # A browser has one jar, and cookies do not know ports.
            people[number].http.cookies.jar = people[WITH_USERS[0]].http.cookies.jar
        await people[7].open("lobby")
        for number in WITH_USERS:
            fields = {"password1": PASSWORD, "password2": PASSWORD}
            assert (await people[number].submit(SIGN_UP, **fields)).status_code == 302
        for number in WITH_USERS * 2:
            page = await people[number].load("/chat/lobby/")
            assert page.status_code == 200, f"stage {number} should have cookies of its own"
        stored = await people[7].post("lobby", "alice", "my page was open all the time")
        assert stored.status_code == 302, "a login elsewhere should not change this form's token"


# --- a login that ends ends its sockets ---------------------------------------------------------


async def assert_ended(*sockets):
    """The server ends these, and says why, as soon as the contract says."""
    for socket in sockets:
        try:
            async with asyncio.timeout(LOGOUT_SECONDS + BUSY_SECONDS):
                await socket.wait_closed()
        except TimeoutError:
            pytest.fail(f"a login that has ended should end its socket within {LOGOUT_SECONDS} s")
        assert socket.close_code == 4401


@every_user_stage
async def test_logging_out_closes_the_sockets_of_that_session_on_all_instances_and_no_other(chat):
    room_name, (here, there) = new_room(), chat.instances
    async with (
        logged_in(chat) as alice,
        logged_in(chat, alice.name) as tablet,
        logged_in(chat) as bob,
        socket_of(here, room_name, alice) as one,
        socket_of(there, room_name, alice) as other,
        socket_of(there, room_name, tablet) as hers,
        socket_of(there, room_name, bob) as his,
    ):
        assert await asyncio.to_thread(members, chat, f"chat_{room_name}") > 0
        session = alice.session
        assert (await alice.log_out()).status_code == 302
        for _ in range(20):
            await write(one, "one more word")
        await assert_ended(one, other)
        await write(hers, "we are still here")
        for socket in (hers, his):
            assert (await next_event(socket))["text"] == "we are still here"
        assert "one more word" not in (await bob.open(room_name)).text
    await until_nobody_is_in_group(chat, room_name)
    await assert_closed_at_once(chat, session)


ENDINGS = {
    "password change in a shell": "user.set_password('something else'); user.save()",
    "deactivation": "user.is_active = False; user.save()",
    "deactivation of many at once": "User.objects.filter(pk=user.pk).update(is_active=False)",
    "deletion of the user": "user.delete()",
    "deletion of the session": "session.delete()",
    "expiry of the session": "session.update(expire_date='2000-01-01 00:00Z')",
}
MODELS = """
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
user = User.objects.get(username={name!r})
session = Session.objects.filter(pk={session!r})
"""


@every_user_stage
async def test_whatever_ends_a_login_closes_all_its_sockets_and_no_others(chat):
    room_name = new_room()
    async with contextlib.AsyncExitStack() as stack:
        people, sockets, code = {}, {}, ""
        for what, ending in ENDINGS.items():
            people[what] = someone = await stack.enter_async_context(logged_in(chat))
            opening = [socket_of(instance, room_name, someone) for instance in chat.instances]
            sockets[what] = await stack.enter_async_context(all_of(opening))
            code += (MODELS + ending).format(name=someone.name, session=someone.session)
        bob = await stack.enter_async_context(connect(chat, room_name, "bob"))
        await in_shell(chat, code)
        for what, someone in people.items():
            await assert_ended(*sockets[what])
            assert is_for_users(await someone.load(f"/chat/{room_name}/")), what
        await write(bob, "I am still here")
        assert (await next_event(bob))["text"] == "I am still here"


@every_user_stage
async def test_changing_ones_password_closes_all_ones_sockets(chat):
    async with (
        logged_in(chat) as alice,
        logged_in(chat, alice.name) as tablet,
        socket_of(chat.instances[0], "lobby", alice) as one,
        socket_of(chat.instances[1], "lobby", tablet) as other,
    ):
        new = {"new_password1": OTHER_PASSWORD, "new_password2": OTHER_PASSWORD}
        done = await alice.submit(CHANGE_PASSWORD, old_password=PASSWORD, **new)
        assert done.status_code == 302
        await assert_ended(one, other)
        assert (await alice.load("/chat/lobby/")).status_code == 200, "who changed it stays"
        assert (await tablet.load("/chat/lobby/")).status_code == 302, "all others do not"


@every_stage_with_users
async def test_renaming_somebody_closes_their_sockets_and_leaves_no_second_of_the_name(chat):
    room_name, code = new_room(), "user.username = {new!r}; user.save()"
    async with logged_in(chat) as bob, socket_of(chat, room_name, bob) as his:
        old, new = bob.name, new_name()
        ending = (MODELS + code).format(name=old, session=bob.session, new=new)
        await in_shell(chat, ending)
        await assert_ended(his)
        async with logged_in(chat, old) as other, socket_of(chat, room_name, other) as theirs:
            await write(theirs, "the name is mine")
            assert (await next_event(theirs))["author"] == old
        bob.name = new
        async with socket_of(chat, room_name, bob) as again:
            await write(again, "and this is mine")
            assert (await next_event(again))["author"] == new


# --- the log ---------------------------------------------------------------------------------


# A stage of its own: in the log of one that others use, a client who left while a message was on
# its way leaves a traceback too. Stage 09 refuses by the same code as 08 does.
@pytest.mark.parametrize("number", [WITH_USERS[0], WITH_USERS[-1]])
async def test_refusals_leave_no_traceback_in_the_log(start, number):
    async with start(number, server=SERVERS) as chat:
        for instance in chat.instances:
            await be_refused(instance)
        logs = {one.name: one.program.said() for one in chat.instances}
    for name, server in zip(logs, SERVERS, strict=True):
        assert "Traceback" not in logs[name], f"a refusal is no error: {server}"


async def be_refused(site):
    for origin in (None, "null", "http://evil.example"):
        assert await refusal_of(f"{site.ws_url}/ws/chat/lobby/", origin) == 403
    for path in BAD_PATHS.values():
        assert await refusal_of(f"{site.ws_url}{path}", site.url) == 403
    await assert_closed_at_once(site, session=None)
    async with logged_in(site) as alice, socket_of(site, "lobby", alice) as socket:
        await alice.log_out()
        await assert_ended(socket)
