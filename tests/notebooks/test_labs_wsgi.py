"""What WSGI can beyond one answer, and what that costs, beside the same under ASGI.

That four streams or WebSockets hold four threads, and a page waits, is asserted by notebook 01.
"""

import asyncio
import contextlib

import httpx
import pytest
import websockets

from chatflow import stage
from chatflow.basics.addresses import NO_TLS
from chatflow.running.labs import lab
from chatflow.running.variants import variant
from final.helpers import eventually
from labs.many_readers import open_streams, threads_of

THREADS = 4
DEADLINE = 30


def client(app):
    return httpx.AsyncClient(base_url=app.url, timeout=DEADLINE, verify=NO_TLS)


async def test_websocket_by_the_raw_socket_keeps_its_thread_until_its_client_goes_or_vanishes():
    async with lab("wsgi_streams", server="gunicorn") as app, asyncio.timeout(DEADLINE):
        async with websockets.connect(f"{app.ws_url}/any") as socket:
            said = []
            for number in range(10):
                await socket.send(f"hello {number}")
                said.append((await socket.recv()).split(", by "))
            await (await socket.ping())
        assert (socket.response.status_code, socket.close_code) == (101, 1000)
        for _ in range(2 * THREADS):
            vanishes = await websockets.connect(f"{app.ws_url}/any")
            vanishes.transport.abort()
        async with client(app) as http:
            assert (await http.get("/")).status_code == 200, "the threads have been given back"
    assert [text for text, _ in said] == [f"hello {number}" for number in range(10)]
    assert len({thread for _, thread in said}) == 1


CLOCK = """
    if "clock" in request.GET:
        return StreamingHttpResponse(clock(), content_type="text/event-stream")
"""
FORM = "    form = RoomForm(request.GET if"
STREAM = """from django.http import StreamingHttpResponse


def clock():
    for number in itertools.count(1):
        yield f"data: {number}\\n\\n"
        time.sleep(0.02)
"""


async def test_django_streams_under_wsgi_too():
    async with (
        variant(1, "chat/views.py", FORM, CLOCK + FORM) as folder,
        contextlib.AsyncExitStack() as stack,
    ):
        views = folder / "chat/views.py"
        views.write_text("import itertools\nimport time\n" + STREAM + views.read_text())
        chat = await stack.enter_async_context(stage(1, folder=folder))
        http = await stack.enter_async_context(client(chat))
        readers = await stack.enter_async_context(contextlib.AsyncExitStack())
        streams = [http.stream("GET", "/?clock") for _ in range(THREADS)]
        clocks = [(await readers.enter_async_context(each)).aiter_lines() for each in streams]
        page = asyncio.create_task(http.get("/"))
        for number in range(1, 31):
            assert [await anext(clock) for clock in clocks] == [f"data: {number}"] * THREADS
            assert [await anext(clock) for clock in clocks] == [""] * THREADS
        assert not page.done()
        await readers.aclose()
        assert (await page).status_code == 200


APPLICATION = "application = get_asgi_application()"
NO_SIGNAL = """
from django.core.signals import request_started
request_started.receivers.clear()
"""
NO_MIDDLEWARE = "from django.conf import settings\nsettings.MIDDLEWARE = []\n"
QUERY = "        while not (messages := [message async for message in newer.all()]):\n"
NO_QUERY = "        messages = []\n        while not messages:\n"


@pytest.mark.parametrize(
    ("application", "query", "threads"),
    [(APPLICATION + NO_SIGNAL, QUERY, 1), (NO_MIDDLEWARE + APPLICATION + NO_SIGNAL, NO_QUERY, 0)],
    ids=["without the signal", "without signal, middleware and query"],
)
async def test_request_started_is_one_of_three_reasons_for_a_thread_for_each_open_request(
    application, query, threads
):
    readers = 30
    async with (
        variant(3, "websockets_channels/asgi.py", APPLICATION, application) as folder,
        contextlib.AsyncExitStack() as stack,
    ):
        views = folder / "chat/views.py"
        assert QUERY in views.read_text()
        views.write_text(views.read_text().replace(QUERY, query))
        chat = await stack.enter_async_context(stage(3, folder=folder))
        [instance] = chat.instances
        idle = threads_of(instance)
        # A stream's first line comes when its view has been called; the query is made after that.
        streams = await open_streams(stack, chat, readers)
        await asyncio.gather(*map(anext, streams))
        await eventually(asyncio.to_thread, lambda: threads_of(instance) >= threads * readers)
        assert threads_of(instance) <= threads * readers + idle
