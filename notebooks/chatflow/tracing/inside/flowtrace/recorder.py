"""Writes hops, one JSON line each, and knows which message the running code works for."""

import contextlib
import itertools
import json
import os
import re
import sys
import time
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from .lines import running_line
from .passed import shortened, told_sql

# The instance's name; a command next to the servers is named after itself.
PROCESS = os.environ.get("FLOW_PROCESS") or "".join(sys.argv[1:2]) or "python"
SERVER, ROUTING, HUB = f"server/{PROCESS}", f"routing/{PROCESS}", f"hub/{PROCESS}"
DATABASE = "database/1"

# Under this key a ticket travels inside an ASGI event or a layer message.
TICKET = "flowtrace"

# The way that the running code works for; asgiref carries it into threads and back.
current = ContextVar("flowtrace", default=None)

# A program that is started again goes on with other numbers.
connections = itertools.count(int(os.environ.get("FLOW_CONNECTIONS", "1")))
numbers = itertools.count(1)


def new_connection():
    """The name of one connection, or of one request: "A3"."""
    return f"{PROCESS}{next(connections)}"


class Way:
    """The way of one message (or handshake, or request) so far: its trace id, and where it is."""

    def __init__(self, start=None, *, trace=None, cause=None):
        self.id_prefix = f"{PROCESS}-{os.getpid()}"
        self.trace = trace or f"{self.id_prefix}-{next(numbers)}"
        self.last = cause
        self.station = self.handler = start
        # Where the code of this handler begins: the stage's line behind what it returns.
        self.line = None
        # Messages that were read, each with its statement; the newest statement about messages.
        self.read, self.statement = [], None
        # Whether a task of its own says that it is done, and not the code that began it.
        self.goes_on = False

    @classmethod
    def of_ticket(cls, ticket, start):
        """Go on with a way that another task or process began."""
        trace, cause, _ = ticket.split()
        return cls(start, trace=trace, cause=cause)

    def branch(self):
        """A way of its own from the handler on: one step may have several that follow it."""
        self._record_reads()
        way = Way(self.handler, trace=self.trace, cause=self.last)
        way.line = self.line
        return way

    def ticket(self, station="-"):
        return f"{self.trace} {self.last} {station}"

    def hop(self, kind, target, label, passed=None, **detail):
        """Record that the message goes on to another station; `passed` is what goes there."""
        self.visit(kind, target, label, passed, **detail)
        self.station = target

    def enter(self, kind, target, label, passed=None, **detail):
        """Record that a view or a consumer gets the message: what it causes starts there."""
        self.hop(kind, target, label, passed, **detail)
        self.handler, self.line = target, (passed or {}).get("line")

    def enter_call(self, target, name, arguments, passed, **detail):
        """The same, of one that is called with what a URL says."""
        words = ", ".join(f"{key}={value}" for key, value in arguments.items())
        self.enter("inside", target, f"{name}({words})", passed, **detail, **arguments)

    def visit(self, kind, target, label, passed=None, **detail):
        """Record a hop to a station from which the running code returns at once."""
        self._record_reads()
        self._record(kind, self.station, target, label, detail, passed or {})

    def done(self, cause):
        """Note that what began with this hop is over; not a hop, and not drawn."""
        self._record_reads()
        self._write("done", self.station, self.station, "", cause, {})

    def looked(self):
        """Note that the database has been searched for messages; not a hop, and not drawn."""
        self._write("looked", self.station, self.station, "", self.last, {})

    def _record_reads(self):
        if self.read:
            (messages, statements), self.read = zip(*self.read, strict=True), []
            one = len(messages) == 1
            label = f"SELECT message {messages[0]}" if one else f"SELECT {len(messages)} messages"
            detail, passed = {"messages": messages}, told_sql(*statements)
            self._record("database", DATABASE, self.handler, label, detail, passed)

    def _record(self, kind, source, target, label, detail, passed):
        if "line" not in passed:
            passed = {**passed, "line": running_line()}
        self.last = self._write(kind, source, target, label, self.last, detail, passed)

    def _write(self, kind, source, target, label, cause, detail, passed=None):
        hop = {
            "id": f"{self.id_prefix}-{next(numbers)}",
            "at": time.monotonic_ns(),
            "trace": self.trace,
            "cause": cause,
            "kind": kind,
            "source": source,
            "target": target,
            "label": label,
            "detail": detail,
            "passed": passed or {},
        }
        # One write a line, on a file opened for appending: threads never mix their lines.
        os.write(trace_file(), json.dumps(hop).encode() + b"\n")
        return hop["id"]


@cache
def trace_file():
    path = Path(os.environ["FLOW_TRACE"]) / f"{PROCESS}-{os.getpid()}.jsonl"
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


@contextlib.contextmanager
def working_for(way):
    """Have what runs in the block work for this way."""
    token = current.set(way)
    try:
        yield way
    finally:
        current.reset(token)


def in_words(error):
    """Describe an error in a line, without the ports, which differ from run to run."""
    text = re.sub(r":\d{4,5}\b| \('[^)]*\)", "", str(error))
    return shortened(f"{type(error).__name__}: {text}".rstrip(": "), 120)
