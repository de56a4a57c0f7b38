"""A proxy that does what HTTP asks of each proxy: it keeps `Connection` and `Upgrade` to itself.

Both are about one connection, not about the whole way, so a proxy that has not been told about
WebSocket leaves them out, as nginx does. What arrives at the server is a plain GET.

async with careless_proxy(chat) as url:
    await websockets.connect(f"{url}/ws/chat/lobby/")
"""

import asyncio
import contextlib
from urllib.parse import urlsplit

HOP_BY_HOP = (b"connection:", b"upgrade:")


@contextlib.asynccontextmanager
async def careless_proxy(chat):
    """Put it before a stage, or one of its instances; yields the ws:// address to connect to."""
    behind = urlsplit(chat.url)

    async def pass_on(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(HOP_BY_HOP)]
        to_us, to_server = await asyncio.open_connection(behind.hostname, behind.port)
        with contextlib.closing(writer), contextlib.closing(to_server):
            to_server.write(b"\r\n".join([*kept, b"Connection: close", b"", b""]))
            writer.write(await to_us.read())

    async with await asyncio.start_server(pass_on, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}"
