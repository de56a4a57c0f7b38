"""A WSGI application without any framework: a function that gets an environ and start_response.

By hand: `cd notebooks/labs`, then `../../.venv/bin/gunicorn raw_wsgi`. GET / shows its own environ
and the body, and how many wait; GET /wait begins its answer, and ends it after a POST /wake.
"""

import json
import threading

# One threading.Event for each response that has begun and waits.
waiting = set()


def application(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        return wait(start_response)
    if (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("POST", "/wake"):
        wake()
    return answer(environ, start_response)


def answer(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    content = {"environ": environ, "body": body.decode("latin-1")} | count()
    # The server's streams and sockets are in it, too. Their repr() is enough here.
    piece = json.dumps(content, indent=2, default=repr).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(piece)))]
    start_response("200 OK", headers)
    return [piece]


def wait(start_response):
    """A response in two pieces: the server sends each as soon as it has it."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    woken = threading.Event()
    waiting.add(woken)
    try:
        yield b"waiting\n"
        woken.wait()  # the server's thread stands still here; nothing tells it that a client left
        yield b"woken\n"
    finally:
        waiting.discard(woken)


def wake():
    # A copy, because other threads come and go meanwhile.
    for woken in list(waiting):
        woken.set()


def count():
    return {"waiting": len(waiting), "threads": threading.active_count()}
