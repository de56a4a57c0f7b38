"""Pages, forms and addresses: the same contract in every stage."""

import re

import httpx
import pytest

from chatflow import Visitor, post, stages
from chatflow.capabilities import new_room

EVERY_STAGE = [pytest.param(stage.number, id=f"stage_{stage.number}") for stage in stages()]
pytestmark = pytest.mark.parametrize("chat", EVERY_STAGE, indirect=True)

BAD_ROOM_NAMES = {
    "51 characters": "a" * 51,
    "not ASCII": "caf%C3%A9",
    "a newline": "lobby%0A",
    "a newline before the slash": "%0Alobby",
    "up and out": "..%2F",
    "a space": "two%20words",
    "a dot": "lobby.txt",
    "nothing": "",
}


async def get(chat, path):
    async with httpx.AsyncClient(base_url=chat.url) as http:
        return await http.get(path)


def assert_plain_refusal(response, status):
    assert response.status_code == status
    assert "Traceback" not in response.text, "a visitor must not see a traceback"
    assert "DEBUG = True" not in response.text, "turn DEBUG off: this page shows our source"


async def test_index_lists_rooms_that_have_messages(chat):
    room_name = new_room()
    await post(chat, room_name, "alice", "first")
    page = await get(chat, "/")
    assert page.status_code == 200
    assert f'href="/chat/{room_name}/"' in page.text, "GET / should link to each room"


async def test_index_takes_a_room_name(chat):
    response = await get(chat, "/?room_name=lobby")
    assert response.status_code == 302
    assert response.headers["location"] == "/chat/lobby/"


async def test_index_refuses_a_bad_room_name_in_words(chat):
    response = await get(chat, "/?room_name=caf%C3%A9")
    assert_plain_refusal(response, 400)
    assert "1 to 50 letters" in response.text


async def test_post_is_stored_and_redirects(chat):
    room_name = new_room()
    response = await post(chat, room_name, "  alice ", "  hello  ")
    assert response.status_code == 302, "after a POST redirect, so that a reload does not repeat it"
    assert response.headers["location"] == f"/chat/{room_name}/"
    page = await get(chat, f"/chat/{room_name}/")
    assert "<b>alice</b>" in page.text
    assert "<p>hello</p>" in page.text


async def test_messages_come_in_the_order_they_were_posted(chat):
    room_name = new_room()
    for text in ("one", "two", "three"):
        await post(chat, room_name, "alice", text)
    page = await get(chat, f"/chat/{room_name}/")
    assert re.findall("<p>(one|two|three)</p>", page.text) == ["one", "two", "three"]


@pytest.mark.parametrize("name", ["a", "A-Z_09", "x" * 50])
async def test_good_room_names_have_a_page(chat, name):
    assert (await get(chat, f"/chat/{name}/")).status_code == 200


@pytest.mark.parametrize("what", BAD_ROOM_NAMES)
async def test_bad_room_names_are_404(chat, what):
    response = await get(chat, f"/chat/{BAD_ROOM_NAMES[what]}/")
    assert_plain_refusal(response, 404)


async def test_unknown_paths_are_404(chat):
    assert_plain_refusal(await get(chat, "/no/such/page"), 404)


async def test_post_without_csrf_token_is_403_and_stores_nothing(chat):
    room_name = new_room()
    async with httpx.AsyncClient(base_url=chat.url) as http:
        response = await http.post(f"/chat/{room_name}/", data={"author": "eve", "text": "forged"})
        page = await http.get(f"/chat/{room_name}/")
    assert_plain_refusal(response, 403)
    assert "forged" not in page.text


@pytest.mark.parametrize(
    ("author", "text"),
    [
        pytest.param("", "hello", id="no author"),
        pytest.param("e" * 51, "hello", id="author too long"),
        pytest.param("eve", "", id="no text"),
        pytest.param("eve", " \t\n\u3000", id="only white space"),
        pytest.param("eve", "x" * 2_001, id="text too long"),
        pytest.param("eve", "nul \x00", id="null character"),
    ],
)
async def test_bad_forms_are_refused_in_words_and_store_nothing(chat, author, text):
    room_name = new_room()
    response = await post(chat, room_name, author, text)
    assert_plain_refusal(response, 400)
    assert 'role="alert"' in response.text, "say what is wrong with the form"
    assert room_name not in (await get(chat, "/")).text, "a refused message must not be stored"


async def test_longest_author_and_text_are_accepted(chat):
    room_name = new_room()
    # Code points count, not bytes: each of these has four.
    response = await post(chat, room_name, "\U0001f600" * 50, "\U0001f600" * 2_000)
    assert response.status_code == 302


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_refused(chat, method):
    async with Visitor(chat) as visitor:
        await visitor.open("lobby")
        headers = {"X-CSRFToken": visitor.token}
        response = await visitor.http.request(method, "/chat/lobby/", headers=headers)
    assert_plain_refusal(response, 405)


async def test_markup_in_messages_is_shown_not_run(chat):
    room_name = new_room()
    await post(chat, room_name, "<b>eve</b>", "<img src=x onerror=alert(1)></script>")
    page = (await get(chat, f"/chat/{room_name}/")).text
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
