"""Clients of the raw programs that ask for GET /wait, all at once, and leave together."""

import asyncio
import contextlib
import time

import httpx

PATIENCE = 30


@contextlib.asynccontextmanager
async def waiting_clients(app, count):
    """Yields what the program reports while `count` requests wait in it; then all leave."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=app.url, limits=limits, timeout=PATIENCE) as http:
        clients = [asyncio.create_task(http.get("/wait")) for _ in range(count)]
        try:
            yield await until_waiting(app, count, within=PATIENCE)
        finally:
            for client in clients:
                client.cancel()  # which closes its connection
            await asyncio.gather(*clients, return_exceptions=True)


async def until_waiting(app, count, within):
    """What the program reports when `count` requests wait in it, or after `within` seconds."""
    give_up_at = time.monotonic() + within
    async with httpx.AsyncClient(base_url=app.url, timeout=PATIENCE) as http:
        while (said := (await http.get("/")).json())["waiting"] != count:
            if time.monotonic() > give_up_at:
                break
            await asyncio.sleep(0.01)
    return said


async def told_to_wake(app):
    async with httpx.AsyncClient(base_url=app.url, timeout=PATIENCE) as http:
        await http.post("/wake")
