"""Who may open a socket, and for how long.

A handshake is not a form post: no CSRF token comes with it, and no browser stops a foreign page
from making one – with the cookies of this site. And a socket may outlive the login that opened it.
"""

import asyncio
import logging
from functools import partial

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

from .consumers import RefusingConsumer

logger = logging.getLogger(__name__)

# When a login has ended, its sockets are closed within this many seconds.
CHECK_SECONDS = 2
LOGGED_OUT = {"type": "websocket.close", "code": 4401}


class SameOriginOnly:
    """Let in only what a page of this very site has opened: same scheme, same host, same port."""

    def __init__(self, application):
        self.application = application

    async def __call__(self, scope, receive, send):
        if is_same_origin(scope):
            await self.application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refused = "Refused a socket of a page of %s: this site is %s. See CSRF_TRUSTED_ORIGINS."
        logger.warning(refused, headers.get(b"origin"), headers.get(b"host"))
        await RefusingConsumer.as_asgi()(scope, receive, send)


def is_same_origin(scope):
    """The rule by which Django lets a form post in; programs that name no origin stay outside."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    origin, host = headers.get(b"origin", ""), headers.get(b"host", "")
    domain, _ = split_domain_port(host)
    scheme = "https" if is_secure(scope, headers) else "http"
    is_ours = validate_host(domain, settings.ALLOWED_HOSTS) and origin == f"{scheme}://{host}"
    return is_ours or origin in settings.CSRF_TRUSTED_ORIGINS


def is_secure(scope, headers):
    """Whether our own pages are https. Daphne's scope does not say so for a WebSocket."""
    # A proxy that has taken the TLS off says so in a header. No page can add one to a handshake.
    # (For a form, Django believes it only if SECURE_PROXY_SSL_HEADER names that header.)
    is_told = scope.get("scheme") == "wss" or headers.get(b"x-forwarded-proto") == "https"
    return is_told or settings.SECURE_SSL_REDIRECT


class LoggedInOnly:
    """For a consumer what `login_required` is for a view, but checked again and again."""

    def __init__(self, consumer):
        self.consumer = consumer

    async def __call__(self, scope, receive, send):
        if not await is_logged_in(scope):
            await receive()
            # A close code reaches the client only after an accept; before it there is just 403.
            await send({"type": "websocket.accept"})
            await send(LOGGED_OUT)
            return
        login_ended = asyncio.Event()
        await self.consumer(scope, partial(next_event, scope, receive, login_ended), send)
        if login_ended.is_set():
            await send(LOGGED_OUT)


async def next_event(scope, receive, login_ended):
    """What the client sends next; a disconnect as soon as its login is found to have ended."""
    event = asyncio.ensure_future(receive())
    try:
        while not event.done():
            await asyncio.wait([event], timeout=CHECK_SECONDS)
            # Checked for each frame too: nobody writes in the name of a login that has ended.
            if not await is_logged_in(scope):
                login_ended.set()
                # The consumer ends as if the client had gone, so it leaves its group.
                return {"type": "websocket.disconnect", "code": LOGGED_OUT["code"]}
        return event.result()
    finally:
        event.cancel()


@database_sync_to_async
def is_logged_in(scope):
    """Whether the session that came with the handshake still exists, and is still that user's."""
    # Read again: the scope has the session and the user as they were at the handshake.
    request = HttpRequest()
    request.session = SessionStore(scope["session"].session_key)
    then, now = scope["user"], get_user(request)
    # The name too: a renamed user would go on under a name that somebody else may take.
    return then.is_authenticated and now == then and now.get_username() == then.get_username()
