"""What a client may write into a header, and Django answers with an error of the server's."""

import re

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
