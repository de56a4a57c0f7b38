#!/usr/bin/env bash
# httpx-sse: once an event had an id, each comment that keeps the stream open is an event, too.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install httpx==0.28.1 httpx-sse==0.4.3
run_program <<'PYTHON'
import sys

import httpx
from httpx_sse import connect_sse

COMMENT = ": still here\n\n"  # as servers send each 15 seconds, or a proxy would cut the stream
WITHOUT_ID = f"data: one\n\n{COMMENT}{COMMENT}data: two\n\n"
WITH_ID = f"id: 1\ndata: one\n\n{COMMENT}{COMMENT}id: 2\ndata: two\n\n"


def events(stream):
    """What a client gets of this stream."""

    def answer(request):
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, content=stream.encode())

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as client,
        connect_sse(client, "GET", "http://chat.example.com/") as source,
    ):
        return [event.data for event in source.iter_sse()]


def main():
    print("expected: a comment is no event: a block without data is not dispatched")
    without_id, with_id = events(WITHOUT_ID), events(WITH_ID)
    print(f"seen, events without an id, two comments between them: {without_id}")
    print(f"seen, the same with an id: {with_id}")
    if without_id != ["one", "two"] or with_id != ["one", "", "", "two"]:
        return "Changed: comments after an id are no events, or comments always are."
    return None


sys.exit(main())
PYTHON
