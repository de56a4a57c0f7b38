"""What passes between a browser and a server, read along: who has written, and who has heard.

Each function returns a `note`: call it with each piece that passes, as bytes.
"""

import json
from contextlib import suppress

from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader


def reads_frames(take, mask):
    """Calls `take` with each JSON frame of a WebSocket; `mask`: those of a client."""
    stream = StreamReader()

    def parse():
        while True:
            frame = yield from Frame.parse(stream.read_exact, mask=mask)
            if frame.opcode is Opcode.TEXT:
                with suppress(ValueError):  # anybody may send what is no JSON
                    take(json.loads(frame.data))

    parsing = parse()
    next(parsing)

    def note(piece):
        stream.feed_data(piece)
        next(parsing)  # goes on until it needs more

    return note


def reads_events(take):
    """Calls `take` with the data of each server-sent event."""
    rest = b""

    def note(piece):
        nonlocal rest
        # A chunk of a chunked body is a whole event, so its length stands on a line of its own.
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                take(json.loads(line.removeprefix(b"data: ")))

    return note


def reads_json(take):
    """Calls `take` with the JSON of a whole body."""
    body = b""

    def note(piece):
        nonlocal body
        body += piece
        with suppress(ValueError):  # it has not come to its end yet
            take(json.loads(body))

    return note


def reads_page(take):
    """Calls `take` with all that there is of a page so far."""
    body = b""

    def note(piece):
        nonlocal body
        body += piece
        take(body.decode(errors="replace"))

    return note


BODIES = {
    "application/json": reads_json,
    "text/event-stream": reads_events,
}


def messages_in(event):
    """The messages of what a server has sent: one, or a list of them."""
    if not isinstance(event, dict):
        return []
    several = event.get("messages", [event])
    return [one for one in several if "id" in one and one.get("type", "message") == "message"]


# --- heads ----------------------------------------------------------------------------------------


async def read_head(reader):
    """(first line, [(name, value)]) of a request or an answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    return line, [tuple(map(str.strip, each.split(":", 1))) for each in lines]


def value_of(headers, wanted):
    return next((value for name, value in headers if name.lower() == wanted), "")


def written_out(line, headers):
    lines = [line, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")
