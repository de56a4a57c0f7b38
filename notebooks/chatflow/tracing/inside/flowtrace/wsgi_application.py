"""Round a WSGI application: the request that comes, the response that goes."""

from contextvars import copy_context
from urllib.parse import quote

from .passed import (
    HEADERS,
    HIDDEN,
    LONGEST,
    content_type_of,
    shortened,
    told,
    told_body,
    told_headers,
    told_query,
)
from .recorder import SERVER, Way, current, new_connection


def traced(application):
    def traced_application(environ, start_response):
        return Request(environ).run(application, start_response)

    return traced_application


class Request:
    def __init__(self, environ):
        self.environ = environ
        connection = new_connection()
        environ["flowtrace"] = connection
        self.client = f"client/{connection}"
        self.way = Way(self.client)
        self.status = None

    def run(self, application, start_response):
        passed = {"WSGI environ": self.told_environ()}
        self.way.hop("http", SERVER, self.request_line(), passed, **self.request_detail())

        def traced_start_response(status, headers, exc_info=None):
            self.status, self.headers = status, headers
            return start_response(status, headers, exc_info)

        # A context of its own: the thread serves other requests afterwards.
        context = copy_context()
        context.run(current.set, self.way)
        try:
            body = context.run(application, self.environ, traced_start_response)
        except Exception as error:
            self.way.hop("lost", SERVER, shortened(f"{type(error).__name__}: {error}", 120))
            self.way.hop("lost", self.client, "500 Internal Server Error", code=500)
            raise
        self.response(SERVER, {"status": self.status, "headers": told_headers(self.headers)})
        return Body(body, self.written)

    def told_environ(self):
        """What a WSGI server hands on of a request, without what it says of itself."""
        names = ("REQUEST_METHOD", "PATH_INFO", "SERVER_PROTOCOL", "CONTENT_TYPE", "CONTENT_LENGTH")
        facts = {name: self.environ[name] for name in names if self.environ.get(name)}
        facts["QUERY_STRING"] = told_query(self.environ.get("QUERY_STRING", ""))
        for name, text in self.environ.items():
            if name.startswith("HTTP_"):
                field = name.removeprefix("HTTP_").replace("_", "-").lower()
                facts[name] = text if field in HEADERS else HIDDEN
        return told(facts)

    def request_line(self):
        upgrade = self.environ.get("HTTP_UPGRADE")
        asks = f" (Upgrade: {upgrade})" if upgrade else ""
        return f"{self.environ['REQUEST_METHOD']} {self.path()}{asks}"

    def path(self):
        # A WSGI server hands on the path's bytes as Latin-1 characters.
        return quote(self.environ["PATH_INFO"].encode("latin-1"))

    def request_detail(self):
        agent = self.environ.get("HTTP_USER_AGENT", "")
        return {"path": self.path(), "agent": agent, "port": int(self.environ["REMOTE_PORT"])}

    def response(self, target, facts):
        code, passed = int(self.status.split()[0]), {"WSGI response": facts, "line": self.way.line}
        if code >= 400:
            self.way.hop("lost", target, self.status, passed, code=code)
        else:
            self.way.hop("http", target, self.status, passed)

    def written(self, beginning, length):
        body = told_body(beginning, content_type_of(self.headers), length)
        self.response(self.client, {"status": self.status, "body": body})
        self.way.done(None)


class Body:
    """The response's body; the server closes it when all of it is written."""

    def __init__(self, body, written):
        self.body, self.written = body, written
        self.beginning, self.length = b"", 0

    def __iter__(self):
        for piece in self.body:
            self.beginning += piece[: max(0, LONGEST - self.length)]
            self.length += len(piece)
            yield piece

    def close(self):
        try:
            if hasattr(self.body, "close"):
                self.body.close()
        finally:
            self.written(self.beginning, self.length)
