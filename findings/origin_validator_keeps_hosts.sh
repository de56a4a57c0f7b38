#!/usr/bin/env bash
# Channels: AllowedHostsOriginValidator looks at ALLOWED_HOSTS once, when asgi.py is imported.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 daphne==4.2.3
run_program <<'PYTHON'
import asyncio
import sys

from channels.generic.websocket import WebsocketConsumer
from channels.security.websocket import AllowedHostsOriginValidator
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.test import override_settings

HOST = "chat.example.com"

settings.configure(ALLOWED_HOSTS=["old.example.com"])
application = AllowedHostsOriginValidator(WebsocketConsumer.as_asgi())


def page_is_allowed():
    request = HttpRequest()
    request.META["HTTP_HOST"] = HOST
    try:
        return request.get_host() == HOST
    except DisallowedHost:
        return False


async def socket_is_allowed():
    headers = [(b"origin", f"https://{HOST}".encode()), (b"host", HOST.encode())]
    communicator = WebsocketCommunicator(application, "/", headers)
    is_open, _ = await communicator.connect()
    await communicator.disconnect()
    return is_open


async def main():
    print(f"expected: with override_settings(ALLOWED_HOSTS=[{HOST!r}]) its pages and sockets open")
    before = page_is_allowed(), await socket_is_allowed()
    with override_settings(ALLOWED_HOSTS=[HOST]):
        during = page_is_allowed(), await socket_is_allowed()
        afresh = AllowedHostsOriginValidator(None).allowed_origins
    print(f"seen: allowed before: page {before[0]}, socket {before[1]}")
    print(f"seen: allowed then: page {during[0]}, socket {during[1]}")
    print(f"seen: a validator that is made then allows {afresh}")
    if before != (False, False) or during != (True, False) or afresh != [HOST]:
        return "Changed: the validator asks for the setting each time, or Django does not."
    return None


sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
