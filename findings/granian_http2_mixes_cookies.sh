#!/usr/bin/env bash
# Granian with Django: over HTTP/2 a browser's second cookie becomes part of the first one.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install granian==2.8.9 django==5.2.19 hypercorn==0.18.0 h2==4.4.1
run_program <<'PYTHON'
import asyncio
import socket
import subprocess
import sys

import django
import h2.config
import h2.connection
import h2.events
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import JsonResponse
from django.urls import path

settings.configure(SECRET_KEY="none", ALLOWED_HOSTS=["*"], ROOT_URLCONF="finding")
django.setup()

# A field for each, as Chromium sends them over HTTP/2; RFC 9113, section 8.2.3, says how a server
# puts them together again: with "; " between them.
COOKIES = [("cookie", "theme=dark"), ("cookie", "sessionid=abc")]
EXPECTED = '{"theme": "dark", "sessionid": "abc"}'
MIXED = '{"theme": "dark,sessionid=abc"}'
FLAGS = {
    "hypercorn": ["--bind=127.0.0.1:{}"],
    "granian": ["--interface=asgi", "--http=2", "--port={}"],
}


def cookies(request):
    return JsonResponse(request.COOKIES)


urlpatterns = [path("", cookies)]
application = get_asgi_application()


def start(server):
    """Start a server on a free port; return the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    words = [sys.executable, "-m", server, *(word.format(port) for word in FLAGS[server])]
    with open(f"{server}.log", "w") as log:
        subprocess.Popen([*words, "finding:application"], stdout=log, stderr=log)
    return port


async def connected(port):
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:  # it does not listen yet
            await asyncio.sleep(0.1)


async def seen_by_django(server):
    """The cookies of one request over HTTP/2, as Django has them."""
    reader, writer = await connected(start(server))
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    client.initiate_connection()
    request = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/")]
    client.send_headers(1, [*request, *COOKIES], end_stream=True)
    body, ended = b"", False
    while not ended:
        writer.write(client.data_to_send())
        for event in client.receive_data(await reader.read(65536)):
            if isinstance(event, h2.events.DataReceived):
                body += event.data
            ended = ended or isinstance(event, h2.events.StreamEnded)
    writer.close()
    return body.decode()


async def main():
    print(f"expected: two cookies come over HTTP/2, and Django has {EXPECTED}")
    seen = {server: await seen_by_django(server) for server in FLAGS}
    for server, cookies_there in seen.items():
        print(f"seen, {server}: {cookies_there}")
    if seen != {"hypercorn": EXPECTED, "granian": MIXED}:
        return "Changed: under Granian Django has both cookies, or under Hypercorn it has not."
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(), 60)))
PYTHON
