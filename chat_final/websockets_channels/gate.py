"""Only so many pages at once: each of them has a thread and a connection of its own."""

import contextlib
import threading

from django.conf import settings
from django.db import close_old_connections, connection

# What has to be answered, however many pages wait.
ALWAYS = ("/healthz", "/readyz", "/metrics")


def pages_in_turn(get_response):
    """Let a page wait for its turn, in its own thread.

    Its turn is short: a slow client's form comes in before it, and the answer goes out after it.
    """
    turns = threading.Semaphore(settings.PAGES_AT_ONCE)

    def middleware(request):
        if request.path in ALWAYS:
            return get_response(request)
        with turns, impatient():
            try:
                return get_response(request)
            finally:
                # Django would do that only when everything is sent.
                close_old_connections()

    return middleware


@contextlib.contextmanager
def impatient():
    """Inside, this thread waits for a statement no longer than a person would for a page."""
    connection.patience = settings.DATABASE_TIMEOUT
    try:
        yield
    finally:
        connection.patience = None
