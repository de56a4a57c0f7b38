"""chat_final: whatever a client may send, on a socket, in a form or as an address.

It is refused in words, stored nowhere, noticed by nobody else, and leaves no traceback in the log.
What all stages refuse alike is in test_sockets, test_resume and test_users, for this one too.
"""

import json
import re

import pytest
import websockets

from chatflow.clients.sockets import connect
from chatflow.clients.visitor import PASSWORD, Visitor
from chatflow.probing.people import new_room
from final.helpers import (
    at,
    caught_up,
    closing_code,
    in_database,
    logged_since,
    logs,
    next_answer,
    post,
    send,
    session_of,
    submit,
)
from helpers.forms import assert_refused_in_words

A_UUID = "123e4567-e89b-42d3-a456-426614174000"
DEEP = "[" * 30_000 + "]" * 30_000

# {what it is: (the frame, the code of the error that answers it)}
FRAMES = {
    "nothing": ("", "not_json"),
    "white space": ("  \n", "not_json"),
    "an empty binary frame": (b"", "not_text"),
    "a post in a binary frame": (b'{"type": "post", "text": "hi"}', "not_text"),
    "deep, but whole": (f'{{"type": "post", "text": "hi", "more": {DEEP}}}', "not_json"),
    "infinity": ('{"type": "post", "text": "hi", "more": -Infinity}', "not_json"),
    "two objects": ('{"type": "post", "text": "hi"} {}', "not_json"),
    "a byte order mark": ('\ufeff{"type": "post", "text": "hi"}', "not_json"),
    "half a surrogate pair in a key": ('{"type": "post", "text": "hi", "\\udc00": 1}', "not_json"),
    "half a surrogate pair in the type": ('{"type": "\\ud800"}', "not_json"),
    "a string": ('"post"', "not_an_object"),
    "null": ("null", "not_an_object"),
    "a list of posts": ('[{"type": "post", "text": "hi"}]', "not_an_object"),
    "no type": ('{"text": "hi"}', "unknown_type"),
    "NUL in the type": ('{"type": "post\\u0000"}', "unknown_type"),
}
TYPES = [
    *("websocket.receive", "websocket.connect", "chat.hint", "chat.message", "__class__", "end"),
    *("handle_post", "Post", "message", "deleted", "presence", "head", "caught_up", "error", ""),
    *(None, True, 7, 1.5, ["post"], {"post": 1}),
]
FRAMES |= {
    f"the type {kind!r}": (json.dumps({"type": kind, "text": "hi", "id": 1}), "unknown_type")
    for kind in TYPES
}


def with_field(kind, field, values, **others):
    """Frames of a type with a value that is none for this field."""
    others |= {"type": kind}
    frames = {f"{kind}: {field} {value!r:.20}": {**others, field: value} for value in values}
    return {what: (json.dumps(frame), f"bad_{field}") for what, frame in frames.items()}


NO_TEXTS = [None, True, 7, ["hi"], {"hi": 1}, "", " \n\t\u00a0", "x" * 2_001, "😀" * 2_001, "a\0b"]
NO_NUMBERS = [None, True, -1, 1.0, "1", "", [1], {"1": 1}, 10**18, int("9" * 4_000)]
FRAMES |= with_field("post", "text", NO_TEXTS)
FRAMES |= with_field("post", "client_id", [None, 7, ["x"], f"{A_UUID}\0", A_UUID[:-1]], text="hi")
FRAMES |= with_field("delete", "id", NO_NUMBERS)
FRAMES |= with_field("history", "after", NO_NUMBERS)
FRAMES |= with_field("history", "before", NO_NUMBERS)
FRAMES |= with_field("history", "limit", [*NO_NUMBERS, 0, 51], after=0)
FRAMES |= with_field("history", "after", [0], before=1)
FRAMES |= {
    "an id beyond all floats": ('{"type": "delete", "id": 1e400}', "bad_id"),
    "no text": ('{"type": "post"}', "bad_text"),
    "no id": ('{"type": "delete"}', "bad_id"),
    "no after": ('{"type": "history"}', "bad_after"),
}


@pytest.fixture(autouse=True)
def _leaves_no_traceback(chat):
    before = logs(chat)
    yield
    assert "Traceback" not in logged_since(chat, before), "what somebody sends is no error of ours"


async def test_bad_frame_is_refused_in_words(chat):
    room_name = new_room()
    async with at(chat, room_name, "eve") as eve, at(chat, room_name, "bob") as bob:
        for number, (what, (frame, code)) in enumerate(FRAMES.items(), start=1):
            await eve.send(frame)
            error = await next_answer(eve)
            assert (error["type"], error.get("code")) == ("error", code), (what, error)
            assert re.fullmatch(r"[A-Z\"].*\.", error["detail"]), "detail is a sentence for people"
            answer = await post(eve, f"sorry for {what}")
            assert answer["seq"] == number, f"nothing is stored, and the socket stays: {what}"
            assert await next_answer(bob) == answer, f"nobody else notices {what}"


@pytest.mark.parametrize("text", ["x" * 2_000, "😀" * 2_000, "\u202eolleh", "a\r\nb", "</script>"])
async def test_text_of_up_to_2000_characters_of_any_kind_is_stored_as_it_is(chat, text):
    async with at(chat, new_room(), "eve") as eve:
        assert (await post(eve, text))["text"] == text
        assert (await post(eve, f" {text}\n"))["text"] == text, "but for white space round it"


async def test_tenth_bad_frame_in_a_row_closes_the_socket_with_4400(chat):
    async with at(chat, new_room(), "eve") as eve:
        for number in (1, 2):
            for _ in range(9):
                await eve.send("not JSON")
                assert (await next_answer(eve))["code"] == "not_json"
            assert (await post(eve, "a good one"))["seq"] == number, "then counting begins again"
        for _ in range(15):
            await eve.send("not JSON")
        errors = [await next_answer(eve) for _ in range(10)]
        assert {error["code"] for error in errors} == {"not_json"}
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await next_answer(eve)
        assert closed.value.rcvd.code == 4400


async def test_what_follows_the_frame_that_closed_a_socket_is_ignored(chat):
    room_name = new_room()
    async with at(chat, room_name, "eve") as eve, at(chat, room_name, "bob") as bob:
        # While this one is stored, all others come in.
        await send(eve, "post", text="first")
        for _ in range(10):
            await eve.send("not JSON")
        await send(eve, "post", text="one more")
        assert await closing_code(eve) == 4400
        assert (await next_answer(bob))["text"] == "first"
        assert (await post(bob, "is she gone?"))["seq"] == 2, "nothing more is stored"


async def test_page_of_who_was_logged_in_before_in_this_browser_is_told_so(chat):
    session = await session_of(chat, "eve")
    for name in ("alice", "", "eve%00", "%FF", "eve&as=alice"):
        url = f"{chat.ws_url}/ws/chat/{new_room()}/?as={name}"
        headers = {"Cookie": f"sessionid={session}"}
        async with websockets.connect(url, origin=chat.url, additional_headers=headers) as socket:
            if name == "eve&as=alice":  # of two the first counts
                await caught_up(socket)
            else:
                assert await closing_code(socket) == 4401, name


@pytest.mark.parametrize(
    "cookie", ['"\\000\\000\\000\\000\\000\\000\\000\\000"', "é" * 9, "x" * 4_000]
)
async def test_cookie_of_nonsense_is_that_of_a_stranger(chat, cookie):
    async with connect(chat, "lobby", session=cookie) as socket:
        assert await closing_code(socket) == 4401


# --- addresses and forms --------------------------------------------------------------------------

NO_ROOMS = {
    "not ASCII": "caf%C3%A9",
    "51 characters": "a" * 51,
    "200 characters": "a" * 200,
    "a newline at the end": "lobby%0A",
    "NUL": "lobby%00",
    "a dot": "a.b",
    "a blank": "a%20b",
    "half a character": "%C3",
    "a script": "%3Cscript%3E",
}


@pytest.mark.parametrize("what", NO_ROOMS)
async def test_address_of_no_room_is_404_for_every_form_of_a_room(chat, what):
    async with Visitor(chat, "eve") as eve:
        await eve.log_in()
        await eve.load("/accounts/login/")
        for path in ("", "invite/", "leave/"):
            answer = await submit(eve, f"/chat/{NO_ROOMS[what]}/{path}", text="hi", user="eve")
            assert answer.status_code == 404
        assert (await eve.http.get(f"/chat/{NO_ROOMS[what]}/")).status_code == 404
        # Of a form's field the white space at the ends is taken off: a phone adds some.
        fields = f"room_name={NO_ROOMS[what].replace('lobby%0A', '%0A')}"
        assert_refused_in_words(await eve.http.get(f"/?{fields}"), 400)
        fields += f"&csrfmiddlewaretoken={eve.token}"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert_refused_in_words(await eve.http.post("/", content=fields, headers=headers), 400)


def seqs(chat, room_name):
    select = "SELECT seq FROM chat_message WHERE room_name = ? ORDER BY seq"
    return [seq for (seq,) in in_database(chat, select, room_name)]


BODIES = {
    "JSON": ('{"text": "hi"}', "application/json"),
    "no form at all": ("\0\1\2", "multipart/form-data; boundary=x"),
    "a form without a boundary": ("text=hi", "multipart/form-data"),
}


@pytest.mark.parametrize("what", BODIES)
async def test_body_that_is_no_form_of_ours_is_refused(chat, what):
    room_name = new_room()
    content, kind = BODIES[what]
    async with Visitor(chat, "eve") as eve:
        await eve.open(room_name)
        headers = {"Content-Type": kind, "X-CSRFToken": eve.http.cookies["csrftoken"]}
        answer = await eve.http.post(f"/chat/{room_name}/", content=content, headers=headers)
    assert answer.status_code in (400, 403)
    assert seqs(chat, room_name) == []


FORMS = ["/", "/chat/{room}/", "/chat/{room}/invite/", "/chat/{room}/leave/", "/admin/login/"]
FORMS += [f"/accounts/{name}/" for name in ("login", "signup", "logout", "password_change")]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [None, "x" * 64])
async def test_form_without_the_token_of_our_page_is_403(chat, path, token):
    room_name = new_room()
    await session_of(chat, "alice")
    # As if she logged in, in this browser, with a page of before; and all that other forms need.
    fields = {"username": "alice", "password": PASSWORD, "text": "hi", "room_name": room_name}
    async with Visitor(chat, "eve") as eve:
        await eve.open(room_name)
        eve.token = token or ""
        answer = await submit(eve, path.format(room=room_name), **fields)
        assert answer.status_code == 403
        assert (await eve.open(room_name)).status_code == 200, "who was logged in still is"
    assert seqs(chat, room_name) == []


@pytest.mark.parametrize("name", ["a\0b", "a b", "<img/src/onerror=x>", "\u202eeve", " "])
async def test_name_that_is_none_cannot_sign_up_nor_log_in_nor_be_invited(chat, name):
    room_name = new_room()
    async with Visitor(chat, "eve") as eve, Visitor(chat, name, fresh=True) as stranger:
        passwords = {"password": PASSWORD, "password1": PASSWORD, "password2": PASSWORD}
        signed_up = await stranger.submit("/accounts/signup/", **passwords)
        logged_in = await stranger.submit("/accounts/login/", **passwords)
        assert (signed_up.status_code, logged_in.status_code) == (200, 200), "the form again"
        assert not stranger.session
        await eve.log_in()
        await eve.load("/")
        await submit(eve, "/", room_name=room_name)
        assert_refused_in_words(await submit(eve, f"/chat/{room_name}/invite/", user=name), 400)
