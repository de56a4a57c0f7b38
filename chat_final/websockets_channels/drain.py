"""A restart that nobody has to notice: on SIGTERM sockets are closed in turn, and only then
does the server end.

By itself, Daphne cuts off all sockets at once, without a close frame, and forgets its consumers.
"""

import asyncio
import signal
import threading

from django.conf import settings

from chat.hub import get_hub

# gunicorn and Granian take one of the others by themselves, where it is installed.
LOOPS = ("asyncio", "uvloop", "rloop")


class DrainOnTerminate:
    """Takes SIGTERM over from the server at the first event: servers tell of no earlier moment."""

    def __init__(self, application):
        self.application, self.server_handler = application, None

    async def __call__(self, scope, receive, send):
        if self.server_handler is None:
            self.server_handler = signal.getsignal(signal.SIGTERM)
            if can_take_over(self.server_handler):
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.terminate)
        await self.application(scope, receive, send)

    def terminate(self):
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        hub = get_hub()
        hub.start(self.drain(hub))

    async def drain(self, hub):
        draining = hub.start(hub.drain(settings.DRAIN_SECONDS))
        # If the layer holds up the last words to other instances, nobody waits for them.
        await asyncio.wait([draining], timeout=settings.DRAIN_SECONDS + 1)
        signal.signal(signal.SIGTERM, self.server_handler)
        signal.raise_signal(signal.SIGTERM)


def can_take_over(server_handler):
    if threading.current_thread() is not threading.main_thread():
        # Somebody else's process, as under `manage.py runserver`, or a test.
        return False
    # A server that has left the signal to its event loop, as Hypercorn, Granian and gunicorn have,
    # could not get it back: under those a restart cuts the sockets off.
    return getattr(server_handler, "__module__", "").partition(".")[0] not in LOOPS
