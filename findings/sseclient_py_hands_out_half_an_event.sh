#!/usr/bin/env bash
# sseclient-py: when a stream is cut in the middle of an event, the half counts as an event.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install sseclient-py==1.9.0 requests==2.34.2 httpx==0.28.1 httpx-sse==0.4.3
run_program <<'PYTHON'
import socket
import sys
import threading

import httpx
import requests
import sseclient
from httpx_sse import connect_sse

EVENTS = "id: 1\ndata: 100 euros\n\n", "id: 2\ndata: 2500 euros\n\n"
STREAM = "".join(EVENTS)
CUT = len(STREAM) - len("0 euros\n\n")  # as a proxy or a restart may cut it
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def serve(listener):
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall((HEAD + STREAM[:CUT]).encode())


def by_sseclient(url):
    answer = requests.get(url, stream=True, timeout=10)
    return [event.data for event in sseclient.SSEClient(answer).events()]


def by_httpx_sse(url):
    with httpx.Client() as client, connect_sse(client, "GET", url) as source:
        return [event.data for event in source.iter_sse()]


def main():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=[listener], daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        print("expected: an event counts when the empty line after it has come; half a one is left out")
        found = by_sseclient(url), by_httpx_sse(url)
    print(f"seen, sseclient-py: {found[0]}")
    print(f"seen, httpx-sse: {found[1]}")
    if found != (["100 euros", "250"], ["100 euros"]):
        return "Changed: half an event is left out, or httpx-sse hands it out, too."
    return None


sys.exit(main())
PYTHON
