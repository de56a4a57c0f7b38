"""chat_final: who may do what, as tables of which each cell is tried; and moderation.

A room's name is no secret: anyone who asks for one learns whether a room that is not for them has
it, because all rooms share their names, and a public room is there as soon as somebody writes in
it. What is in a private room, who is, and why somebody is kept out, is told to its members only.
"""

import asyncio
import contextlib
import re
import uuid

import pytest
import websockets

from chatflow.clients.sockets import connect
from chatflow.clients.visitor import PASSWORD, Visitor, is_for_users
from chatflow.probing.people import new_room
from final import helpers
from final.helpers import ask, at, closing_code, next_answer, post, send, set_status, submit, until
from helpers.resume import log_in
from helpers.shell import in_shell

PEOPLE = ["stranger", "logged_out", "visitor", "member", "muted", "banned"]
# A logged_out one was a member until now, and so were the others: each cell is tried with a socket
# or a page that is open already.
STATUS = {"visitor": None, "logged_out": "member"}

# What a frame leads to: "yes", or the code of the error or of the close. Everything is heard by
# others if it is a "yes", and by nobody else if it is not. Where rooms differ, a cell says what
# holds of a public one, and then of a private one.
FRAMES_IN = """
                   stranger  logged_out  visitor         member     muted      banned
    (connect)      4401      4401        yes/4403        yes        yes        4403
    post           4401      4401        yes/4403        yes        muted      4403
    delete_own     4401      4401        yes/4403        yes        yes        4403
    delete_others  4401      4401        not_yours/4403  not_yours  not_yours  4403
    history        4401      4401        yes/4403        yes        yes        4403
    typing         4401      4401        yes/4403        yes        muted      4403
"""

# What a page or form of a room leads to: "login", "shown" or "hidden" in the index, or a status.
# (302 means done; 404, not for such a room; 400, refused in words.) Anyone who begins a private
# room that is theirs already has perhaps sent the form twice.
PAGES_OF = """
                 stranger      logged_out    visitor       member   muted    banned
    in_index     shown/hidden  shown/hidden  shown/hidden  shown    shown    shown/hidden
    room         login         login         200/403       200      200      403
    post         login         login         302/403       302      400      403
    invite       login         login         404/403       404/302  404/400  403
    leave        login         login         302           302      302      302
    begin_again  login         login         400           400/302  400      400
"""

PAGES_OF_THE_SITE = """
                                 stranger  logged_out  user   moderator
    begin                        login     login       302    302
    /                            200       200         200    200
    /accounts/login/             200       200         200    200
    /accounts/signup/            200       200         200    200
    /accounts/password_change/   login     login       200    200
    /accounts/logout/            405       405         405    405
    /admin/                      login     login       login  200
    /admin/chat/room/            login     login       login  200
    /admin/chat/member/          login     login       login  200
    /admin/chat/message/         login     login       login  200
    /admin/auth/user/            login     login       login  200
    /admin/chat/allowance/       login     login       login  404
    /metrics                     404       404         404    404
    /healthz                     200       200         200    200
    /readyz                      200       200         200    200
"""


def cells(table):
    """The cells of a table: [[row, column, what it says]]."""
    columns, *rows = (line.split() for line in table.strip().splitlines())
    return [[row, *cell] for row, *line in rows for cell in zip(columns, line, strict=True)]


def cells_of_rooms(table):
    """The same for each kind of room: [[kind, row, column, what it says of this kind]]."""
    return [
        [kind, *where, said.split("/")[place]]
        for kind, place in (("public", 0), ("private", -1))
        for *where, said in cells(table)
    ]


@pytest.fixture(scope="module")
def chat(running):
    """The running chat_final, with all people signed up."""
    chat = running(helpers.FINAL)
    asyncio.run(sign_up(chat))
    return chat


async def sign_up(chat):
    for name in [*PEOPLE[1:], "user", "witness", "moderator"]:
        await log_in(chat, name)
    # Those who moderate have these rights, and no others.
    await in_shell(
        chat,
        "from django.contrib.auth.models import Permission, User\n"
        "rights = [f'{do}_{what}' for what in ('room', 'member', 'message', 'user')"
        " for do in ('view', 'change')] + ['add_member']\n"
        "moderator = User.objects.get(username='moderator')\n"
        "moderator.is_staff = True; moderator.save()\n"
        "moderator.user_permissions.set(Permission.objects.filter(codename__in=rights))",
    )


class Scene:
    """A room of this kind, with a message of `name` and one of a witness."""

    def __init__(self, chat, kind, name):
        self.chat, self.name, self.room_name = chat, name, new_room()
        self.path = f"/chat/{self.room_name}/"
        helpers.make_room(chat, self.room_name, private=kind == "private")
        set_status(chat, self.room_name, "witness", "member")
        if name != "stranger":
            set_status(chat, self.room_name, name, "member")
        [self.own] = helpers.store(chat, self.room_name, ["a secret"], name)
        [self.others] = helpers.store(chat, self.room_name, ["a secret"], "witness")

    def become(self, session):
        """From now on they are what they are called."""
        if self.name == "logged_out":
            end(self.chat, session)
        elif self.name != "stranger":
            set_status(self.chat, self.room_name, self.name, STATUS.get(self.name, self.name))


@contextlib.asynccontextmanager
async def person(chat, name):
    """A Visitor, logged in unless a stranger; with a login of their own if that is to end."""
    async with Visitor(chat, name, fresh=name in ("stranger", "logged_out")) as visitor:
        if name == "logged_out":
            await visitor.submit("/accounts/login/", password=PASSWORD)
            assert visitor.session, "they are logged in at first"
        yield visitor


def end(chat, session):
    helpers.in_database(chat, "DELETE FROM django_session WHERE session_key = ?", session)


# --- frames ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "what", "name", "wanted"), cells_of_rooms(FRAMES_IN))
async def test_frame_of(chat, kind, what, name, wanted):
    scene = Scene(chat, kind, name)
    async with (
        person(chat, name) as visitor,
        at(chat, scene.room_name, "witness") as witness,
    ):
        if what == "(connect)":
            scene.become(visitor.session)
        async with connect(chat, scene.room_name, session=visitor.session or "") as socket:
            if name != "stranger" and what != "(connect)":
                await helpers.caught_up(socket)
                scene.become(visitor.session)
            assert await outcome(socket, what, scene) == wanted
        await assert_heard(witness, HEARD.get(what, set()) if wanted == "yes" else set())


# What others hear of a frame: with this one they are told more than the writer is.
HEARD = {"post": {"message"}, "delete_own": {"deleted"}, "typing": {"typing"}}


async def outcome(socket, what, scene):
    """ "yes", or the code with which a frame, or the connection, is refused."""
    frames = {
        "post": {"kind": "post", "text": "one more"},
        "delete_own": {"kind": "delete", "id": scene.own},
        "delete_others": {"kind": "delete", "id": scene.others},
    }
    try:
        if what == "(connect)":
            await helpers.caught_up(socket)
            return "yes"
        if what == "typing":
            # Nobody is told that they may type: so the answer to the next question comes first.
            await send(socket, "typing")
        answer = await ask(socket, **frames.get(what, {"kind": "history", "after": 0}))
    except websockets.ConnectionClosed:
        return str(socket.close_code)
    if answer["type"] == "history":
        assert [message["text"] for message in answer["messages"]] == ["a secret"] * 2
    return answer["code"] if answer["type"] == "error" else "yes"


async def assert_heard(witness, kinds):
    """The witness has heard of just these events, and nothing else has been stored."""
    await send(witness, "post", text="marker")
    heard = []

    def is_marker(event):
        heard.append(event["type"])
        return event.get("text") == "marker"

    marker = await until(witness, is_marker)
    assert set(heard[:-1]) - {"presence", "head", "caught_up"} == kinds, "what others are told"
    assert marker["seq"] == 3 + len(kinds & {"message", "deleted"}), "what is stored"


# --- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "what", "name", "wanted"), cells_of_rooms(PAGES_OF))
async def test_page_or_form_of_a_room_for(chat, kind, what, name, wanted):
    scene = Scene(chat, kind, name)
    rooms, members, messages = helpers.counted(chat, scene.room_name)
    async with person(chat, name) as visitor:
        await visitor.load("/accounts/login/")
        scene.become(visitor.session)
        page = await PAGES[what](visitor, scene)
        is_shown = "shown" if scene.room_name in page.text else "hidden"
        assert (is_shown if what == "in_index" else told(page)) == wanted
    if wanted != "302":
        # Who has become a mere visitor is no member any more.
        unchanged = [(rooms, members - less, messages) for less in (0, name == "visitor")]
        assert helpers.counted(chat, scene.room_name) in unchanged


def told(response):
    if response.status_code == 302 and "/login/" in response.headers["location"]:
        return "login"
    return str(response.status_code)


async def open_room(visitor, scene):
    page = await visitor.http.get(scene.path)
    assert ("a secret" in page.text) == (page.status_code == 200)
    return page


PAGES = {
    "in_index": lambda visitor, scene: visitor.http.get("/"),
    "room": open_room,
    "post": lambda visitor, scene: visitor.post(scene.room_name, "whoever", "one more"),
    "invite": lambda visitor, scene: submit(visitor, f"{scene.path}invite/", user="user"),
    "leave": lambda visitor, scene: submit(visitor, f"{scene.path}leave/"),
    "begin_again": lambda visitor, scene: submit(visitor, "/", room_name=scene.room_name),
}


@pytest.mark.parametrize(("path", "name", "wanted"), cells(PAGES_OF_THE_SITE))
async def test_page_of_the_site_for(chat, path, name, wanted):
    async with person(chat, name) as visitor:
        await visitor.load("/accounts/login/")
        if name == "logged_out":
            end(chat, visitor.session)
        if path == "begin":
            response = await submit(visitor, "/", room_name=new_room())
        else:
            response = await visitor.http.get(path)
    assert told(response) == wanted


# --- what nobody else learns ----------------------------------------------------------------------


async def test_client_id_of_somebody_else_reveals_nothing_of_their_message(chat, room_name):
    secret, client_id = new_room(), str(uuid.uuid4())
    helpers.make_room(chat, secret, private=True)
    set_status(chat, secret, "member", "member")
    async with at(chat, secret, "member") as socket:
        theirs = await post(socket, "a secret", client_id=client_id)
    async with at(chat, room_name, "visitor") as socket:
        mine = await post(socket, "mine", client_id=client_id)
        assert (mine["text"], mine["author"]) == ("mine", "visitor")
        deleted = await ask(socket, "delete", id=theirs["id"])
        assert deleted == await ask(socket, "delete", id=10**9), "as if there were no such message"
    async with connect(chat, secret, "visitor") as socket:
        with contextlib.suppress(websockets.ConnectionClosed):
            await send(socket, "post", text="mine", client_id=client_id)
            assert "secret" not in await socket.recv()
        assert await closing_code(socket) == 4403
    async with Visitor(chat, "visitor") as visitor:
        await visitor.load("/")
        response = await submit(visitor, f"/chat/{secret}/", text="x", client_id=client_id)
    assert response.status_code == 403
    assert "a secret" not in response.text
    assert helpers.counted(chat, secret) == (1, 1, 1), "nothing of it is stored"


async def test_page_for_the_banned_and_for_those_who_are_not_invited_is_the_same(chat):
    pages = []
    for kind in ("public", "private"):
        scene = Scene(chat, kind, "visitor")
        set_status(chat, scene.room_name, "visitor", "banned" if kind == "public" else None)
        async with Visitor(chat, "visitor") as visitor:
            page = await visitor.http.get(scene.path)
        assert page.status_code == 403
        pages.append(re.sub(r'value="[^"]+"', "", page.text))
    assert pages[0] == pages[1], "why somebody is kept out is nobody's business"


async def test_room_in_which_nobody_has_written_is_open_and_is_not_there_yet(chat, room_name):
    async with Visitor(chat, "visitor") as visitor, at(chat, room_name, "visitor"):
        assert (await visitor.open(room_name)).status_code == 200
        assert room_name not in (await visitor.load("/")).text, "looking is not founding"
        response = await submit(visitor, "/", room_name=room_name)
        assert response.status_code == 302, "so its name is to be had for a private room"


async def test_private_room_is_for_its_founder_and_who_is_invited_until_they_leave(chat, room_name):
    async with Visitor(chat, "member") as member, Visitor(chat, "visitor") as visitor:
        await member.load("/")
        assert (await submit(member, "/", room_name=room_name)).status_code == 302
        assert (await visitor.open(room_name)).status_code == 403
        page = (await member.open(room_name)).text
        invite = re.search('<input [^>]*name="user"[^>]*>', page)
        assert 'autocapitalize="none"' in invite[0], "as with all fields of a name: see test_pages"
        invited = await submit(member, f"/chat/{room_name}/invite/", user="visitor")
        assert invited.status_code == 302
        await visitor.open(room_name)
        async with helpers.at_each(chat, room_name, "member", "visitor") as (founder, guest):
            await post(founder, "welcome")
            assert (await next_answer(guest))["text"] == "welcome"
            await submit(visitor, f"/chat/{room_name}/leave/")
            await send(guest, "post", text="and one more thing")
            assert await closing_code(guest) == 4403, "who has left is heard no more"
            assert (await post(founder, "alone"))["seq"] == 2
        refused = await submit(member, f"/chat/{room_name}/invite/", user="nobody at all")
        assert refused.status_code == 400
        assert "There is nobody of this name here." in refused.text


@pytest.mark.parametrize("status", ["muted", "banned"])
async def test_invitation_or_leaving_does_not_lift_what_a_moderator_has_decided(chat, status):
    scene = Scene(chat, "private", "visitor")
    set_status(chat, scene.room_name, "visitor", status)
    async with Visitor(chat, "visitor") as visitor, Visitor(chat, "witness") as witness:
        await visitor.load("/")
        await submit(visitor, f"{scene.path}leave/")
        await witness.load(scene.path)
        await submit(witness, f"{scene.path}invite/", user="visitor")
        posted = await visitor.post(scene.room_name, "visitor", "may I?")
    assert posted.status_code == (400 if status == "muted" else 403)


# --- moderation -----------------------------------------------------------------------------------


@pytest.fixture
async def moderator(chat):
    async with Visitor(chat, "moderator") as moderator:
        yield moderator


@pytest.fixture
async def sockets(chat, room_name, name):
    """Those of somebody in a room, one at each instance."""
    helpers.make_room(chat, room_name)
    async with helpers.at_each(chat, room_name, name, name) as sockets:
        yield sockets


async def save(moderator, path, **fields):
    """Save a form of the admin."""
    await moderator.load(path)
    response = await submit(moderator, path, _save="Save", **fields)
    assert response.status_code == 302, f"the admin does not take it: {response.text}"


async def add_member(chat, moderator, room_name, name, status):
    """Give a status to somebody who has none yet."""
    fields = {"room": room_name, "user": helpers.user_id(chat, name), "status": status}
    await save(moderator, "/admin/chat/member/add/", **fields)


async def test_mute_holds_at_once_and_lets_one_read_on(chat, moderator, room_name, name, sockets):
    await add_member(chat, moderator, room_name, name, "muted")
    for socket in sockets:
        answer = await ask(socket, "post", text="may I?")
        assert (answer["type"], answer.get("code")) == ("error", "muted")
    async with at(chat, room_name, "witness") as witness:
        await post(witness, "who is muted may read this")
    for socket in sockets:
        assert (await next_answer(socket))["text"] == "who is muted may read this"


async def test_ban_closes_the_sockets_on_all_instances(chat, moderator, room_name, name, sockets):
    await add_member(chat, moderator, room_name, name, "banned")
    assert [await closing_code(socket) for socket in sockets] == [4403, 4403]


async def test_room_made_private_closes_those_who_are_no_members(
    chat, moderator, room_name, sockets
):
    async with at(chat, room_name, "member") as member:
        await add_member(chat, moderator, room_name, "member", "member")
        await save(moderator, f"/admin/chat/room/{room_name}/change/", is_private="on")
        assert [await closing_code(socket) for socket in sockets] == [4403, 4403]
        await post(member, "we are alone now")


async def test_user_made_inactive_is_closed_out_everywhere(
    chat, moderator, room_name, name, sockets
):
    fields = {"username": name, "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    path = f"/admin/auth/user/{helpers.user_id(chat, name)}/change/"
    await save(moderator, path, **fields)
    assert [await closing_code(socket) for socket in sockets] == [4401, 4401]
    async with Visitor(chat, name) as visitor:
        assert is_for_users(await visitor.load(f"/chat/{room_name}/"))


async def test_text_deleted_by_a_moderator_is_gone_at_once(
    chat, moderator, room_name, name, sockets
):
    here, there = sockets
    message = await post(here, "what should not be said")
    assert await next_answer(there) == message
    path = "/admin/chat/message/"
    await moderator.load(path)
    fields = {"action": "delete_text", "_selected_action": message["id"]}
    assert (await submit(moderator, path, **fields)).status_code == 302
    deleted = {"type": "deleted", "seq": 2, "id": message["id"]}
    assert [await next_answer(socket) for socket in sockets] == [deleted, deleted]
    await submit(moderator, path, **fields)
    assert (await post(here, "what may"))["seq"] == 3, "nothing is deleted twice"
    async with connect(chat, room_name, name, after=0) as socket:
        assert await next_answer(socket) == {**message, "text": None}
        assert await next_answer(socket) == deleted
    assert "should not be said" not in (await moderator.load(path)).text
