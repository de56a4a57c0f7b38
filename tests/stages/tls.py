"""One more server for a running stage, with TLS."""

import asyncio
import contextlib
import ssl
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from chatflow.running.environment import ASGI
from chatflow.running.ports import listen
from chatflow.running.processes import Program
from chatflow.running.servers import server_command
from labs.http2_over_tls import endpoint, make_certificate, wait_for_port

TLS_FLAGS = {
    "uvicorn": "--ssl-certfile {certificate} --ssl-keyfile {key}",
    "hypercorn": "--certfile {certificate} --keyfile {key}",
}


@contextlib.asynccontextmanager
async def served_over_tls(chat, folder, server):
    """One more server for a running stage, with TLS, from a folder whose settings say so."""
    place = Path(tempfile.mkdtemp(prefix="tls-", dir=chat.files.path))
    certificate, key = make_certificate(place)
    with listen(0) as listener:
        words = [sys.executable, "-m", "daphne", "--endpoint", endpoint(certificate, key), ASGI]
        if server in TLS_FLAGS:
            flags = TLS_FLAGS[server].format(certificate=certificate, key=key)
            words = server_command(server, listener, ASGI, flags)
        program = Program(
            words,
            folder=chat.files,
            log=place / "server.log",
            cwd=folder,
            env=chat.environment,
            listener=listener,
        )
        # Daphne takes no socket of ours over for TLS, but says which port it has chosen.
        port = listener.getsockname()[1] if server in TLS_FLAGS else await wait_for_port(program)
    try:
        yield SimpleNamespace(
            url=f"https://127.0.0.1:{port}",
            ws_url=f"wss://127.0.0.1:{port}",
            port=port,
            site=chat.site,
            tls=ssl.create_default_context(cafile=certificate),
        )
    finally:
        await asyncio.to_thread(program.stop)
