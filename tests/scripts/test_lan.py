"""run_step.sh --lan: a stage on this machine's own network, for a phone that is in it.

Nothing leaves this machine: a packet to one of its own addresses does not.
"""

import re
import socket

import httpx
import pytest
import segno
from playwright.async_api import expect

from chatflow import Visitor, find_stage
from chatflow.basics.addresses import HOST
from chatflow.basics.errors import UsageError
from chatflow.commands import demo, lan
from helpers import scripts
from helpers.browser import OFFLINE, READY, UNREACHABLE

PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
FINAL = find_stage("final")
# One browser for both.
in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def address():
    """This machine's address in its network."""
    try:
        return lan.own_address(FINAL)
    except UsageError as error:
        pytest.skip(str(error))


# --- what cannot be -----------------------------------------------------------------------------

ABLE = "--lan is for 9 and final."
NOT_FOR_LAN = {
    "1": ("anyone in your network could write in it under any name", ABLE),
    "8": ("a phone that loses the network for a moment would miss messages", ABLE),
}
NOT_AN_ADDRESS = {
    "8.8.8.8": "it belongs to the public Internet",
    "127.0.0.1": "only this machine reaches it",
    "0.0.0.0": "it stands for all networks at once",
    "198.51.100.7": "it is not an address of this machine",
    "wifi": "give an IPv4 address of this machine",
}


@pytest.mark.parametrize("number", NOT_FOR_LAN)
def test_stage_that_is_not_for_a_network_says_why_and_which_are(number):
    with pytest.raises(UsageError) as refused:
        lan.own_address(find_stage(number))
    assert all(words in str(refused.value) for words in NOT_FOR_LAN[number])


@pytest.mark.parametrize("address", NOT_AN_ADDRESS)
def test_address_that_is_of_no_use_is_refused_in_words(address):
    with pytest.raises(UsageError, match=f"cannot use {address}: {NOT_AN_ADDRESS[address]}"):
        lan.own_address(FINAL, address)


def test_machine_in_no_network_is_told_to_join_one(monkeypatch):
    # To all at once: the system refuses that to us as it does where no way leads out.
    monkeypatch.setattr(lan, "ELSEWHERE", "255.255.255.255")
    with pytest.raises(UsageError, match=r"found no network: connect this machine .* 192\.168"):
        lan.own_address(FINAL)


# --- what is ------------------------------------------------------------------------------------


def assert_only_that_network_gets_in(url, address):
    port = httpx.URL(url).port
    socket.create_connection((address, port)).close()
    assert not is_ours(HOST, url), "it listens at the network's address only"
    assert is_ours(address, url)
    assert httpx.get(url, trust_env=False).status_code == 200
    stranger = {"Host": f"chat.example:{port}"}
    assert httpx.get(url, headers=stranger, trust_env=False).status_code == 400


def is_ours(host, url):
    """Whether this run answers there: another test's server may have the same port at loopback."""
    port, named = httpx.URL(url).port, {"Host": httpx.URL(url).netloc.decode()}
    try:
        answer = httpx.get(f"http://{host}:{port}/", headers=named, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code < 400  # with our name; to all others it says 400


def drawn(said):
    """The QR code that it has printed: rows of modules, which are dark or not."""
    rows = []
    for line in re.findall(r"^[█▀][█▀▄ ]{20,}$", said, re.MULTILINE):
        rows += [[half in " ▄" for half in line], [half in " ▀" for half in line]]
    return rows


def assert_it_shows_the_way_in(said, url):
    code = [list(map(bool, row)) for row in segno.make(url, micro=False).matrix_iter(border=2)]
    assert drawn(said)[: len(code)] == code
    for words in (
        f"scan this or open {url}\n",
        "plain HTTP",
        "read along",
        "café",
        "this run only)",
    ):
        assert words in said
    assert demo.PASSWORD not in said, "anyone can read that password in the repository"


async def log_in(person, url, password):
    await person.page.goto(f"{url}accounts/login/?next=/chat/lobby/")
    await person.fill_in(username=person.name, password=password)
    await expect(person.status).to_have_text(READY)


async def tap_send(person, text):
    """On a phone, Enter begins a new line."""
    await person.text_field.fill(text)
    await person.page.get_by_role("button", name="Send").tap()


async def assert_resumes_after_flight_mode(alice, bob):
    """Bob has the phone."""
    assert not await bob.page.evaluate("isSecureContext"), "plain HTTP, elsewhere"
    await tap_send(bob, "from the garden")
    await alice.sees(("bob", "from the garden"))
    await bob.page.context.set_offline(True)
    await expect(bob.status).to_have_text(OFFLINE)
    await tap_send(bob, "from the plane")
    await bob.keeps_waiting("from the plane")
    await alice.say("are you there?")
    said = [("bob", "from the garden"), ("alice", "are you there?")]
    await alice.sees(*said)
    await bob.page.context.set_offline(False)
    for person in (alice, bob):
        await person.sees(*said, ("bob", "from the plane"))
        assert len(person.loads) <= 2, "the form to log in, and the room: nobody reloads"
    # What the browser itself says of a network that is away.
    bob.forgive(UNREACHABLE)
    for person in (alice, bob):
        await person.page.context.close()


@in_one_loop
async def test_chat_final_shows_a_phone_the_way_in_and_it_resumes(address, tmp_path, arrive):
    repository = scripts.copy_repository(tmp_path / "copy")
    with scripts.step(repository, "final", "--lan") as running:
        url = f"{running.url}/"
        assert url.startswith(f"http://{address}:")
        assert_it_shows_the_way_in(running.said, url)
        assert_only_that_network_gets_in(url, address)
        alice, bob = await arrive("alice"), await arrive("bob", **PHONE)
        password = re.search(r"\(password: (\d{8})\)", running.said)[1]
        async with Visitor(running, "carol") as carol:
            refused = await carol.submit("/accounts/login/", password=demo.PASSWORD)
        assert refused.status_code == 200, "published, for a moderator"
        for person in (alice, bob):
            await log_in(person, url, password)
        await assert_resumes_after_flight_mode(alice, bob)


@in_one_loop
async def test_stage_09_is_open_to_its_network_and_a_phone_resumes(address, start, arrive):
    async with start(9, instances=2, lan=address) as chat:
        assert_only_that_network_gets_in(chat.url, address)
        alice, bob = await arrive("alice"), await arrive("bob", **PHONE)
        await alice.enter(chat.instances[0], "lobby")
        await bob.enter(chat.instances[1], "lobby")
        await assert_resumes_after_flight_mode(alice, bob)
