"""What a client may send: text frames, each one JSON object, under the rules of the form."""

import json
import re
import uuid
from urllib.parse import parse_qs

from .forms import MessageForm

UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class BadFrame(Exception):
    """A frame that is refused: a code for programs, a sentence for people."""

    def __init__(self, code, detail):
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def as_event(self):
        return {"type": "error", "code": self.code, "detail": self.detail}


def read_frame(text_data, author):
    """Return what a client wants, checked; raise BadFrame for anything else it can think of.

    {"type": "post", "post": {"author": …, "client_id": …, "text": …}}, all that a message needs,
    or {"type": "history", "after": …}.
    """
    frame = read_object(text_data)
    if frame.get("type") == "history":
        return {"type": "history", "after": check_after(json.dumps(frame.get("after")))}
    if frame.get("type") == "post":
        return {"type": "post", "post": read_post(frame, author)}
    raise BadFrame("unknown_type", 'The frames of this stage have "type": "post" or "history".')


def read_post(frame, author):
    if not isinstance(frame.get("text"), str):
        raise BadFrame("bad_text", 'A post has a string "text".')
    # Whatever name the frame itself gives.
    form = MessageForm({**frame, "author": author})
    if not form.is_valid():
        field, sentences = next(iter(form.errors.items()))
        raise BadFrame(f"bad_{field}", sentences[0])
    return {**form.cleaned_data, "client_id": read_client_id(frame)}


def read_client_id(frame):
    # A client that gives none can send the message, but cannot send it again.
    client_id = frame.get("client_id", str(uuid.uuid4()))
    # Only in the form that the answer will have, so that its sender recognises it.
    if not isinstance(client_id, str) or not re.fullmatch(UUID, client_id):
        raise BadFrame("bad_client_id", 'A "client_id" is a UUID, in lower case and with hyphens.')
    return uuid.UUID(client_id)


def read_after(query_string):
    """The seq after which a client wants to go on, or None if it names none."""
    values = parse_qs(query_string.decode("latin-1"), keep_blank_values=True).get("after")
    return check_after(values[0]) if values else None


def check_after(text):
    if not re.fullmatch("[0-9]{1,18}", text):
        raise BadFrame("bad_after", '"after" is the seq of the last message that you have, or 0.')
    return int(text)


def read_object(text_data):
    if text_data is None:
        raise BadFrame("not_text", "This was a binary frame; send JSON in a text frame.")
    try:
        frame = json.loads(text_data, parse_constant=refuse_constant)
        # Half of a surrogate pair parses, but can be neither stored nor sent.
        json.dumps(frame, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BadFrame("not_json", "This was not valid JSON.") from None
    if not isinstance(frame, dict):
        raise BadFrame("not_an_object", "Send one JSON object per frame.")
    return frame


def refuse_constant(name):
    raise ValueError(f"{name} is Python's, not JSON's")
