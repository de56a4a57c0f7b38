"""What a client may send: text frames, each one JSON object, under the rules of the form."""

import json
import re
import uuid
from urllib.parse import parse_qs

from django.conf import settings
from django.core.exceptions import ValidationError

from .forms import MessageForm

NUMBERS = {
    "after": "the seq of the last event that you have, or 0",
    "before": "the seq of the first event that you have",
    "id": "the id of a message",
    "limit": "how many events you want",
}
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Refusal(Exception):
    """Why a client gets no: a code for programs, a sentence for people."""

    # This many refusals in a row close the socket, with this code; None: they never do.
    close_code, in_a_row = None, 10

    def __init__(self, code, detail):
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def as_event(self):
        return {"type": "error", "code": self.code, "detail": self.detail}


class BadFrame(Refusal):
    close_code = 4400


class TooFast(Refusal):
    close_code = 4429

    def __init__(self):
        super().__init__("too_fast", "You are too fast: wait a moment, then send this again.")


class TooManySockets(Refusal):
    close_code, in_a_row = 4429, 1

    def __init__(self):
        super().__init__("too_many_sockets", "You have too many chats open: close one first.")


def read_frame(text_data, author):
    """Return what a client wants, checked; raise BadFrame for anything else it can think of.

    One of {"type": "post", "author": …, "client_id": …, "text": …}, {"type": "delete", "id": …},
    {"type": "typing"}, and {"type": "history", "limit": …} with either "after" or "before".
    """
    frame = read_object(text_data)
    kind = frame.get("type")
    if kind == "post":
        return {"type": kind, **read_post(frame, author)}
    if kind == "history":
        return {"type": kind, **read_history(frame)}
    if kind == "delete":
        return {"type": kind, "message_id": read_number(frame, "id")}
    if kind == "typing":
        return {"type": kind}
    raise BadFrame("unknown_type", 'The types of frames are "post", "delete", "typing", "history".')


def read_post(frame, author):
    if not isinstance(frame.get("text"), str):
        raise BadFrame("bad_text", 'A post has a string "text".')
    # Whatever name the frame itself gives.
    post = {"author": author, "text": frame["text"]}
    for name, text in post.items():
        try:
            # Not the whole form: making one takes longer than everything else here.
            post[name] = MessageForm.base_fields[name].clean(text)
        except ValidationError as error:
            raise BadFrame(f"bad_{name}", error.messages[0]) from None
    return {**post, "client_id": read_client_id(frame)}


def read_client_id(frame):
    # A client that gives none can send the message, but cannot send it again.
    client_id = frame.get("client_id", str(uuid.uuid4()))
    # Only in the form that the answer will have, so that its sender recognises it.
    if not isinstance(client_id, str) or not re.fullmatch(UUID, client_id):
        raise BadFrame("bad_client_id", 'A "client_id" is a UUID, in lower case and with hyphens.')
    return uuid.UUID(client_id)


def read_history(frame):
    if "before" in frame and "after" in frame:
        raise BadFrame("bad_after", 'Ask for what came "after" a seq or "before" it, not for both.')
    side = "before" if "before" in frame else "after"
    limit = read_number(frame, "limit") if "limit" in frame else settings.HISTORY_PAGE
    if not 1 <= limit <= settings.HISTORY_PAGE:
        raise BadFrame("bad_limit", f'A "limit" is a number from 1 to {settings.HISTORY_PAGE}.')
    return {side: read_number(frame, side), "limit": limit}


def read_after(query_string):
    """The seq after which a client wants to go on, or None if it names none."""
    after = read_query(query_string, "after")
    return None if after is None else check_number(after, "after")


def read_query(query_string, key, default=None):
    return parse_qs(query_string.decode("latin-1"), keep_blank_values=True).get(key, [default])[0]


def read_number(frame, key):
    number = frame.get(key)
    return check_number(str(number) if type(number) is int else "", key)


def check_number(text, key):
    if not re.fullmatch("[0-9]{1,18}", text):
        raise BadFrame(f"bad_{key}", f'"{key}" is a whole number: {NUMBERS[key]}.')
    return int(text)


def read_object(text_data):
    if text_data is None:
        raise BadFrame("not_text", "This was a binary frame; send JSON in a text frame.")
    try:
        frame = DECODER.decode(text_data)
        # Half of a surrogate pair parses, but can be neither stored nor sent.
        ENCODER.encode(frame).encode()
    except (ValueError, RecursionError):
        raise BadFrame("not_json", "This was not valid JSON.") from None
    if not isinstance(frame, dict):
        raise BadFrame("not_an_object", "Send one JSON object per frame.")
    return frame


def refuse_constant(name):
    raise ValueError(f"{name} is Python's, not JSON's")


# Made once, and not for each frame.
DECODER = json.JSONDecoder(parse_constant=refuse_constant)
ENCODER = json.JSONEncoder(ensure_ascii=False)
