"""Pages, forms and addresses: the same contract in every stage."""

import re

import pytest

from chatflow import Visitor, post, stages
from chatflow.capabilities import new_room


def in_stages(found):
    cases = [pytest.param(stage.number, id=f"stage_{stage.number}") for stage in found]
    return pytest.mark.parametrize("chat", cases, indirect=True)


every_stage = in_stages(stages())
# Up to stage 07 people write under whatever name they give.
every_stage_with_free_names = in_stages([one for one in stages() if one.can["unforgeable"] == "no"])
# The finished chat has pages of its own, and tests of its own for them.
every_step = in_stages([one for one in stages() if one.key != "final"])
every_stage_with_users = in_stages([one for one in stages() if one.can["unforgeable"] == "yes"])

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
    """A page, as somebody sees it who is logged in where the stage has accounts."""
    async with Visitor(chat, "reader") as reader:
        await reader.log_in()
        return await reader.http.get(path)


def assert_plain_refusal(response, status):
    assert response.status_code == status
    assert "Traceback" not in response.text, "a visitor must not see a traceback"
    assert "DEBUG = True" not in response.text, "turn DEBUG off: this page shows our source"


@every_stage
async def test_index_lists_rooms_that_have_messages(chat):
    room_name = new_room()
    await post(chat, room_name, "alice", "first")
    page = await get(chat, "/")
    assert page.status_code == 200
    assert f'href="/chat/{room_name}/"' in page.text, "GET / should link to each room"


@every_stage
async def test_index_takes_a_room_name(chat):
    response = await get(chat, "/?room_name=lobby")
    assert response.status_code == 302
    assert response.headers["location"] == "/chat/lobby/"


@every_step
async def test_index_takes_a_room_name_with_the_space_that_a_phone_adds(chat):
    response = await get(chat, "/?room_name=lobby%20")
    assert response.status_code == 302
    assert response.headers["location"] == "/chat/lobby/"


@every_stage
async def test_index_refuses_a_bad_room_name_in_words(chat):
    response = await get(chat, "/?room_name=caf%C3%A9")
    assert_plain_refusal(response, 400)
    assert "1 to 50 letters" in response.text


@every_stage
async def test_post_is_stored_and_redirects(chat):
    room_name = new_room()
    response = await post(chat, room_name, "  alice ", "  hello  ")
    assert response.status_code == 302, "after a POST redirect, so that a reload does not repeat it"
    assert response.headers["location"] == f"/chat/{room_name}/"
    page = await get(chat, f"/chat/{room_name}/")
    assert "<b>alice</b>" in page.text
    assert "<p>hello</p>" in page.text


@every_stage
async def test_messages_come_in_the_order_they_were_posted(chat):
    room_name = new_room()
    for text in ("one", "two", "three"):
        await post(chat, room_name, "alice", text)
    page = await get(chat, f"/chat/{room_name}/")
    assert re.findall("<p>(one|two|three)</p>", page.text) == ["one", "two", "three"]


@every_stage
@pytest.mark.parametrize("name", ["a", "A-Z_09", "x" * 50])
async def test_good_room_names_have_a_page(chat, name):
    assert (await get(chat, f"/chat/{name}/")).status_code == 200


@every_stage
@pytest.mark.parametrize("what", BAD_ROOM_NAMES)
async def test_bad_room_names_are_404(chat, what):
    response = await get(chat, f"/chat/{BAD_ROOM_NAMES[what]}/")
    assert_plain_refusal(response, 404)


@every_stage
async def test_unknown_paths_are_404(chat):
    assert_plain_refusal(await get(chat, "/no/such/page"), 404)


@every_stage
async def test_post_without_csrf_token_is_403_and_stores_nothing(chat):
    room_name = new_room()
    async with Visitor(chat, "eve") as eve:
        await eve.log_in()
        forged = {"author": "eve", "text": "forged"}
        response = await eve.http.post(f"/chat/{room_name}/", data=forged)
    assert_plain_refusal(response, 403)
    assert "forged" not in (await get(chat, f"/chat/{room_name}/")).text


@every_stage
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="no text"),
        pytest.param(" \t\n\u3000", id="only white space"),
        pytest.param("x" * 2_001, id="text too long"),
        pytest.param("nul \x00", id="null character"),
    ],
)
async def test_bad_texts_are_refused_in_words_and_store_nothing(chat, text):
    await assert_form_is_refused(chat, "eve", text)


@every_stage_with_free_names
@pytest.mark.parametrize("author", ["", "   ", "e" * 51], ids=["none", "only spaces", "too long"])
async def test_bad_authors_are_refused_in_words_and_store_nothing(chat, author):
    await assert_form_is_refused(chat, author, "hello")


@every_stage_with_users
@pytest.mark.parametrize("author", ["alice", "", "e" * 51, "the bot"])
async def test_author_that_a_form_gives_changes_nothing(chat, author):
    room_name = new_room()
    async with Visitor(chat, "eve") as eve:
        await eve.open(room_name)
        assert (await eve.post(room_name, author, "it is me")).status_code == 302
        page = (await eve.open(room_name)).text
    assert re.findall(r'<li data-\w+="\d+"[^>]*>\s*<b>(.*?)</b>', page) == ["eve"], (
        "the author is who is logged in"
    )


async def assert_form_is_refused(chat, author, text):
    room_name = new_room()
    response = await post(chat, room_name, author, text)
    assert_plain_refusal(response, 400)
    said = re.search(r'role="alert"[^>]*>\s*[^<\s]', response.text)
    assert said, "say what is wrong with the form"
    assert room_name not in (await get(chat, "/")).text, "a refused message must not be stored"


@every_stage
async def test_longest_author_and_text_are_accepted(chat):
    room_name = new_room()
    # Code points count, not bytes: each of these has four, and "ä" has two.
    author = "ä" if chat.stage.can["unforgeable"] == "yes" else "\U0001f600"
    response = await post(chat, room_name, author * 50, "\U0001f600" * 2_000)
    assert response.status_code == 302
    assert f"<b>{author * 50}</b>" in (await get(chat, f"/chat/{room_name}/")).text


@every_stage
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_refused(chat, method):
    async with Visitor(chat) as visitor:
        await visitor.open("lobby")
        headers = {"X-CSRFToken": visitor.token}
        response = await visitor.http.request(method, "/chat/lobby/", headers=headers)
    assert_plain_refusal(response, 405)


@every_stage
async def test_markup_in_messages_is_shown_not_run(chat):
    room_name = new_room()
    author = "eve" if chat.stage.can["unforgeable"] == "yes" else "<b>eve</b>"
    await post(chat, room_name, author, "<img src=x onerror=alert(1)></script>")
    page = (await get(chat, f"/chat/{room_name}/")).text
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


@every_step
async def test_no_keyboard_changes_the_first_letter_of_a_name(chat):
    paths = ["/", "/chat/lobby/"]
    if chat.stage.can["unforgeable"] == "yes":
        paths += ["/accounts/login/", "/accounts/signup/"]
    fields = [field for path in paths for field in name_fields((await get(chat, path)).text)]
    assert len(fields) >= 2, "a room is asked for, and a person"
    for field in fields:
        told = 'a phone would write "Den" for "den", which is another: autocapitalize="none"'
        assert 'autocapitalize="none"' in field, told


def name_fields(page):
    return re.findall(r'<input [^>]*name="(?:room_name|author|username)"[^>]*>', page)
