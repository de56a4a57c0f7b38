"""What passes from one station to the next, as it may be shown: no secrets, and not too much of it.

Header fields and the parameters of SQL are shown only where they are known to be harmless; of
anything else, whatever is named like a secret is left out.
"""

import functools
import json
import re
from typing import NamedTuple

LONGEST = 2_000  # characters of a text
MOST = 40  # entries of a list
HIDDEN = "(hidden)"
HEADERS = {
    *("host", "origin", "user-agent", "connection", "upgrade", "last-event-id"),
    *("accept", "accept-encoding", "accept-language", "allow", "cache-control", "vary"),
    *("content-length", "content-type", "location", "transfer-encoding", "x-accel-buffering"),
    *("sec-websocket-extensions", "sec-websocket-version", "sec-fetch-mode", "sec-fetch-site"),
    *("cross-origin-opener-policy", "referrer-policy", "x-content-type-options"),
    *("x-frame-options", "x-forwarded-for", "x-forwarded-proto"),
}
# Responses of these types are shown; pages are long, and have a CSRF token in each form.
SHOWN_TYPES = ("application/json", "text/event-stream")
SECRETS = ["passw", "passphrase", "secret", "token", "cookie", "session", "csrf"]
SECRETS += ["authorization", "api_key", "apikey", "api-key", "credential"]
SECRET = "|".join(SECRETS)
# `"token": "…"` in a text that is JSON, and `token=…` in a query string.
IN_JSON = re.compile(
    rf'("[^"]*(?:{SECRET})[^"]*"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,}}\]]+)', re.IGNORECASE
)
IN_QUERY = re.compile(rf"([^&=]*(?:{SECRET})[^&=]*=)[^&]*", re.IGNORECASE)
# Tables of people and their sessions, and columns of theirs.
PRIVATE = re.compile(rf"\b(auth|django)_\w+|{SECRET}", re.IGNORECASE)


def as_json(event):
    """An event, or a message of a layer, as it may be shown: each delivery has some of them."""
    try:
        text = encode(event)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(told(event))  # JSON has nothing like it
    is_fine = len(text) <= LONGEST and not is_secret(text)
    return text if is_fine else json.dumps(told(event))


def told(value, deep=5):
    """The same of anything, entry by entry."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        text = shortened(value, LONGEST)
        # A look first: the expression takes a hundred times as long, and most texts have none.
        return IN_JSON.sub(rf'\1"{HIDDEN}"', text) if is_secret(text) else text
    if isinstance(value, bytes):
        return told(value[: LONGEST + 1].decode("utf-8", "backslashreplace"))
    if isinstance(value, dict) and deep:
        pairs = [(str(name), each) for name, each in value.items()]
        return {
            name: HIDDEN if is_secret_name(name) else told(each, deep - 1) for name, each in pairs
        }
    if isinstance(value, (list, tuple)) and deep:
        return [told(each, deep - 1) for each in value[:MOST]]
    return told(str(value))


# Made once: json.dumps() with a default of ours makes one for each call.
encode = json.JSONEncoder(default=told).encode


def is_secret(text):
    """Whether a name is a secret's, or a text has such a name in it."""
    text = text.lower()
    for word in SECRETS:  # noqa: SIM110 - twice as fast as any(): all that is delivered comes by
        if word in text:
            return True
    return False


is_secret_name = functools.lru_cache(1_000)(is_secret)


def told_headers(pairs):
    """Header fields, one a line."""
    texts = [(as_text(name).lower(), as_text(value)) for name, value in pairs]
    return [f"{name}: {told_query(value) if name in HEADERS else HIDDEN}" for name, value in texts]


def told_query(text):
    text = as_text(text)
    return IN_QUERY.sub(rf"\1{HIDDEN}", text) if is_secret(text) else text


def told_command(words):
    """A command of Redis: packed as messages are in it, nothing says where a secret ends."""
    return f"{words.split(' ')[0]} {HIDDEN}" if is_secret(words) else words


def told_body(body, content_type, length=None):
    """A response's body, of which this is the beginning, or how long it is."""
    if content_type.startswith(SHOWN_TYPES):
        return told(body)
    return f"{len(body) if length is None else length:,} bytes"


class Statement(NamedTuple):
    """SQL as it was executed, and the stage's line that asked for it."""

    sql: str
    parameters: object
    line: dict | None


def told_sql(*statements):
    """What was executed; the same statement only once, also if it has found many rows."""
    once = {id(each): each for each in statements}.values()
    values = [HIDDEN if PRIVATE.search(each.sql) else told(each.parameters) for each in once]
    sql = [shortened(each.sql, LONGEST) for each in once]
    return {"SQL": sql, "parameters": values, "line": statements[0].line}


def as_text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value


def content_type_of(pairs):
    names = {as_text(name).lower(): as_text(value) for name, value in pairs}
    return names.get("content-type", "")


def shortened(text, length=40):
    return text if len(text) <= length else f"{text[: length - 1]}…"
