"""What a client may send: text frames, each one JSON object, under the rules of the form."""

import json

from .forms import MessageForm


class BadFrame(Exception):
    """A frame that is refused: a code for programs, a sentence for people."""

    def __init__(self, code, detail):
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def as_event(self):
        return {"type": "error", "code": self.code, "detail": self.detail}


def read_post(text_data):
    """Return author and text of a post; raise BadFrame for anything else a client can think of."""
    frame = read_object(text_data)
    if frame.get("type") != "post":
        raise BadFrame("unknown_type", 'The only frame this stage knows has "type": "post".')
    for field in ("author", "text"):
        if not isinstance(frame.get(field), str):
            raise BadFrame(f"bad_{field}", f'A post has a string "{field}".')
    form = MessageForm(frame)
    if not form.is_valid():
        field, sentences = next(iter(form.errors.items()))
        raise BadFrame(f"bad_{field}", sentences[0])
    return form.cleaned_data


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
