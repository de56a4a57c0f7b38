"""Stage 08 on: who is let in, whose page may open a socket, and when an open one has to end."""

import asyncio
import contextlib
import html
import json
import re
import secrets
from urllib.parse import urlsplit

import pytest
import redis
import websockets
from helpers_resume import log_in
from test_resume import in_shell
from test_sockets import BAD_PATHS

from chatflow import Run, Visitor, stages
from chatflow.capabilities import LOGOUT_SECONDS, new_room
from chatflow.client import PASSWORD, connect, is_for_users, next_event

WITH_USERS = [stage.number for stage in stages() if stage.can["logout"] == "yes"]
SERVERS = ["daphne", "uvicorn"]

every_stage_with_users = pytest.mark.parametrize("chat", WITH_USERS, indirect=True)
every_server = pytest.mark.parametrize("site", SERVERS, indirect=True)
every_number = pytest.mark.parametrize("number", WITH_USERS)

# What a server that is busy with other tests may take, beyond what the contract gives it.
PATIENCE_SECONDS = 10


@pytest.fixture(scope="module")
def running_under_uvicorn(stage_folders):
    """Like `running`, under the other server, for the tests of this file."""
    with contextlib.ExitStack() as stack:
        runs = {}

        def get(number):
            if number not in runs:
                folder = stage_folders.get(number)
                run = Run(number, instances=2, server="uvicorn", folder=folder)
                stack.callback(run.stop)
                run.start()
                runs[number] = run
            return runs[number]

        yield get


@pytest.fixture
def site(request, number, running, running_under_uvicorn):
    """The running stage `number`, under the server that is the test's parameter."""
    return (running if request.param == "daphne" else running_under_uvicorn)(number)


def new_name():
    return f"user-{secrets.token_hex(6)}"


# --- strangers ------------------------------------------------------------------------------


@every_stage_with_users
async def test_room_page_sends_a_stranger_to_the_login_and_back_afterwards(chat):
    async with Visitor(chat) as stranger:
        page = await stranger.http.get("/chat/lobby/")
    assert page.status_code == 302, "who is not logged in should not see a room"
    assert page.headers["location"] == "/accounts/login/?next=/chat/lobby/"


@every_stage_with_users
async def test_post_of_a_stranger_is_sent_to_the_login_and_stores_nothing(chat):
    room_name = new_room()
    async with Visitor(chat) as stranger:
        await stranger.load("/accounts/login/")
        assert is_for_users(await stranger.post(room_name, "alice", "it is me"))
        assert room_name not in (await stranger.load("/")).text, "a stranger's post is not stored"


@every_stage_with_users
@pytest.mark.parametrize("path", ["/chat/lobby/", "/accounts/login/", "/accounts/signup/"])
async def test_post_of_a_stranger_without_csrf_token_is_403(chat, path):
    fields = {"username": new_name(), "password1": PASSWORD, "password2": PASSWORD}
    async with Visitor(chat) as stranger:
        response = await stranger.http.post(path, data=fields)
        assert response.status_code == 403
        assert not stranger.session, "without the token of our own form nobody is logged in"


@every_number
@every_server
async def test_socket_of_a_stranger_is_accepted_and_closed_with_4401(site):
    await assert_closed_at_once(site, session=None)
    await assert_closed_at_once(site, session="no such session")


async def assert_closed_at_once(site, session):
    """An accept comes first: only then does the code reach a browser."""
    headers = {"Cookie": f"sessionid={session}"} if session else {}
    url = f"{site.ws_url}/ws/chat/lobby/"
    opening = websockets.connect(url, origin=site.url, additional_headers=headers)
    async with asyncio.timeout(PATIENCE_SECONDS), opening as socket:
        await socket.wait_closed()
    assert socket.close_code == 4401, "who is not logged in should be told so: 4401"


# --- foreign pages --------------------------------------------------------------------------

OURS = "127.0.0.1:{port}"
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
    "ours and another, in two lines": [
        "Origin: http://127.0.0.1:{port}",
        "Origin: http://evil.example",
    ],
    "another and ours, in two lines": [
        "Origin: http://evil.example",
        "Origin: http://127.0.0.1:{port}",
    ],
    "a second host": ["Host: evil.example:{port}", "Origin: http://127.0.0.1:{port}"],
    "a second host, whose page it is": [
        "Host: evil.example:{port}",
        "Origin: http://evil.example:{port}",
    ],
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
        f"Cookie: sessionid={session}",
        *headers,
        "\r\n",
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", instance.port)
    with contextlib.closing(writer):
        writer.write("\r\n".join(lines).format(port=instance.port).encode())
        async with asyncio.timeout(PATIENCE_SECONDS):
            return int((await reader.readline()).split()[1])


@every_number
@every_server
@pytest.mark.parametrize("what", NO_PAGE_OF_OURS)
async def test_handshake_that_no_page_of_ours_makes_is_refused_before_accept(site, what):
    session = await log_in(site, "victim")
    status = await handshake(site, session, NO_PAGE_OF_OURS[what])
    assert status == 403, f"compare the whole origin: {what} is not ours"


@every_number
@every_server
@pytest.mark.parametrize("what", NONSENSE)
async def test_handshake_with_nonsense_for_an_origin_is_refused_before_accept(site, what):
    session = await log_in(site, "victim")
    status = await handshake(site, session, NONSENSE[what])
    assert status in (400, 403), f"{what}: this is no origin of ours"


@every_number
@every_server
async def test_handshake_of_a_page_of_ours_is_accepted_by_each_of_our_names(site):
    session = await log_in(site, "victim")
    for host in ("127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"):
        status = await handshake(site, session, [f"Origin: http://{host}"], host)
        assert status == 101, f"a page of http://{host} is our own"


@every_number
@every_server
@pytest.mark.parametrize("host", ["evil.example:{port}", "127.0.0.1.evil.example:{port}", "*"])
async def test_handshake_under_a_name_that_is_not_ours_is_refused_though_its_page_is_too(
    site, host
):
    # DNS rebinding: the name of a foreign site leads to this machine all of a sudden.
    session = await log_in(site, "victim")
    status = await handshake(site, session, [f"Origin: http://{host}"], host)
    assert status == 403, "a host that ALLOWED_HOSTS does not name is not ours"


@every_number
@every_server
async def test_bad_paths_are_refused_with_403_whoever_asks(site):
    for session in ("", await log_in(site, "victim")):
        for what, path in BAD_PATHS.items():
            status = await handshake(site, session, ["Origin: http://127.0.0.1:{port}"], path=path)
            assert status == 403, what
