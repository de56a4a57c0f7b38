"""What WSGI can beyond one answer, and what that costs, beside the same under ASGI.

That as many streams as threads are live, and the next request waits, is asserted by notebook 01.
"""

import asyncio
import contextlib

import httpx
import pytest
import pytest_asyncio
import websockets

from chatflow import stage
from chatflow.running.labs import lab
from chatflow.running.variants import variant
from labs.many_readers import open_streams, threads_of

THREADS = 4
DEADLINE = 30


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wsgi():
    async with lab("wsgi_streams", server="gunicorn") as app:
        yield app


def client(app):
    return httpx.AsyncClient(base_url=app.url, timeout=DEADLINE)


async def test_websockets_by_the_raw_socket_take_a_thread_each(wsgi):
    async with (
        client(wsgi) as http,
        contextlib.AsyncExitStack() as stack,
        asyncio.timeout(DEADLINE),
    ):
        opened = [websockets.connect(f"{wsgi.ws_url}/any") for _ in range(THREADS)]
        sockets = [await stack.enter_async_context(each) for each in opened]
        page = asyncio.create_task(http.get("/"))
        for number in range(10):
            for socket in sockets:
                await socket.send(f"hello {number}")
            said = [await socket.recv() for socket in sockets]
            assert [text.split(", by ")[0] for text in said] == [f"hello {number}"] * THREADS
            assert len(set(said)) == THREADS, f"a thread each, not {said}"
        assert [socket.response.status_code for socket in sockets] == [101] * THREADS
        await asyncio.wait([page], timeout=0.5)
        assert not page.done(), "four sockets should hold the four threads"
        await (await sockets[1].ping())
        await sockets[0].close()
        assert sockets[0].close_code == 1000
        assert (await page).text == "a page\n"


async def test_a_websocket_whose_client_vanishes_gives_its_thread_back(wsgi):
    async with client(wsgi) as http:
        for _ in range(2 * THREADS):
            socket = await websockets.connect(f"{wsgi.ws_url}/any")
            socket.transport.abort()
        assert (await http.get("/")).status_code == 200


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
        idle = threads_of(chat.instances[0])
        # A stream's first line comes when its view has been called; the query is made after that.
        streams = await open_streams(stack, chat, readers)
        await asyncio.gather(*map(anext, streams))
        found = await threads_when(chat.instances[0], threads * readers)
    assert threads * readers <= found <= threads * readers + idle


async def threads_when(instance, expected):
    """How many threads a process has, as soon as it has as many as expected, or after a while."""
    for _ in range(500):
        if threads_of(instance) >= expected:
            break
        await asyncio.sleep(0.02)
    return threads_of(instance)
