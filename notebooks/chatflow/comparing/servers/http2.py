"""Rows: HTTP/2 over TLS, and a WebSocket over it (RFC 8441)."""

import asyncio

import h2.connection
import h2.events
from h2.settings import SettingCodes

from ...basics.addresses import HOST
from .notes import SOON
from .rows import row


async def connect(site):
    """(reader, writer, protocol that was agreed on) over TLS."""
    trusted = site.trusted()
    trusted.set_alpn_protocols(["h2", "http/1.1"])
    reader, writer = await asyncio.open_connection(HOST, site.instance.port, ssl=trusted)
    return reader, writer, writer.get_extra_info("ssl_object").selected_alpn_protocol()


@row(
    "HTTP/2 over TLS, without a flag for it",
    on="tls",
    means="gunicorn speaks it with `--http-protocols h2,h1`. Uvicorn wants `--http zttp --http2`, "
    "and a package that is not installed here.",
)
async def http2(site):
    _, writer, protocol = await connect(site)
    writer.transport.abort()
    return "yes" if protocol == "h2" else "no"


@row(
    "a WebSocket over HTTP/2",
    on="http2",
    means="A browser opens one more connection for the WebSocket then, with HTTP/1.1; "
    "nothing in your code changes.",
)
async def http2_websocket(site):
    reader, writer, protocol = await connect(site)
    try:
        if protocol != "h2":
            return "no"
        async with asyncio.timeout(SOON):
            return await over_http2(site, reader, writer)
    finally:
        writer.transport.abort()


async def over_http2(site, reader, writer):
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    await events(reader, connection, h2.events.RemoteSettingsChanged)
    if not connection.remote_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL):
        return "no"
    number = str(next(site.notes.numbers))
    connection.send_headers(1, extended_connect(f"/?id={number}&do=tell;accept;wait", site))
    writer.write(connection.data_to_send())
    answer = await events(reader, connection, h2.events.ResponseReceived)
    status = dict(answer.headers)[b":status"].decode()
    version = (await site.notes.of(number, "scope"))["http_version"]
    return "yes" if (status, version) == ("200", "2") else f"{status}, {version}"


def extended_connect(path, site):
    return [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", path),
        (":authority", f"{HOST}:{site.instance.port}"),
        ("sec-websocket-version", "13"),
    ]


async def events(reader, connection, kind):
    """The next event of this kind."""
    while data := await reader.read(65_536):
        for event in connection.receive_data(data):
            if isinstance(event, kind):
                return event
    raise ConnectionError("The server has ended the connection.")
