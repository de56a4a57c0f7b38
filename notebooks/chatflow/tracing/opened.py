"""A hop, opened: what really went from one station to the next, when, and by which line of code."""

import html
import json
from dataclasses import dataclass

LONGEST = 2_000  # characters of a row
# What a hop may have recorded besides its line, in the order in which it is shown.
PARTS = [
    *("ASGI scope", "WSGI environ", "form", "ASGI event", "then", "WSGI response"),
    *("SQL", "parameters", "the layer carries", "the layer carried", "Redis command"),
]
EVENTS = {"ASGI event", "the layer carries", "the layer carried"}
NO_LINE = "none of the stage's own: the server or a library did this"


@dataclass(frozen=True)
class Opened:
    """A hop's title and its rows, each (name, text): for a notebook, a page or a terminal."""

    title: str
    rows: tuple[tuple[str, str], ...]

    def __repr__(self):
        lines = [self.title]
        for name, text in self.rows:
            first, *others = text.split("\n")
            lines += [f"  {name:<18} {first}", *(f"{'':<21}{line}" for line in others)]
        return "\n".join(lines)

    def _repr_html_(self):
        rows = [
            f'<tr><th style="text-align:left;vertical-align:top">{html.escape(name)}</th>'
            '<td style="text-align:left"><pre style="white-space:pre-wrap;margin:0">'
            f"{html.escape(text)}</pre></td></tr>"
            for name, text in self.rows
        ]
        return f"<table><caption>{html.escape(self.title)}</caption>{''.join(rows)}</table>"


def opened(hop):
    """Everything that is known of a hop."""
    passed = hop.passed
    rows = [("time", in_time(passed["after"]))] if "after" in passed else []
    if "times" in hop.detail:
        rows.append(("alike", f"the first of {hop.detail['times']} hops, one for each client"))
    rows += [("frame", frame) for frame in [frame_of(hop)] if frame]
    if hop.kind == "layer":
        rows += [(name, hop.detail[name]) for name in ("group", "channel") if name in hop.detail]
    rows += [(name, in_lines(value_of(hop, name))) for name in PARTS if name in passed]
    rows += [("the stage's code", in_code(passed.get("line")))]
    title = f"{hop.label}: {hop.source} → {hop.target}"
    return Opened(readable(title), tuple((name, readable(text)) for name, text in rows))


def in_time(ns):
    if ns < 0:
        return f"{-ns / 1e6:.1f} ms before the first hop of the message"
    return f"{ns / 1e6:.1f} ms after the first hop" if ns else "the first hop"


def value_of(hop, name):
    """What passed under this name; events are recorded as JSON."""
    value = hop.passed.get(name)
    return json.loads(value) if name in EVENTS and isinstance(value, str) else value


def frame_of(hop):
    """What goes over the network as a WebSocket frame, if this does."""
    event = value_of(hop, "ASGI event") or {}
    at_the_client = any(end.startswith("client/") for end in (hop.source, hop.target))
    if at_the_client and event.get("type") in ("websocket.receive", "websocket.send"):
        return event.get("text") or event.get("bytes")


def in_lines(value):
    """A value as text: of a dict each entry on a line of its own, likewise of a list."""
    if isinstance(value, dict):
        return "\n".join(in_line(name, each) for name, each in value.items())
    return "\n".join(map(plain, value)) if isinstance(value, list) else plain(value)


def in_line(name, value):
    if name == "headers":
        return "\n  ".join([f"{name}:", *value])
    is_short = isinstance(value, str) and "\n" not in value
    return f"{name}: {value if is_short else json.dumps(value, ensure_ascii=False)}"


def plain(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def in_code(line):
    return f"{line['at']}, in {line['in']}\n{line['text']}" if line else NO_LINE


def readable(text):
    """Cut where nobody reads on, and with signs that no terminal would obey."""
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return "".join(
        sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1] for sign in text
    )
