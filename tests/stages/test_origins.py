"""Which scheme a page of ours has, from what a server and a proxy tell: stages 08 and 09."""

import json
import os
import subprocess
import sys

import pytest
import websockets

from chatflow import Visitor, find_stage
from helpers.talking import logged_in, socket_of
from stages.helpers import changed
from stages.tls import served_over_tls

STAGES = [8, 9]

HTTP, HTTPS = "http://localhost", "https://localhost"
FORWARDED = {"x-forwarded-proto": "https"}
# What the scope says, the headers of a proxy, the setting, and which of our two pages is let in.
CASES = {
    "Daphne says nothing, no TLS": (None, {}, False, HTTP),
    "Daphne says nothing, TLS by its own endpoint": (None, {}, True, HTTPS),
    "Daphne says nothing, behind a proxy with TLS": (None, FORWARDED, False, HTTPS),
    "Daphne behind a proxy without TLS": (None, {"x-forwarded-proto": "http"}, False, HTTP),
    "ws": ("ws", {}, False, HTTP),
    "ws, behind a proxy with TLS": ("ws", FORWARDED, False, HTTPS),
    "ws, all pages are https": ("ws", {}, True, HTTPS),
    "wss": ("wss", {}, False, HTTPS),
    "wss, all pages are https": ("wss", {}, True, HTTPS),
}
ASK = """
import django, json, sys
from django.conf import settings
django.setup()
from chat.access import is_same_origin
answers = []
for scope, settings.SECURE_SSL_REDIRECT in json.load(sys.stdin):
    scope["headers"] = [[a.encode(), b.encode()] for a, b in scope["headers"].items()]
    answers.append(is_same_origin(scope))
print(json.dumps(answers))
"""


@pytest.mark.parametrize("number", STAGES)
def test_page_of_ours_is_let_in_by_its_own_scheme_whatever_tells_it(number):
    questions, expected = [], []
    for scheme, headers, redirects, ours in CASES.values():
        for origin in (HTTP, HTTPS, "https://evil.example"):
            named = {"type": "websocket"} | ({"scheme": scheme} if scheme else {})
            named["headers"] = {"host": "localhost", "origin": origin, **headers}
            questions.append((named, redirects))
            expected.append(origin == ours)
    answers = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=find_stage(number).folder,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "websockets_channels.settings"},
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(answers.stdout) == expected, f"in turn, three origins each: {[*CASES]}"


async def test_server_that_names_the_scheme_needs_no_setting_over_tls_and_daphne_does(running):
    chat = running(STAGES[-1])
    async with (
        served_over_tls(chat, chat.folder, "uvicorn") as named,
        served_over_tls(chat, chat.folder, "daphne") as nameless,
        logged_in(named) as alice,
        socket_of(named, "lobby", alice) as socket,
    ):
        assert socket.response.status_code == 101, "its scope says wss"
        with pytest.raises(websockets.InvalidStatus, match="403"):
            async with socket_of(nameless, "lobby", alice):
                pass


NAMED = 'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")'


async def test_form_of_a_page_behind_a_proxy_also_needs_the_setting_that_names_its_header(running):
    path, line = "websockets_channels/settings.py", "SECURE_SSL_REDIRECT = False"
    async with changed(STAGES[0], path, line, f"{NAMED}\n{line}") as named:
        answers = [await answer_to_a_form(chat) for chat in (running(STAGES[0]), named)]
    assert answers == [403, 200], "200: the form once more, since nobody has this password"


async def answer_to_a_form(chat):
    """The status that a login gets from a page that a proxy with TLS has passed on."""
    async with Visitor(chat, "nobody", fresh=True) as nobody:
        nobody.http.headers.update(FORWARDED | {"Origin": chat.url.replace("http:", "https:")})
        return (await nobody.submit("/accounts/login/", password="none")).status_code
