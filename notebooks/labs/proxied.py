"""Notebook 15: what a proxy does to sockets and streams, if it is told too little."""

import asyncio

import httpx
import websockets

from chatflow.basics.addresses import NO_TLS
from chatflow.basics.errors import MissingError
from chatflow.running.labs import lab
from chatflow.running.nginx import find_binary

from .behind_nginx import behind_nginx

SERVERS = ("daphne", "uvicorn", "hypercorn")
# The lines that a location lacks, and its path.
LACKS = {
    "nothing missing": "all",
    "all three missing": "none",
    "no HTTP/1.1": "no-version",
    "no Upgrade": "no-upgrade",
    "no Connection": "no-connection",
}
# How a stream is asked for, by what it is told.
STREAMS = {
    "HTTP/1.0": "none/events/",
    "HTTP/1.0, X-Accel-Buffering: no": "none/events/?unbuffered",
    "HTTP/1.1": "only-version/events/",
}
CUT_SECONDS = 2
OPEN = "open"


async def through_nginx():
    """(handshakes, idle sockets, streams), as below; three times None without nginx."""
    try:
        find_binary()
    except MissingError as missing:
        print(f"{missing} Without nginx this experiment is left out.")
        return None, None, None
    return await asyncio.gather(handshakes(), idle_sockets(), streams())


async def handshakes():
    """{server: {the lines that are missing: what becomes of a handshake}}"""
    answers = await asyncio.gather(*map(handshakes_at, SERVERS))
    return dict(zip(SERVERS, answers, strict=True))


async def handshakes_at(server):
    async with lab("logins", server=server) as app:
        with behind_nginx(app) as proxy:
            return {
                lines: await answer_to(f"{proxy.ws_url}/{path}/first/")
                for lines, path in LACKS.items()
            }


async def answer_to(url):
    try:
        async with websockets.connect(url):
            return OPEN
    except websockets.InvalidStatus as refusal:
        return str(refusal)


async def idle_sockets():
    """{who pings: the close code of a socket on which nobody says anything, or that it is open}"""
    async with (
        lab("raw_asgi", server="uvicorn") as silent,
        lab("raw_asgi", server="uvicorn", options=["--ws-ping-interval", "0.5"]) as pinging,
    ):
        ends = await asyncio.gather(
            end_of(silent), end_of(pinging), end_of(silent, ping_interval=0.5)
        )
    return dict(zip(["nobody", "the server", "the client"], ends, strict=True))


async def end_of(app, **options):
    with behind_nginx(app) as proxy:
        options = {"ping_interval": None, **options}
        async with websockets.connect(f"{proxy.ws_url}/all/", **options) as socket:
            try:
                await asyncio.wait_for(socket.wait_closed(), 2 * CUT_SECONDS)
            except TimeoutError:
                return OPEN
            return str(socket.close_code)


async def streams():
    """{how the stream is asked for: when its first event comes, or why none does}"""
    async with lab("three_ways", server="uvicorn") as app:
        with behind_nginx(app) as proxy:
            urls = [f"{proxy.url}/{path}" for path in STREAMS.values()]
            return dict(zip(STREAMS, await asyncio.gather(*map(first_event, urls)), strict=True))


async def first_event(url):
    """Of a stream that says hello at once, and then nothing: nginx cuts it."""
    async with httpx.AsyncClient(verify=NO_TLS) as http, http.stream("GET", url) as response:
        try:
            async for _ in response.aiter_text():
                return "at once"
        except httpx.RemoteProtocolError as error:
            return str(error)
