"""Headers of clients that Django would answer with an error of the server's, and one of ours."""

import re

from django.conf import settings
from django.utils.cache import patch_cache_control

# What a form's Content-Type may say here: what it is, and what stands between its parts. With a
# charset that is none, or parameters that are not well-formed, Django ends in 500.
SAID = re.compile(rb"([^;]*)(?:.*?(; *boundary=[^;]*))?", re.DOTALL)


class PlainContentType:
    """Leave out of it what no form of ours needs: they are all UTF-8."""

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
    """A browser keeps no page of somebody logged in, to show it to who comes after a logout.

    Whether there is such a cookie, and not whether it is good: nothing is asked of the database.
    """

    def middleware(request):
        response = get_response(request)
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            patch_cache_control(response, private=True, no_store=True)
        return response

    return middleware
