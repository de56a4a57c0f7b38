"""Five ways to log a socket in without a cookie.

By hand: `cd notebooks/labs`, then `../../.venv/bin/uvicorn logins:application`. POST /token/alice/
gives a token (a real site would ask for a password first).
"""

import asyncio
import secrets
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpResponse
from django.urls import path

KEY = "published-with-the-walkthrough"
settings.configure(ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, SECRET_KEY=KEY)

NOT_LOGGED_IN = 4401
TOKEN_SECONDS, TICKET_SECONDS, FIRST_MESSAGE_SECONDS = 3600, 20, 2
# With a dot, and not Django's usual colon, which no sub-protocol may have in its name.
signer = TimestampSigner(salt="sockets", sep=".")


def give_token(request, name):
    # With something of its own, so that no two are the same.
    return HttpResponse(signer.sign_object([name, secrets.token_hex(4)]))


def user_of(token):
    try:
        return signer.unsign_object(token, max_age=TOKEN_SECONDS)[0]
    except BadSignature:  # an old one is one, too
        return None


def give_ticket(request):
    """A ticket for whoever has a token; it may be asked for with a shorter life."""
    user = user_of(request.headers.get("Authorization", "").removeprefix("Bearer "))
    if user is None:
        return HttpResponse(status=401)
    ticket, lives = secrets.token_urlsafe(), float(request.GET.get("lives", TICKET_SECONDS))
    cache.set(f"ticket-{ticket}", user, min(lives, TICKET_SECONDS))
    return HttpResponse(ticket)


def take_ticket(ticket):
    user = cache.get(f"ticket-{ticket}")
    # Two may have found it: `delete` says True to one of them.
    return user if cache.delete(f"ticket-{ticket}") else None


class Socket(AsyncWebsocketConsumer):
    """Greets its user. The classes below find out who that is."""

    subprotocol = None

    async def connect(self):
        user = self.find_user(parse_qs(self.scope["query_string"].decode()))
        await self.accept(self.subprotocol)
        await self.greet(user)

    async def greet(self, user):
        # Accepted before it is closed: of a refused handshake a browser tells no code.
        await (self.send(f"hello, {user}") if user else self.close(NOT_LOGGED_IN))


class ByQuery(Socket):
    def find_user(self, query):
        return user_of(query["token"][0])


class ByTicket(Socket):
    def find_user(self, query):
        return take_ticket(query["ticket"][0])


class ByHeader(Socket):
    def find_user(self, query):
        headers = dict(self.scope["headers"])
        return user_of(headers.get(b"authorization", b"").decode().removeprefix("Bearer "))


class BySubprotocol(Socket):
    """The client offers two protocols: the one that is spoken, and one that is the token."""

    subprotocol = "chat"

    def find_user(self, query):
        offered = [word for word in self.scope["subprotocols"] if word.startswith("token.")]
        return user_of(offered[0].removeprefix("token.")) if offered else None


class Forgetful(BySubprotocol):
    subprotocol = None


class ByFirstMessage(Socket):
    async def connect(self):
        await self.accept()
        self.hanging_up = asyncio.create_task(self.hang_up())

    async def hang_up(self):
        await asyncio.sleep(FIRST_MESSAGE_SECONDS)
        await self.close(NOT_LOGGED_IN)

    async def receive(self, text_data=None, bytes_data=None):
        self.hanging_up.cancel()
        await self.greet(user_of(text_data or ""))

    async def disconnect(self, code):
        self.hanging_up.cancel()


urlpatterns = [
    path("", lambda request: HttpResponse("<!doctype html><title>Log in</title>")),
    path("token/<name>/", give_token),
    path("ticket/", give_ticket),
]
application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter(
            [
                path("query/", ByQuery.as_asgi()),
                path("ticket/", ByTicket.as_asgi()),
                path("header/", ByHeader.as_asgi()),
                path("protocol/", BySubprotocol.as_asgi()),
                path("forgetful/", Forgetful.as_asgi()),
                path("first/", ByFirstMessage.as_asgi()),
            ]
        ),
    }
)
