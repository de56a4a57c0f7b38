"""Many readers at once of stage 03's stream, and the threads that this takes."""

import httpx
import psutil


async def open_streams(stack, chat, count):
    """Begin `count` requests that wait for news; they end with the stack. Returns their lines."""
    limits = httpx.Limits(max_connections=None)
    http = httpx.AsyncClient(base_url=chat.url, limits=limits, timeout=20)
    await stack.enter_async_context(http)
    streams = [http.stream("GET", "/chat/lobby/stream/") for _ in range(count)]
    return [(await stack.enter_async_context(stream)).aiter_lines() for stream in streams]


async def hears(lines, text):
    """Return as soon as a line with this text has come."""
    async for line in lines:
        if text in line:
            return True


def threads_of(instance):
    """How many threads a server's process has now."""
    return psutil.Process(instance.program.pid).num_threads()
