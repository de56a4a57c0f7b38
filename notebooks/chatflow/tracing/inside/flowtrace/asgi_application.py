"""Round an ASGI application: what passes between it and its server, as hops."""

import json
import os
from http import HTTPStatus

from .lines import failed_line, running_line
from .passed import as_json, content_type_of, shortened, told, told_body, told_headers, told_query
from .recorder import HUB, SERVER, TICKET, Way, current, in_words, new_connection

# The key of a scope that says which connection it is; consumers and views find it there.
CONNECTION = "flowtrace"
# Uvicorn drops the connection without a close frame; a client calls that 1006.
CLOSE_CODES = {"daphne": 1011, "uvicorn": 1006}


def traced(application):
    async def traced_application(scope, receive, send):
        side = {"http": HttpSide, "websocket": WebSocketSide}.get(scope["type"])
        if side:
            await side(scope, receive, send).run(application)
        else:
            await application(scope, receive, send)

    return traced_application


class Side:
    """The server's side of one scope."""

    kind = None

    def __init__(self, scope, receive, send):
        self.connection = new_connection()
        self.client = f"client/{self.connection}"
        self.scope = {**scope, CONNECTION: self.connection}
        self.server_receive, self.server_send = receive, send
        self.way = self.new_way()

    def new_way(self):
        return Way(self.client)

    async def run(self, application):
        passed = {"ASGI scope": self.told_scope()}
        self.way.hop(self.kind, SERVER, self.request_line(), passed, **self.request_detail())
        token = current.set(self.way)
        try:
            await application(self.scope, self.receive, self.send)
        except Exception as error:
            # The message that was being handled, if the error came out of a handler.
            way = way_of(error) or self.way
            way.station = SERVER if way.handler == self.client else way.handler
            way.hop("lost", SERVER, in_words(error), {"line": failed_line(error)})
            self.fail(way)
            raise
        finally:
            current.reset(token)
            self.way.done(None)

    def request_line(self):
        return f"{self.scope.get('method', 'GET')} {self.scope['path']}"

    def request_detail(self):
        agent = dict(self.scope["headers"]).get(b"user-agent", b"").decode("latin-1")
        port = (self.scope["client"] or [0])[-1]
        return {"path": self.scope["path"], "agent": agent, "port": port}

    def told_scope(self):
        names = ("type", "http_version", "method", "path", "query_string")
        facts = {name: self.scope[name] for name in names if name in self.scope}
        facts["query_string"] = told_query(self.scope["query_string"])
        return told(facts) | {"headers": told_headers(self.scope["headers"])}

    async def receive(self):
        return await self.server_receive()


def way_of(error):
    """The way that the first error belongs to: while a consumer ends, others may follow it."""
    first = getattr(error.__context__, "flowtrace", None)
    return first or getattr(error, "flowtrace", None)


class HttpSide(Side):
    kind = "http"
    status = None

    async def send(self, event):
        if event["type"] == "http.response.start":
            self.status, self.first, self.start = event["status"], True, event
            await self.server_send(event)
            return
        kind, detail = ("lost", {"code": self.status}) if self.status >= 400 else ("http", {})
        label, body = status_line(self.status) if self.first else "", event.get("body", b"")
        if body.startswith(b"id: "):
            # One message in a piece of an event stream.
            detail["messages"] = [int(body.split()[1])]
            label = label or f"event: message {detail['messages'][0]}"
        passed = self.told_events(event) if label else {}
        if label:
            self.way.hop(kind, SERVER, label, passed, **detail)
        await self.server_send(event)
        if label:
            self.way.hop(kind, self.client, label, passed, **detail)
            # The next piece of a response that goes on comes from the view again.
            self.way.station = self.way.handler
        self.first = False

    def told_events(self, event):
        """A piece of the body; before the first one, the response's start."""
        pairs = self.start.get("headers", [])
        body = told_body(event.get("body", b""), content_type_of(pairs))
        piece = told(event) | {"body": body}
        if not self.first:
            return {"ASGI event": piece, "line": self.way.line}
        start = told(self.start) | {"headers": told_headers(pairs)}
        return {"ASGI event": start, "then": piece, "line": self.way.line}

    def fail(self, way):
        # What servers answer for an application that raises; the tests hold them to it.
        if self.status is None:
            way.hop("lost", self.client, status_line(500), code=500)


class WebSocketSide(Side):
    kind = "websocket"
    accepted = False

    def request_detail(self):
        return {**super().request_detail(), "socket": True}

    async def receive(self):
        event = await self.server_receive()
        if event["type"] == "websocket.connect":
            return {**event, TICKET: self.way.ticket()}
        way = self.new_way()
        label, detail = describe_frame(event)
        if event["type"] == "websocket.disconnect":
            label, detail = f"close {event.get('code', 1005)}", {"gone": True}
        way.hop(self.kind, SERVER, label, {"ASGI event": as_json(event)}, **detail)
        return {**event, TICKET: way.ticket()}

    async def send(self, event):
        way = current.get() or self.way
        kind, label, detail = self.describe_departure(event)
        if way.handler == HUB:
            # One message to many sockets: each goes its own way from the hub.
            way, detail = way.branch(), {**detail, "to": self.client}
        way.station, passed = way.handler, self.told_event(event, way)
        way.hop(kind, SERVER, event["type"], passed, **detail)
        await self.server_send(event)
        self.accepted = self.accepted or event["type"] == "websocket.accept"
        way.hop(kind, self.client, label, passed, **detail)
        way.station = way.handler

    def told_event(self, event, way):
        """The event, and the line that sends it: for both of its hops."""
        if event.get("headers"):
            event = told(event) | {"headers": told_headers(event["headers"])}
        return {"ASGI event": as_json(event), "line": running_line() or way.line}

    def describe_departure(self, event):
        if event["type"] == "websocket.accept":
            return self.kind, status_line(101), {}
        if event["type"] == "websocket.close":
            return self.describe_close(event.get("code") or 1000)
        label, detail = describe_frame(event)
        return self.kind, label, detail

    def describe_close(self, code):
        if not self.accepted:
            # Whatever code the application gives: before the accept there is only HTTP.
            return "lost", status_line(403), {"code": 403}
        kind = self.kind if code in (1000, 1001) else "lost"
        return kind, f"close {code}", {"code": code}

    def fail(self, way):
        # What servers do for an application that raises; the tests hold them to it.
        code = CLOSE_CODES.get(os.environ.get("FLOW_SERVER"), 1011) if self.accepted else 500
        label = f"close {code}" if self.accepted else status_line(code)
        way.hop("lost", self.client, label, code=code)


def status_line(status):
    return f"{status} {HTTPStatus(status).phrase}"


def describe_frame(event):
    """A short label for a frame, and what of it says which message it is."""
    if event.get("text") is None:
        return f"{len(event.get('bytes') or b'')} bytes", {}
    try:
        frame = json.loads(event["text"])
        kind, text = frame["type"], frame.get("text") or frame.get("detail") or ""
        number = f" {frame['id']}" if "id" in frame else ""
        label = shortened(f"{kind}{number} “{text}”" if text else f"{kind}{number}")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return shortened(event["text"]), {}  # not one of the chat's own frames
    author, text = str(frame.get("author", "")), str(text)
    detail = {"author": author, "text": shortened(text, 200)}
    return label, {**detail, "messages": [frame["id"]]} if "id" in frame else detail
