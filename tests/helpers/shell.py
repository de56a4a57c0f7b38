"""Python inside a running stage, in another process than its servers: one process for all tests."""

import asyncio
import json
import sys
import weakref

from chatflow.basics.addresses import HOST
from chatflow.running.ports import listen
from chatflow.running.processes import Program

# It runs one piece of code after the other, each with names of its own, and answers with whether
# that went well and what was printed, or what went wrong.
SHELL = """
import contextlib, io, json, socketserver, sys, traceback
from django.db import connections

class Asked(socketserver.StreamRequestHandler):
    def handle(self):
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                exec(self.rfile.read().decode(), dict(names))
            answer = [True, said.getvalue()]
        except BaseException:
            answer = [False, traceback.format_exc()]
        connections.close_all()
        self.wfile.write(json.dumps(answer).encode())

names = dict(globals())
server = socketserver.TCPServer(("", 0), Asked, bind_and_activate=False)
server.socket.close()
server.socket = socketserver.socket.socket(fileno={})
server.serve_forever()
"""
PORTS = weakref.WeakKeyDictionary()


async def in_shell(chat, code):
    """Run Python in a stage's `manage.py shell`. Returns what it prints; fails if it raises."""
    if chat.files not in PORTS:
        PORTS[chat.files] = await asyncio.to_thread(start, chat)
    reader, writer = await asyncio.open_connection(HOST, PORTS[chat.files])
    writer.write(code.encode())
    writer.write_eof()
    went_well, said = json.loads(await reader.read())
    writer.close()
    assert went_well, said
    return said


def start(chat):
    """Start the process, which ends with the stage; returns its port."""
    with listen(0) as listener:
        command = [sys.executable, "manage.py", "shell", "-c", SHELL.format(listener.fileno())]
        log = chat.files.path / "shell.log"
        options = {"cwd": chat.folder, "env": chat.environment, "listener": listener}
        Program(command, folder=chat.files, log=log, **options)
        return listener.getsockname()[1]


async def store_unseen(chat, room_name, texts):
    """Store messages of which the layer, and so every open socket, hears nothing."""
    await in_shell(
        chat,
        "from django.db import transaction\n"
        "from chat.models import Message\n"
        "with transaction.atomic():\n"
        f"    for text in {texts!r}:\n"
        f"        Message.objects.create(room_name={room_name!r}, author='ghost', text=text)",
    )
