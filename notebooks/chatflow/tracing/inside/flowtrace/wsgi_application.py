"""Round a WSGI application: the request that comes, the response that goes."""

from contextvars import copy_context
from urllib.parse import quote

from .recorder import SERVER, Way, current, new_connection, shortened


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
        self.way.hop("http", SERVER, self.request_line(), **self.request_detail())

        def traced_start_response(status, headers, exc_info=None):
            self.status = status
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
        self.response(SERVER)
        return Body(body, self.written)

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

    def response(self, target):
        code = int(self.status.split()[0])
        if code >= 400:
            self.way.hop("lost", target, self.status, code=code)
        else:
            self.way.hop("http", target, self.status)

    def written(self):
        self.response(self.client)
        self.way.done(None)


class Body:
    """The response's body; the server closes it when all of it is written."""

    def __init__(self, body, written):
        self.body, self.written = body, written

    def __iter__(self):
        return iter(self.body)

    def close(self):
        try:
            if hasattr(self.body, "close"):
                self.body.close()
        finally:
            self.written()
