"""chat_final: what nobody has thought of, on a socket, in an address, a header or a form.

Hypothesis makes it up, a bounded number of cases for each property and twenty times as many with
`--faults`. No case ends in 1011, in a status of 500 or in a traceback; after each test the
instances still answer, and hold no more than before. A failure shows the shortest case that does
harm. In which words things are refused is in test_input.py.
"""

import asyncio
import contextlib
import http.client
import itertools
import json
import os
import re
import socket
import struct
import time
import zlib

import httpx
import psutil
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from chatflow.basics.addresses import HOST, NO_TLS
from chatflow.probing.people import new_room
from final.helpers import FINAL, PATIENCE, UNDER, make_room, session_of

# Put on a property: it is tried with so many cases.
cases = settings.get_profile("cases")
# It takes a while to find the shortest case, which is not to be cut off.
pytestmark = pytest.mark.timeout(900)

METRICS_TOKEN = "a token of our own"
# By how much an instance may grow in a test, however many cases that has. Requests of 64 KiB and
# more, some hundred or some thousand of them, leave the allocator with 20 MB that it keeps; each of
# the eight threads that ask the database opens SQLite's three files. What is kept for each case
# goes beyond that in the end, if not in sixty cases then with `--faults`.
MAY_GROW = {"memory": 32 * 2**20, "files": 8 * 3}

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
# All that a socket may be told: {type: its keys}. A page of history also says what was asked for.
EVENTS = {
    "message": {"id", "seq", "author", "author_id", "client_id", "text", "sent_at"},
    "deleted": {"id", "seq"},
    "caught_up": {"seq"},
    "head": {"seq"},
    "history": {"limit", "messages"},
    "presence": {"users", "count"},
    "typing": {"author"},
    "error": {"code", "detail"},
}
# Django takes it for the secret in its cookie, and as well for the token that belongs to it.
CSRF_TOKEN = b"x" * 32
A_FORM, MULTIPART = b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x"


# --- the service, and what it is left with --------------------------------------------------------


@pytest.fixture(scope="module", params=UNDER)
def chat(request, started_once):
    with started_once(settings={"METRICS_TOKEN": METRICS_TOKEN}, **UNDER[request.param]) as get:
        chat = get(FINAL)
        chat.sessions = [asyncio.run(session_of(chat, name)).encode() for name in ("eve", "bob")]
        make_room(chat, "private", private=True)
        yield chat


@pytest.fixture(scope="module")
def logs(chat):
    """What the instances log, from now on: what comes late is seen by the next test."""
    with contextlib.ExitStack() as stack:
        logs = [stack.enter_context(each.program.log.open("rb")) for each in chat.instances]
        for log in logs:
            log.seek(0, os.SEEK_END)
        yield logs


class Watch:
    """What the instances log and hold from now on."""

    def __init__(self, chat, logs):
        self.instances, self.logs = chat.instances, logs
        self.held = [held_by(instance) for instance in self.instances]

    def sees_no_traceback(self):
        said = b"".join(log.read() for log in self.logs).decode(errors="replace")
        found = [line for line in said.splitlines() if "Traceback" in line]
        assert not found, "no error of ours:\n" + found[0].replace(r"\n", "\n")

    def sees_nothing_kept(self):
        """Return when each instance answers, and holds about what it held before."""
        for instance, before in zip(self.instances, self.held, strict=True):
            assert instance.program.poll() is None, f"{instance.title} has ended"
            assert ask(instance, "/healthz").json() == {"alive": True}
            give_up_at = time.monotonic() + PATIENCE
            while grown := names_of_grown(before, now := held_by(instance)):
                assert time.monotonic() < give_up_at, f"{grown}: it held {before}, and now {now}"
                time.sleep(0.05)  # a look


def held_by(instance):
    process = psutil.Process(instance.program.pid)
    at_port = [one for one in process.net_connections("tcp") if one.laddr.port == instance.port]
    metrics = ask(instance, "/metrics").text
    return {
        "memory": process.memory_info().rss,
        "files": process.num_fds(),
        "connections": sum(one.status != psutil.CONN_LISTEN for one in at_port),
        "sockets": float(re.search(r"^chat_sockets (.+)$", metrics, re.MULTILINE)[1]),
    }


def ask(instance, path):
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    return httpx.get(f"{instance.url}{path}", headers=headers, timeout=PATIENCE, verify=NO_TLS)


def names_of_grown(before, now):
    """What there is too much of, now that all clients have gone."""
    most = {name: before[name] + more for name, more in MAY_GROW.items()}
    most |= {"connections": 0, "sockets": 0}
    return [name for name, number in most.items() if now[name] > number]


@pytest.fixture(autouse=True)
def watch(chat, logs):
    watch = Watch(chat, logs)
    yield watch
    watch.sees_nothing_kept()
    watch.sees_no_traceback()


# --- clients that tidy nothing --------------------------------------------------------------------


class Raw(contextlib.AbstractContextManager):
    """A connection on which bytes go out as they are, and only what is valid may come back."""

    def __init__(self, instance, method="GET"):
        self.instance = instance
        self.socket = socket.create_connection((HOST, instance.port), timeout=PATIENCE)
        self.response = http.client.HTTPResponse(self.socket, method=method)
        self.file = self.response.fp
        self.inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self.code, self.has_sent_all = None, False

    def __exit__(self, *error):
        self.file.close()
        self.socket.close()

    def send(self, data):
        # A server that refuses us need not take it all.
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def send_no_more(self):
        self.has_sent_all = True
        with contextlib.suppress(OSError):  # the server has closed it already
            self.socket.shutdown(socket.SHUT_WR)

    def read(self, size):
        try:
            return self.file.read(size)
        except ConnectionError:
            return b""  # dropped, which is an end too

    def status(self):
        """The status of the answer to a request; None if the connection was ended instead."""
        with contextlib.suppress(ConnectionError, http.client.IncompleteRead):
            self.response.begin()
            if self.response.status != 101:
                self.response.read()
        return self.response.status if self.response.headers else None

    def next_event(self):
        """The next event, or None at the end; `code` is that with which the server closes it."""
        while head := self.read(2):
            size = head[1]
            if size > 125:
                size = int.from_bytes(self.read(2 if size == 126 else 8), "big")
            payload = self.read(size)
            opcode, is_compressed = head[0] & 0x0F, head[0] & 0x40
            if opcode == TEXT:
                return self.event_of(payload, is_compressed)
            if opcode == PING:
                self.send(frame(PONG, payload))
            elif opcode == CLOSE:
                self.code = int.from_bytes(payload[:2], "big")
                assert self.code != 1011, "the server has closed a socket with 1011"
                self.send(frame(CLOSE, payload))
        return None

    def event_of(self, payload, is_compressed):
        if is_compressed:
            payload = self.inflate.decompress(payload + b"\0\0\xff\xff")
        event = json.loads(payload)
        assert set(event) - {"type", "after", "before"} == EVENTS.get(event["type"]), event
        return event


class Member(Raw):
    """Somebody in a room, to whom each seq comes once, in order, without a gap."""

    def __init__(self, instance, room_name, session, *, writes):
        super().__init__(instance)
        self.writes, self.seq = writes, 0
        self.questions = itertools.count(10**17)
        self.send(request(socket_of(room_name), handshake_headers(instance, session)))
        assert self.status() == 101
        self.seq = self.until(lambda event: event["type"] == "caught_up")["seq"]

    def next(self):
        event = self.next_event()
        assert event, f"the server has ended a socket that is to stay, with {self.code}"
        if event["type"] in ("message", "deleted"):
            # Anyone who has sent it again, or deleted it again, is answered with it again.
            is_old = self.writes and event["seq"] <= self.seq
            assert is_old or event["seq"] == self.seq + 1, f"after {self.seq} comes {event}"
            self.seq = max(self.seq, event["seq"])
        return event

    def until(self, wanted):
        while not wanted(event := self.next()):
            pass
        return event

    def is_answered(self):
        """Ask a good question, and return when it is answered."""
        before = next(self.questions)
        question = {"type": "history", "before": before, "limit": 1}
        self.send(frame(TEXT, json.dumps(question).encode()))
        self.until(lambda event: event.get("before") == before)

    def gets_all_of(self, other):
        while self.seq < other.seq:
            self.next()


class Room:
    """Eve, who does what is made up, and Bob with the other instance, who must not notice."""

    def __init__(self, chat, watch):
        self.chat, self.watch, self.name = chat, watch, new_room()
        self.members, self.stack = [], contextlib.ExitStack()

    @contextlib.contextmanager
    def case(self):
        """Both of them, as the last case has left them; or new ones if it has failed."""
        try:
            if not self.members:
                self.members = [self.enter(0, writes=True), self.enter(1, writes=False)]
            yield self.members
            self.watch.sees_no_traceback()
        except BaseException:
            # What they have not read yet is no business of the next case.
            self.close()
            raise

    def enter(self, number, *, writes):
        instance, session = self.chat.instances[number], self.chat.sessions[number]
        return self.stack.enter_context(Member(instance, self.name, session, writes=writes))

    def close(self):
        self.stack.close()
        self.members = []


@pytest.fixture
def room(chat, watch):
    with contextlib.closing(Room(chat, watch)) as room:
        yield room


def frame(opcode, payload=b"", bits=0b1000, length=None, mask=b"\0\0\0\0"):
    """A client's frame; `bits` are FIN and the reserved ones. `length` and `mask` may be wrong."""
    length = length or length_of(len(payload))
    first = bytes([bits << 4 | opcode, length[0] | (0x80 if mask else 0)])
    return first + length[1:] + mask + payload


def length_of(size):
    """As a frame says it: in seven bits, or in the two or eight bytes that follow them."""
    if size < 126:
        return bytes([size])
    return b"\x7e" + struct.pack(">H", size) if size < 2**16 else b"\x7f" + struct.pack(">Q", size)


def request(target, headers, body=b"", method=b"GET"):
    lines = [b"%b %b HTTP/1.1" % (method, target), *(b"%b: %b" % pair for pair in headers)]
    return b"\r\n".join([*lines, b"", body])


def socket_of(room_name):
    return f"/ws/chat/{room_name}/".encode()


def page_headers(instance, session):
    return [
        (b"Host", f"{HOST}:{instance.port}".encode()),
        (b"User-Agent", b"Mozilla/5.0"),
        (b"Cookie", b"sessionid=%b; csrftoken=%b" % (session, CSRF_TOKEN)),
    ]


def form_headers(instance, session, body, kind=A_FORM):
    return [
        *page_headers(instance, session),
        (b"Origin", instance.url.encode()),
        (b"X-CSRFToken", CSRF_TOKEN),
        (b"Content-Type", kind),
        (b"Content-Length", b"%d" % len(body)),
    ]


def handshake_headers(instance, session):
    return [
        *page_headers(instance, session),
        (b"Origin", instance.url.encode()),
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"Sec-WebSocket-Version", b"13"),
    ]


def may_wait(data, headers, body):
    """Whether a server may wait for more, and say nothing until then."""
    lengths = [value for name, value in headers if name.strip().lower() == b"content-length"]
    is_chunked = any(name.strip().lower() == b"transfer-encoding" for name, _ in headers)
    return is_chunked or any(length != b"%d" % len(body) for length in lengths) or is_ignored(data)


def is_ignored(data):
    """A handshake with long lines or control characters: Uvicorn waits, and no more can come."""
    is_odd = re.search(rb"[^\n]{8000}|[^\t\r\n -~\x80-\xff]|\r(?!\n)|(?<!\r)\n", data)
    return is_odd and b"websocket" in data.lower()


def assert_is_answered(watch, instance, target, headers, body=b"", method=b"GET"):
    """A request is answered, and with no error of ours, or its connection is closed.

    A handshake ends in a refusal, in the room, or in a code of ours that says why not.
    """
    data = request(target, headers, body, method)
    note(f"{method} {target[:200]} with {headers} and {body[:200]}")
    with Raw(instance, method.decode("latin-1")) as raw:
        raw.send(data)
        if may_wait(data, headers, body):
            raw.send_no_more()
        status = raw.status()
        assert status is None or status < 500, f"the answer is {status}"
        if status == 101:
            while (event := raw.next_event()) and event["type"] != "caught_up":
                pass
            is_told = event or 4000 <= (raw.code or 0) < 5000
            assert is_told or raw.has_sent_all, f"{raw.code} does not say why it was closed"
    watch.sees_no_traceback()


# --- what is made up ------------------------------------------------------------------------------


@st.composite
def changed(draw, bases, pieces):
    """Something good, of which a part or two are left out, cut off or replaced."""
    good = draw(bases)
    for _ in range(draw(st.integers(0, 2))):
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(good))] * 2)))
        good = good[:first] + draw(pieces) + good[last:]
    return good


# With halves of surrogate pairs, which JSON can write.
strings = st.text(st.characters(exclude_categories=()), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | strings,
    lambda value: st.lists(value, max_size=4) | st.dictionaries(strings, value, max_size=4),
    max_leaves=6,
).map(json.dumps) | st.one_of(
    # More digits than Python converts, no float, deeper than it recurses.
    st.integers(1, 5_000).map(lambda count: "9" * count),
    st.sampled_from(["1e400", "-1e-400", "1.0", "-0", "1" + "0" * 18, '"\\ud800"']),
    st.integers(1, 5_000).map(lambda depth: "[" * depth + "]" * depth),
)
numbers = st.integers(0, 99).map(str)
GOOD = {
    "post": {"text": st.just('"hi"'), "client_id": st.uuids().map(lambda one: f'"{one}"')},
    "delete": {"id": numbers},
    "typing": {},
    "history": {"after": numbers, "limit": st.integers(1, 50).map(str)},
}
FIELDS = st.sampled_from(["type", "text", "client_id", "id", "after", "before", "limit"])


@st.composite
def odd_objects(draw):
    """A frame of one of the four types, with fields left out, given twice, or of any value."""
    kind = draw(st.sampled_from(list(GOOD)))
    fields = [("type", f'"{kind}"'), *((key, draw(value)) for key, value in GOOD[kind].items())]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(fields) - 1))
        how = draw(st.sampled_from(["other value", "other name", "one more", "left out"]))
        if how == "other value":
            fields[place] = (fields[place][0], draw(values))
        elif how == "other name":
            fields[place] = (draw(FIELDS | strings), fields[place][1])
        elif how == "one more":
            fields.insert(place, (draw(FIELDS | strings), draw(values)))
        elif len(fields) > 1:
            del fields[place]
    return f"{{{', '.join(f'{json.dumps(key)}: {value}' for key, value in fields)}}}"


FRAMES = {
    "any text": st.text(),
    "any bytes": st.binary(),
    "any JSON": values,
    "other fields": odd_objects(),
    "other characters": changed(odd_objects(), st.text(max_size=5) | st.sampled_from('{}[]",:\\')),
}

E_ACUTE = "é".encode()
closings = st.builds(
    lambda code, words: struct.pack(">H", code) + words,
    st.sampled_from([0, 999, 1000, 1004, 1005, 1006, 1011, 1015, 2999, 4999, 65535]),
    st.binary(max_size=130),
)
payloads = (
    closings
    | st.binary(max_size=130)
    | st.sampled_from(
        [b'{"type": "post", "text": "hi"}', b'{"type": "typing"}', E_ACUTE, E_ACUTE[:1]]
    )
)
lengths = st.sampled_from([0, 1, 125, 126, 2**16, 2**17, 2**63]).map(length_of) | st.binary(
    min_size=2, max_size=2
).map(lambda two: b"\x7e" + two)
odd_frames = st.builds(
    frame,
    st.sampled_from([0, TEXT, BINARY, CLOSE, PING, PONG]) | st.integers(0, 15),
    payloads,
    st.just(0b1000) | st.integers(0, 15),
    st.none() | lengths,
    st.just(b"\0\0\0\0") | st.binary(max_size=4),
)
wires = st.one_of(
    changed(st.lists(odd_frames, min_size=1, max_size=4).map(b"".join), st.binary(max_size=5)),
    # Text that is none, in a frame that is one.
    payloads.map(lambda payload: frame(TEXT, payload)),
)

# What means something to those who parse addresses, headers or forms.
ODD_WORDS = [
    *(b"", b" ", b"\0", b"\r", b"\n", b"\t", b"\x85", b"\xff", b"'", b'"', b";", b"=", b",", b"&"),
    *(b"%", b"%00", b"%0A", b"%FF", b"%ED%A0%80", b"..", b"//", b"http://[", b":99999", b"#"),
    *(b"-1", b"1e9", b"9" * 30, b"https", b"chunked", b"100-continue", b"bytes=9-1", b"\\303"),
    *(b"; charset=base64", b"; charset=utf-16", b"; a*=no''x", b"; boundary=", b"*", b"_", b"("),
    *(b"websocket", b"permessage-deflate", b"permessage-deflate; server_max_window_bits=9"),
]
words = st.sampled_from(ODD_WORDS) | st.binary(max_size=6)
# Some are longer than any server takes.
repeats = st.sampled_from([1, 1, 1, 1, 300, 1_100])
long_words = st.builds(lambda word, times: word * times, words, repeats | st.just(20_000))

quoted = st.binary(max_size=20).map(lambda raw: b"".join(b"%%%02X" % byte for byte in raw))
pairs = st.tuples(
    st.sampled_from([b"after", b"as", b"room_name", b"next", b""]) | quoted,
    st.sampled_from([b"", b"0", b"1", b"eve", b"lobby", b"/"]) | quoted | long_words,
)
queries = st.lists(pairs.map(b"=".join), max_size=4).map(b"&".join) | long_words

PAGES = [b"/", b"/chat/fuzz/", b"/accounts/login/", b"/healthz"]
SOCKETS = [b"/ws/chat/fuzz/", b"/ws/chat/private/"]
PATHS = (
    PAGES
    + b"""
    /chat/fuzz/invite/ /chat/fuzz/leave/ /accounts/signup/ /admin/login/ /accounts/password_change/
    /readyz /metrics /static/chat/chat.js /ws/chat/fuzz/ * http://127.0.0.1/ /chat/caf%C3%A9/
    /chat/private/ /admin/chat/room/ /chat/private/invite/ /ws/chat/private/
""".split()
)
METHODS = st.sampled_from(b"HEAD POST OPTIONS PUT TRACE get \xc3\xa9 _".split())

FIELD = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nhi\r\n'
FILE = (
    b'--x\r\nContent-Disposition: form-data; name="text"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n"
)
END = b"--x--\r\n"
# {content type: bodies of that kind}
BODIES = {
    A_FORM: [b"text=hi&client_id=7&author=eve", b"room_name=fuzz&user=bob&next=/&username=eve"],
    MULTIPART: [FIELD + END, FIELD + FILE + END],
}
FORMS = b"""
    /chat/fuzz/ / /chat/fuzz/invite/ /accounts/login/ /accounts/signup/ /accounts/password_change/
""".split()


@st.composite
def forms(draw):
    """A content type, and a body that is mostly of its kind; sometimes of a thousand parts."""
    kind = draw(st.sampled_from(list(BODIES)))
    body = draw(changed(st.sampled_from(BODIES[kind]), words))
    return draw(st.just(kind) | changed(st.just(kind), words)), body, draw(repeats)


# Not Daphne-Root-Path: Daphne believes it, and a proxy has to strip it, as the README says.
NAMES = b"""
    Host Cookie Origin User-Agent X-Forwarded-Proto X-Forwarded-For Content-Type Content-Length
    Transfer-Encoding Expect Content-Encoding Connection Upgrade Sec-WebSocket-Key
    Sec-WebSocket-Version Referer Sec-WebSocket-Protocol Sec-WebSocket-Extensions
    Sec-WebSocket-Accept Range If-Modified-Since If-None-Match Accept-Encoding Accept-Language
    Authorization X-CSRFToken X-HTTP-Method-Override
""".split()
# [(how, which, where in it, another name, another value)]
edits = st.lists(
    st.tuples(
        st.sampled_from(["add", "change", "leave out"]),
        st.integers(0, 9),
        st.integers(0, 40),
        st.sampled_from(NAMES) | st.binary(max_size=9),
        long_words,
    ),
    min_size=1,
    max_size=4,
)


def edited(headers, edits):
    headers = list(headers)
    for how, which, where, name, value in edits:
        which %= len(headers) + 1
        found = headers[which : which + 1]  # nothing at the end
        headers[which : which + 1] = {
            "add": [(name, value), *found],
            "change": [(same, old[:where] + value) for same, old in found],
            "leave out": [],
        }[how]
    return headers


# --- properties -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FRAMES)
@cases
@given(data=st.data())
def test_socket_goes_on_after_any_frame_and_others_get_events_without_a_gap(room, kind, data):
    made_up = data.draw(FRAMES[kind])
    with room.case() as (eve, bob):
        is_text = isinstance(made_up, str)
        eve.send(frame(TEXT, made_up.encode()) if is_text else frame(BINARY, made_up))
        eve.is_answered()
        bob.gets_all_of(eve)
        bob.is_answered()


@cases
@given(made_up=wires, is_in_room=st.booleans())
def test_bytes_that_are_no_frames_end_no_socket_but_their_own(chat, room, made_up, is_in_room):
    with room.case() as (eve, bob), Raw(eve.instance) as raw:
        raw.send(request(socket_of(room.name), handshake_headers(eve.instance, chat.sessions[0])))
        assert raw.status() == 101
        while is_in_room and raw.next_event()["type"] != "caught_up":
            pass
        raw.send(made_up)
        # Meanwhile the server has seen it, and can say what is wrong with it.
        eve.is_answered()
        raw.send_no_more()
        while raw.next_event():
            pass
        bob.gets_all_of(eve)


@pytest.mark.parametrize("what", ["pages", "sockets"])
@cases
@given(data=st.data(), query=queries)
def test_any_query_is_answered(chat, watch, what, data, query):
    who = chat.instances[0], chat.sessions[0]
    headers, places = {
        "pages": (page_headers(*who), PAGES),
        "sockets": (handshake_headers(*who), SOCKETS),
    }[what]
    path = data.draw(st.sampled_from(places))
    assert_is_answered(watch, chat.instances[0], path + b"?" + query, headers)


@pytest.mark.parametrize("what", ["a page", "a form", "a socket"])
@cases
@given(edits=edits)
def test_any_headers_are_answered(chat, watch, what, edits):
    who = chat.instances[0], chat.sessions[0]
    path, method, headers, body = {
        "a page": (b"/chat/fuzz/", b"GET", page_headers(*who), b""),
        "a form": (b"/chat/fuzz/", b"POST", form_headers(*who, b"text=hi"), b"text=hi"),
        "a socket": (b"/ws/chat/fuzz/", b"GET", handshake_headers(*who), b""),
    }[what]
    made_up = edited(headers, edits)
    # Of any other Daphne makes a 500 by itself, before it has asked us anything.
    assume(all(value.isascii() for name, value in made_up if name == b"Sec-WebSocket-Protocol"))
    assert_is_answered(watch, chat.instances[0], path, made_up, body, method)


@cases
@given(path=changed(st.sampled_from(PATHS), words | quoted), method=st.just(b"GET") | METHODS)
def test_any_path_is_answered(chat, watch, path, method):
    headers = page_headers(chat.instances[0], chat.sessions[0])
    assert_is_answered(watch, chat.instances[0], path, headers, method=method)


@cases
@given(path=st.just(FORMS[0]) | st.sampled_from(FORMS), form=forms())
def test_any_form_with_the_right_token_is_answered(chat, watch, path, form):
    kind, body, times = form
    # Anyone who signs up or logs in is a stranger still; else that would log Eve out.
    is_for_strangers = path in (b"/accounts/login/", b"/accounts/signup/")
    session = b"" if is_for_strangers else chat.sessions[0]
    headers = form_headers(chat.instances[0], session, body * times, kind)
    assert_is_answered(watch, chat.instances[0], path, headers, body * times, b"POST")
