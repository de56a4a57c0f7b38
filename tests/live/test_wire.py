"""What the two people's addresses read along: whatever the pieces are in which it passes."""

import json

import pytest
from websockets.frames import Frame, Opcode

from chatflow.live import wire

SAID = [{"type": "message", "id": 7, "author": "alice", "text": "ä" * 300}, ["no event"]]


def in_pieces(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


def frames(mask):
    """A ping, what is no JSON, and SAID, as they pass from a client (masked) or to it."""
    texts = ["{", *map(json.dumps, SAID)]
    every = [Frame(Opcode.PING, b"?"), *(Frame(Opcode.TEXT, text.encode()) for text in texts)]
    return b"".join(each.serialize(mask=mask) for each in every)


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("mask", [True, False])
def test_frames_of_a_socket(mask, size):
    taken = []
    note = wire.reads_frames(taken.append, mask)
    for piece in in_pieces(frames(mask), size):
        note(piece)
    assert taken == SAID


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_events_of_a_stream_in_a_chunked_body(size):
    events = [f": welcome\n\nid: {n}\ndata: {json.dumps(one)}\n\n" for n, one in enumerate(SAID)]
    body = "".join(f"{len(each):x}\r\n{each}\r\n" for each in events).encode()
    taken = []
    note = wire.reads_events(taken.append)
    for piece in in_pieces(body, size):
        note(piece)
    assert taken == SAID


@pytest.mark.parametrize("size", [1, 10_000])
def test_json_and_pages_are_taken_when_they_are_there(size):
    for reads, text, whole in (
        (wire.reads_json, json.dumps({"messages": SAID[:1]}), {"messages": SAID[:1]}),
        (wire.reads_page, "<b>alice</b>ä", "<b>alice</b>ä"),
    ):
        taken = []
        note = reads(taken.append)
        for piece in in_pieces(text.encode(), size):
            note(piece)
        assert taken[-1] == whole


def test_messages_are_told_from_all_else():
    message, deletion = SAID[0], {"type": "deleted", "id": 8}
    for event in (message, {"type": "history", "messages": [message, deletion]}):
        assert wire.messages_in(event) == [message]
    for event in (*SAID[1:], deletion, {"type": "typing", "author": "alice"}):
        assert wire.messages_in(event) == []
