"""The servers that a stage can run under, and how each is called."""

import sys

# How each server takes over a socket that we have bound, and how it is told to stop soon.
SERVERS = {
    "gunicorn": "--bind fd://{fd}",
    "daphne": "--fd {fd}",
    "uvicorn": "--fd {fd} --lifespan off --timeout-graceful-shutdown 1",
    "hypercorn": "--bind fd://{fd} --graceful-timeout 1",
    # It takes no socket over, but binds the same port as we do.
    "granian": "--interface asgi --host {host} --port {port}",
    # gunicorn again, with a worker that speaks ASGI (and without a socket in the home folder).
    "gunicorn-asgi": "--bind fd://{fd} --worker-class asgi --graceful-timeout 1 "
    "--no-control-socket",
}
WSGI_SERVER = "gunicorn"
ASGI_SERVERS = [name for name in SERVERS if name != WSGI_SERVER]
SHARES_THE_PORT = "granian"
# What chat_final asks of its server: frames of 64 KiB at most, and silent clients soon found out;
# of Daphne also no lines of its own, which would be no JSON, between the log's; of Uvicorn no
# compression, which would be done again for each reader of a message.
FINAL_FLAGS = {
    "daphne": "--websocket-max-message-size 65536 --websocket-max-frame-size 65536 "
    "--ping-interval 10 --ping-timeout 15 --verbosity 0",
    "uvicorn": "--ws websockets-sansio --ws-per-message-deflate false --ws-max-size 65536 "
    "--ws-ping-interval 10 --ws-ping-timeout 15",
    # These three have no flags for all of that.
    "hypercorn": "--websocket-ping-interval 10",
    "granian": "",
    "gunicorn-asgi": "--websocket-max-message-size 65536",
}
# It has ten seconds to send its sockets away; all others have three.
FINAL_GRACE, GRACE = 12, 3


def server_command(server, listener, application, flags="", python=sys.executable):
    host, port = listener.getsockname()
    facts = {"fd": listener.fileno(), "host": host, "port": port}
    words = f"{SERVERS[server].format(**facts)} {flags}".split()
    return [python, "-m", server.removesuffix("-asgi"), *words, application]
