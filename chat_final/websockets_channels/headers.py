"""Headers of clients that Django would answer with a server error, and one of ours."""

import re

from django.conf import settings
from django.utils.cache import patch_cache_control

# What a form's Content-Type may say here: what it is, and what stands between its parts. With an
# unknown charset, or with parameters that are not well-formed, Django ends in 500.
SAID = re.compile(rb"([^;]*)(?:.*?(; *boundary=[^;]*))?", re.DOTALL)


class PlainContentType:
    """Leave out of a Content-Type what no form of ours needs: they are all UTF-8."""

    def __init__(self, application):
        self.application = application

    async def __call__(self, scope, receive, send):
        headers = [
            (name, plain(value) if name == b"content-type" else value)
            for name, value in scope["headers"]
        ]
        await self.application({**scope, "headers": headers}, receive, send)


def plain(content_type):
    return b"".join(filter(None, SAID.match(content_type).groups()))


def no_store(get_response):
    """A browser must keep no page of a logged-in user: Back would show it after a logout.

    Only the cookie's presence counts, not whether it is valid: the database is not asked.
    """

    def middleware(request):
        response = get_response(request)
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            patch_cache_control(response, private=True, no_store=True)
        return response

    return middleware
