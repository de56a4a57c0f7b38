"""A hop, opened: what went there, when, by which line of the stage; and never a secret."""

import json

import pytest

from chatflow import Visitor, find_stage, post, reading
from chatflow.clients.sockets import connect, next_event
from chatflow.clients.visitor import PASSWORD, cookie_name
from chatflow.tracing.hops import Hop
from chatflow.tracing.inside.flowtrace.passed import Statement, told, told_command, told_sql
from final.helpers import at
from helpers.talking import say_outside, write

FINAL = find_stage("final").number
CODE = "the stage's code"


def opened(hop):
    """The rows of an opened hop, by their names."""
    return dict(hop.show().rows)


def first(flow, label):
    """The first hop of a flow whose label begins so, opened."""
    return opened(next(hop for hop in flow.hops if hop.label.startswith(label)))


def assert_lines_are_there(flow, chat):
    """Each line is in the stage's folder, word for word; what is inside its code has one."""
    for hop in flow.handshake + flow.hops:
        if line := hop.passed["line"]:
            path, number = line["at"].split(":")
            text = (chat.folder / path).read_text().splitlines()[int(number) - 1].strip()
            assert line["text"] == text, f"{hop} was not done by {line}"
        assert line or not hop.source.startswith(("view", "consumer", "hub", "command")), hop


@pytest.mark.parametrize("number", [1, 3, 7, FINAL])
async def test_posted_form_is_opened_from_the_request_to_the_response(traced, number):
    chat = traced(number)
    await post(chat, "opened", "alice", "by form")
    flow = await chat.flow("by form", reaches=[])
    assert_lines_are_there(flow, chat)
    kind, status = ("WSGI environ", "302 Found") if number == 1 else ("ASGI scope", "302")
    asked, form, answered = opened(flow.hops[0]), first(flow, "room("), opened(flow.hops[-1])
    assert "POST" in asked[kind]
    assert "text: by form" in form["form"]
    assert form[CODE].startswith("chat/views.py:")
    assert "\ndef room(request" in form[CODE]
    what = "WSGI response" if number == 1 else "ASGI event"
    assert f"status: {status}\n" in answered[what]
    stored = first(flow, "INSERT message")
    assert stored["SQL"].startswith('INSERT INTO "chat_message"')
    assert '"by form"' in stored["parameters"]
    assert opened(flow.hops[0])["time"] == "the first hop"
    assert answered["time"].endswith(" ms after the first hop")


async def test_frame_is_opened_at_each_station_up_to_the_worker_and_back(traced):
    chat = traced(7)
    here, there = chat.instances
    async with connect(here, "opened", "alice") as alice, connect(there, "opened", "bob") as bob:
        await alice.send(
            sent := json.dumps({"type": "post", "author": "alice", "text": "/roll 1d6"})
        )
        heard, answer = await bob.recv(), await bob.recv()
        assert json.loads(answer)["author"] == "the bot"
        flow = await chat.flow("/roll 1d6", reaches=["alice", "bob"])
    assert_lines_are_there(flow, chat)
    came = opened(flow.hops[0])
    assert came["frame"] == sent
    assert came["ASGI event"].splitlines()[0] == "type: websocket.receive"
    assert came[CODE].startswith("none of the stage's own")
    assert "message = await Message.objects.acreate(" in first(flow, "INSERT")[CODE]
    by = "group_send chat_opened", "chat.message →", "websocket.send", "send bot", "bot.command →"
    sends, hears, writes, gives, takes = (first(flow, label) for label in by)
    assert '"text": "/roll 1d6"' in sends["the layer carries"]
    assert sends[CODE].startswith("chat/groups.py:")
    assert hears["the layer carried"] == sends["the layer carries"]
    assert (gives["channel"], takes["the layer carried"]) == ("bot", gives["the layer carries"])
    assert takes[CODE].startswith("chat/workers.py:")
    assert "await self.send_json(" in writes[CODE]
    arrived = [opened(hop) for hop in flow.hops if hop.target == "client/bob"]
    assert [each["frame"] for each in arrived] == [heard, answer]
    script = first(flow, "EVAL")
    assert "redis.call('ZADD'" in script["Redis command"]
    assert script[CODE] == sends[CODE], "the line that has called the layer"
    joined = next(hop for hop in flow.handshake if hop.label.startswith("group_add"))
    assert opened(joined)["group"] == "chat_opened"
    assert opened(joined)["time"].endswith(" ms before the first hop of the message")


@pytest.mark.parametrize(("number", "what"), [(2, "WSGI response"), (3, "ASGI event")])
async def test_what_a_waiting_reader_gets_is_opened_too(traced, number, what):
    chat = traced(number)
    async with reading(chat, "opened", "bob") as bob:
        await post(chat, "opened", "alice", "wake up")
        assert await bob.next()
        flow = await chat.flow("wake up", reaches=["bob"])
    assert_lines_are_there(flow, chat)
    read = first(flow, "SELECT message")
    assert read["SQL"].startswith("SELECT ")
    assert "in wait_for_messages" in read[CODE]
    got = opened(next(hop for hop in flow.hops if hop.target == "client/bob"))
    assert "wake up" in got[what]


async def test_hub_and_command_are_opened_too(traced):
    chat = traced(FINAL)
    here, there = chat.instances
    async with at(here, "opened", "alice"), at(there, "opened", "bob"):
        await say_outside(chat, "opened", "from outside")
        flow = await chat.flow("from outside", reaches=["alice", "bob"])
    assert_lines_are_there(flow, chat)
    assert "in Message.save" in first(flow, "INSERT")[CODE]
    assert first(flow, "announce")[CODE].startswith("chat/")
    assert "from outside" in first(flow, "group_send")["the layer carries"]


# --- secrets ------------------------------------------------------------------------------------


async def test_no_secret_is_recorded_so_none_can_be_opened(traced):
    chat = traced(FINAL)
    async with Visitor(chat, "sally", fresh=True) as sally:
        await sally.log_in()
        await sally.open("secrets")
        csrf = (
            sally.token,
            sally.http.cookies.get("csrftoken")
            or sally.http.cookies.get(cookie_name(chat).replace("session", "csrf")),
        )
        await sally.post("secrets", "sally", "by form")
        await sally.submit("/accounts/password_change/", old_password=PASSWORD, new_password1="x")
        hidden = {"Authorization": "Bearer 4711secret4711-a", "X-Whatever": "4711secret4711-b"}
        await sally.http.get("/?token=4711secret4711-c&room_name=", headers=hidden)
        async with connect(chat, "secrets", "sally", session=sally.session) as socket:
            await socket.send(
                '{"type": "post", "accessToken": "4711secret4711-d", "text": "by frame"}'
            )
            await next_event(socket)
            await write(socket, "by frame")
            flow = await chat.flow("by frame", reaches=["sally"])
    recorded = "".join(path.read_text() for path in chat.tracing.folder.iterdir())
    for secret in (PASSWORD, sally.session, *csrf, "4711secret4711"):
        assert secret, "it was not even sent"
        assert secret not in recorded, f"{secret} was recorded"
    shown = [opened(Hop(**json.loads(line))) for line in recorded.splitlines() if '"trace"' in line]
    parts = "\n".join(text for rows in shown for text in rows.values())
    for name in ("cookie: ", "csrfmiddlewaretoken: ", "password1: ", "old_password: ", "token="):
        assert f"{name}(hidden)" in parts, f"{name} was not even sent"
    assert "by form" in parts
    assert "by frame" in first(flow, "post")["frame"]


def test_parameters_of_statements_about_people_are_not_told():
    for table, shown in (("auth_user", False), ("django_session", False), ("chat_room", True)):
        sql = f"SELECT 1 FROM chat_message JOIN {table} ON {table}.id = chat_message.id"
        statement = Statement(f"{sql} WHERE x = %s", ("4711",), None)
        assert ("4711" in str(told_sql(statement))) == shown, f"a statement about {table}"


def test_secret_of_a_layers_message_is_not_told():
    message = {"type": "let.in", "who": {"name": "alice", "access_token": "4711"}, "to": [b"lobby"]}
    assert told(message) == {
        "type": "let.in",
        "who": {"name": "alice", "access_token": "(hidden)"},
        "to": ["lobby"],
    }
    assert told_command(r"PUBLISH lobby \x81\xa5token\xa44711") == "PUBLISH (hidden)"
    assert told_command(r"PUBLISH lobby \x81\xa4text\xa2hi").endswith("hi")


# --- whatever it is, it can be shown ------------------------------------------------------------


def test_of_hops_that_are_drawn_as_one_the_first_is_shown():
    way = {"source": "server/A", "target": "client/bob and 97 more", "label": "message 1"}
    folded = Hop("h1", 0, "t1", "websocket", **way, detail={"times": 98})
    assert opened(folded)["alike"] == "the first of 98 hops, one for each client"


async def test_strange_frames_are_shown_cut_and_without_signs_that_a_terminal_obeys(traced):
    chat = traced(7)
    async with connect(chat, "strange", "alice") as alice:
        await alice.send("\x1b[31m<b>red</b>\u202e")
        await alice.recv()
        strange = await chat.request_flow("alice", "\x1b[31m")
        await alice.send("long" * 1_000)
        await alice.recv()
        long = await chat.request_flow("alice", "long")
    shown = strange.hops[0].show()
    assert "\\x1b[31m<b>red</b>\\u202e" in repr(shown)
    assert "&lt;b&gt;red" in shown._repr_html_()
    assert "<b>" not in shown._repr_html_()
    assert len(opened(long.hops[0])["frame"]) == 2_000
