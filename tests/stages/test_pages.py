"""Pages, forms and addresses: the same contract in every stage."""

import html
import itertools
import re

import pytest

from chatflow import Visitor, post
from chatflow.probing.people import new_room
from helpers.forms import assert_refused_in_words
from stages.helpers import FINAL, able, changed, get, in_stages

every_stage = in_stages(*range(1, FINAL + 1))
every_stage_with_users = in_stages(*able("unforgeable"))

# Too long, not ASCII, with a newline behind or before, up and out, a space, a dot, and nothing.
BAD_ROOM_NAMES = ["a" * 51, "caf%C3%A9", "lobby%0A", "%0Alobby", "..%2F", "two%20words"]
BAD_ROOM_NAMES += ["lobby.txt", ""]


def assert_plain_refusal(response, status, what=""):
    assert response.status_code == status, what
    assert "Traceback" not in response.text, "a visitor must not see a traceback"
    assert "DEBUG = True" not in response.text, "turn DEBUG off: this page shows our source"


@every_stage
async def test_index_takes_a_room_name_also_with_the_space_that_a_phone_adds(chat):
    for name in ("lobby", "lobby%20"):
        response = await get(chat, f"/?room_name={name}")
        assert response.status_code == 302
        assert response.headers["location"] == "/chat/lobby/"


@every_stage
async def test_index_refuses_a_bad_room_name_in_words_and_asks_for_one_that_is_missing(chat):
    for name, words in [("caf%C3%A9", "1 to 50 letters"), ("", "Name a room.")]:
        response = await get(chat, f"/?room_name={name}")
        assert_plain_refusal(response, 400)
        assert words in response.text


@every_stage
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


@every_stage
async def test_index_takes_what_else_an_address_brings_for_no_form(chat):
    for query in ("fbclid=x", "utm_source=a&utm_medium=b", "room=lobby", "x"):
        page = await get(chat, f"/?{query}")
        assert page.status_code == 200, f"only room_name makes it a form, and not {query}"
        assert "alert" not in page.text, "nothing was filled in, so there is nothing to complain of"
        entered = await get(chat, f"/?{query}&room_name=lobby")
        assert entered.headers.get("location") == "/chat/lobby/", "beside it the form still works"


@every_stage
async def test_post_is_stored_and_redirects_and_its_room_is_listed(chat):
    room_name = new_room()
    response = await post(chat, room_name, "  alice ", "  hello  ")
    assert response.status_code == 302, "after a POST redirect, so that a reload does not repeat it"
    assert response.headers["location"] == f"/chat/{room_name}/"
    page = await get(chat, f"/chat/{room_name}/")
    assert "<b>alice</b>" in page.text
    assert "<p>hello</p>" in page.text
    index = await get(chat, "/")
    assert index.status_code == 200
    assert f'href="/chat/{room_name}/"' in index.text, "GET / should link to each room"


@every_stage
async def test_messages_come_in_the_order_they_were_posted(chat):
    room_name = new_room()
    for text in ("one", "two", "three"):
        await post(chat, room_name, "alice", text)
    page = await get(chat, f"/chat/{room_name}/")
    assert re.findall("<p>(one|two|three)</p>", page.text) == ["one", "two", "three"]


@every_stage
async def test_good_room_names_have_a_page_and_bad_ones_and_unknown_paths_are_404(chat):
    for name in ("a", "A-Z_09", "x" * 50):
        assert (await get(chat, f"/chat/{name}/")).status_code == 200, name
    for path in ["/no/such/page", *(f"/chat/{name}/" for name in BAD_ROOM_NAMES)]:
        assert_plain_refusal(await get(chat, path), 404, path)


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
async def test_bad_texts_and_bad_authors_are_refused_in_words_and_store_nothing(chat):
    # No text, only white space, too long, and a null character.
    for text in ("", " \t\n\u3000", "x" * 2_001, "nul \x00"):
        await assert_form_is_refused(chat, author="eve", text=text)
    await assert_form_is_refused(chat, author="eve")
    # Up to stage 07 people write under whatever name they give.
    for author in ("", "   ", "e" * 51) if chat.stage.can["unforgeable"] == "no" else ():
        await assert_form_is_refused(chat, author=author, text="hello")


@every_stage_with_users
async def test_author_that_a_form_gives_changes_nothing(chat):
    room_name, authors = new_room(), ["alice", "", "e" * 51, "the bot"]
    async with Visitor(chat, "eve") as eve:
        await eve.open(room_name)
        for author in authors:
            assert (await eve.post(room_name, author, f"not {author}")).status_code == 302
            page = (await eve.open(room_name)).text
    shown = re.findall(r'<li data-\w+="\d+"[^>]*>\s*<b>(.*?)</b>', page)
    assert shown == ["eve"] * len(authors), "the author is who is logged in"


async def assert_form_is_refused(chat, **fields):
    room_name = new_room()
    async with Visitor(chat, "eve") as eve:
        await eve.open(room_name)
        response = await eve.submit(f"/chat/{room_name}/", **fields)
    assert_plain_refusal(response, 400)
    assert_refused_in_words(response, 400)
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
async def test_each_page_says_its_stage_and_its_instance_in_its_title_too(chat):
    wanted = chat.folder.name
    # As behind a proxy, whose address has another port.
    elsewhere = {"Host": "localhost:1"}
    async with Visitor(chat, "reader") as reader:
        await reader.log_in()
        for instance, path in itertools.product(chat.instances, ["/", "/chat/lobby/", "/no/such"]):
            page = (await reader.http.get(f"{instance.url}{path}", headers=elsewhere)).text
            assert f"{instance.name} · {wanted}</title>" in page, f"the title of {path}"
            for words in (wanted, f"instance {instance.name}, port {instance.port}"):
                assert f"<span>{words}</span>" in page, f"{path} should say which page it is"


@every_stage
async def test_other_methods_are_refused(chat):
    async with Visitor(chat) as visitor:
        await visitor.open("lobby")
        headers = {"X-CSRFToken": visitor.token}
        for method in ("PUT", "DELETE", "PATCH"):
            response = await visitor.http.request(method, "/chat/lobby/", headers=headers)
            assert_plain_refusal(response, 405, method)


@every_stage
async def test_markup_in_messages_is_shown_not_run(chat):
    room_name = new_room()
    author = "eve" if chat.stage.can["unforgeable"] == "yes" else "<b>eve</b>"
    await post(chat, room_name, author, "<img src=x onerror=alert(1)></script>")
    page = (await get(chat, f"/chat/{room_name}/")).text
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


# --- forms of another origin ------------------------------------------------------------------

# What a tunnel or a proxy makes of it: the browser says https, and the chat is http.
TUNNEL = "https://localhost:8000"
SETTINGS, TRUST = "websockets_channels/settings.py", f'CSRF_TRUSTED_ORIGINS = ["{TUNNEL}"]'
# The finished chat has a page of its own for that, and tests of its own.
every_step = in_stages(*range(1, FINAL))


async def send_from(chat, origin, room_name, with_token=True):
    """Send a room's form as a page of another origin, or as an old one, without its token."""
    async with Visitor(chat, "alice") as alice:
        await alice.open(room_name)
        token = {"csrfmiddlewaretoken": alice.token} if with_token else {}
        fields = {"author": "alice", "text": "through a tunnel"} | token
        headers = {"Origin": origin} if origin else {}
        return await alice.http.post(f"/chat/{room_name}/", data=fields, headers=headers)


@every_step
async def test_form_of_another_origin_is_told_which_came_which_is_ours_and_what_to_set(chat):
    room_name = new_room()
    answer = await send_from(chat, TUNNEL, room_name)
    text = html.unescape(answer.text)
    assert_plain_refusal(answer, 403)
    assert TUNNEL in text, "say which origin came"
    assert f"<code>{chat.url}</code>" in text, "say which origin the chat takes forms of"
    assert TRUST in text, "say which line to write"
    assert "settings.py" in text, "say where to write it"
    assert room_name not in (await get(chat, "/")).text, "what is refused is not stored"


@every_step
async def test_form_without_its_token_or_of_a_hidden_page_is_refused_in_words(chat):
    for origin in (None, "null"):
        answer = await send_from(chat, origin, new_room(), with_token=bool(origin))
        assert_plain_refusal(answer, 403)
        assert "reload the page" in answer.text, "say what to do"
        assert "CSRF_TRUSTED_ORIGINS" not in answer.text, "here that setting would not help"


@pytest.mark.parametrize("number", [1, 9])
async def test_line_that_the_refusal_names_lets_the_form_in(number):
    line = 'CSRF_FAILURE_VIEW = "chat.views.refused_form"'
    async with changed(number, SETTINGS, line, f"{line}\n{TRUST}") as chat:
        answer = await send_from(chat, TUNNEL, "tunnel")
        page = await get(chat, "/chat/tunnel/")
    assert answer.status_code == 302
    assert "through a tunnel" in page.text
