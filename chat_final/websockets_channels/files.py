"""A process that may open no more files turns new clients away, and says so.

Each socket is a file. By itself, asyncio tries to let everybody in again and again, thousands of
times per second, and connected clients have to wait. Daphne and uvloop turn new ones away too.
"""

import asyncio
import contextlib
import errno
import logging
import socket

LOOK_SECONDS = 2

logger = logging.getLogger(__name__)


class TurnAwayWhenFull:
    """Takes over what asyncio does when it can let nobody in, on which Uvicorn relies."""

    def __init__(self, application):
        self.application, self.spare = application, None

    async def __call__(self, scope, receive, send):
        if self.spare is None:
            self.spare = socket.socket()  # a file, given up for a moment when it is needed
            loop = asyncio.get_running_loop()
            self.others = loop.get_exception_handler() or type(loop).default_exception_handler
            loop.set_exception_handler(self.handle)
            self.looking = loop.create_task(look())
        await self.application(scope, receive, send)

    def handle(self, loop, context):
        error = context.get("exception")
        if "socket" not in context or getattr(error, "errno", None) != errno.EMFILE:
            return self.others(loop, context)
        logger.error("Somebody was turned away: the process may open no more files.")
        self.spare.close()
        with contextlib.suppress(OSError):  # they have gone, or somebody took the file
            turn_away(context["socket"].fileno())
        with contextlib.suppress(OSError):
            self.spare = socket.socket()


async def look():
    """Tell the log what Daphne does silently."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            socket.socket().close()
        except OSError:
            logger.error("Nobody can come in: the process may open no more files.")


def turn_away(listener):
    """Let the next client in, and close its connection at once."""
    listening = socket.socket(fileno=listener)
    try:
        listening.accept()[0].close()
    finally:
        listening.detach()  # it is the server's
