"""The promise: every message is stored once, and reaches everybody in order, whatever happens.

In process, without Redis and without a network: python manage.py test
"""

import logging
import uuid

from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import Client, SimpleTestCase, TransactionTestCase, override_settings

from websockets_channels.asgi import application
from websockets_channels.drain import can_take_over

from .layer import find_site
from .models import Member, Message, Room
from .rooms import encoded

ROOM = "lobby"
IN_MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
# Of this moment only, and so at any place between the others.
EPHEMERAL = ("presence", "typing", "head")


class Socket(WebsocketCommunicator):
    """A page's socket, as the browser of a user opens it."""

    # Without what Channels does here for the one connection to a database in memory: keep it open.
    send_input = ApplicationCommunicator.send_input
    receive_output = ApplicationCommunicator.receive_output

    def __init__(self, session_key, room_name=ROOM, after=""):
        headers = {"host": "testserver", "origin": "http://testserver"}
        headers["cookie"] = f"sessionid={session_key}"
        encoded_headers = [(key.encode(), value.encode()) for key, value in headers.items()]
        super().__init__(application, f"/ws/chat/{room_name}/{after}", encoded_headers)

    async def next(self):
        while (event := await self.receive_json_from(timeout=5))["type"] in EPHEMERAL:
            pass
        return event

    async def ask(self, kind, **fields):
        await self.send_json_to({"type": kind, **fields})
        return await self.next()

    async def closing_code(self):
        while (event := await self.receive_output(timeout=5))["type"] != "websocket.close":
            pass
        return event["code"]


# No connection is kept: PostgreSQL deletes no database that somebody is connected to.
@override_settings(CHANNEL_LAYERS=IN_MEMORY, SECURE_SSL_REDIRECT=False, DATABASE_SECONDS=0)
class PromiseTests(TransactionTestCase):
    def setUp(self):
        logging.disable()
        self.addCleanup(logging.disable, logging.NOTSET)
        self.sessions = {name: self.sign_up(name) for name in ("alice", "bob")}

    def sign_up(self, name):
        client = Client()
        client.force_login(get_user_model().objects.create_user(name))
        return client.session.session_key

    async def enter(self, name, after=None, room_name=ROOM):
        """A socket, and the messages that it is sent before it has caught up."""
        query = "" if after is None else f"?after={after}"
        socket, missed = Socket(self.sessions[name], room_name, query), []
        await socket.connect()
        while (event := await socket.next())["type"] != "caught_up":
            missed.append(event)
        return socket, missed

    async def test_post_is_stored_answered_and_reaches_others(self):
        (alice, _), (bob, _) = await self.enter("alice"), await self.enter("bob")
        answer = await alice.ask("post", text="hello")
        stored = await Message.objects.aget()
        self.assertEqual(answer, stored.as_event())
        self.assertEqual((stored.author, stored.text, stored.seq), ("alice", "hello", 1))
        self.assertEqual(await bob.next(), answer)

    async def test_post_that_is_sent_again_is_stored_once(self):
        alice, _ = await self.enter("alice")
        post = {"text": "hello", "client_id": str(uuid.uuid4())}
        self.assertEqual(await alice.ask("post", **post), await alice.ask("post", **post))
        self.assertEqual(await Message.objects.acount(), 1)

    async def test_who_comes_back_gets_what_was_missed_in_order_and_then_what_is_new(self):
        (alice, _), (bob, _) = await self.enter("alice"), await self.enter("bob")
        last = await alice.ask("post", text="1")
        await bob.disconnect()
        for number in range(2, 123):
            await Message.objects.acreate(room_name=ROOM, author="alice", text=number)
        bob, missed = await self.enter("bob", after=last["seq"])
        missed.append(await bob.ask("post", text="123"))
        self.assertEqual([event["text"] for event in missed], [f"{n}" for n in range(2, 124)])
        self.assertEqual([event["seq"] for event in missed], list(range(2, 124)))

    async def test_hint_that_is_lost_is_made_good_when_the_next_one_comes(self):
        alice, _ = await self.enter("alice")
        for text in ("lost", "heard"):
            message = await Message.objects.acreate(room_name=ROOM, author="bob", text=text)
        seq, text = encoded(message)
        site = await find_site()
        hint = {"type": "chat.hint", "site": site, "room_name": ROOM, "from": "elsewhere"}
        await get_channel_layer().group_send(f"chat_{ROOM}", {**hint, "seq": seq, "text": text})
        self.assertEqual([(await alice.next())["text"] for _ in "12"], ["lost", "heard"])

    async def test_without_any_hint_the_database_is_asked(self):
        alice, _ = await self.enter("alice")
        await Message.objects.acreate(room_name=ROOM, author="bob", text="unheard of")
        self.assertEqual((await alice.next())["text"], "unheard of")

    async def test_own_message_can_be_deleted_and_nobody_elses(self):
        (alice, _), (bob, _) = await self.enter("alice"), await self.enter("bob")
        message = await alice.ask("post", text="regretted")
        await bob.next()
        self.assertEqual((await bob.ask("delete", id=message["id"]))["code"], "not_yours")
        deleted = {"type": "deleted", "seq": 2, "id": message["id"]}
        self.assertEqual(await alice.ask("delete", id=message["id"]), deleted)
        self.assertEqual(await bob.next(), deleted)
        _, missed = await self.enter("bob", after=0)
        self.assertEqual(missed, [{**message, "text": None}, deleted])

    async def test_private_room_is_for_its_members(self):
        room = await Room.objects.acreate(name="secret", is_private=True)
        user = await get_user_model().objects.aget(username="alice")
        await Member.objects.acreate(room=room, user=user)
        alice, _ = await self.enter("alice", room_name="secret")
        self.assertEqual((await alice.ask("post", text="hello"))["seq"], 1)
        bob = Socket(self.sessions["bob"], "secret", "?after=0")
        await bob.connect()
        self.assertEqual(await bob.receive_output(), {"type": "websocket.close", "code": 4403})

    async def test_who_has_logged_out_is_closed_and_heard_no_more(self):
        alice, _ = await self.enter("alice")
        await Session.objects.filter(session_key=self.sessions["alice"]).adelete()
        await alice.send_json_to({"type": "post", "text": "one more"})
        self.assertEqual(await alice.closing_code(), 4401)
        self.assertEqual(await Message.objects.acount(), 0)

    @override_settings(POSTS_AT_ONCE=2, POSTS_PER_SECOND=0.01)
    async def test_who_is_too_fast_is_told_so_and_then_closed(self):
        alice, _ = await self.enter("alice")
        answers = [await alice.ask("post", text="again") for _ in range(12)]
        self.assertEqual([a.get("code") for a in answers], [None] * 2 + ["too_fast"] * 10)
        self.assertEqual(await alice.closing_code(), 4429)
        self.assertEqual(await Message.objects.acount(), 2)


class RestartTests(SimpleTestCase):
    def test_signal_is_left_to_a_server_whose_event_loop_has_it(self):
        def handler():
            """Where each of them says that it is from, in its `__module__`."""

        for module in ("asyncio.unix_events", "uvloop.loop", "rloop.utils"):
            handler.__module__ = module
            self.assertFalse(can_take_over(handler), module)
        for module in ("uvicorn.server", "twisted.internet.base"):
            handler.__module__ = module
            self.assertTrue(can_take_over(handler), module)
        self.assertTrue(can_take_over(None))
