"""A WSGI application without any framework: a function that gets an environ and start_response.

By hand: `cd notebooks/labs`, then `gunicorn raw_wsgi`. It shows its own environ and the body.
"""

import json


def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    content = {"environ": environ, "body": body.decode("latin-1")}
    # Streams and sockets of the server are in it too; Python's name for them will do.
    answer = json.dumps(content, indent=2, default=repr).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", headers)
    return [answer]
