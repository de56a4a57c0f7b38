"""The lab on logins without cookies: a ticket is good once, and a secret must be the right one."""

import asyncio

import pytest_asyncio

from chatflow.running.labs import lab
from labs.without_cookies import WAYS, enter, get_ticket, get_token

GREETING, REFUSED = "hello, alice", 4401


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app():
    async with lab("logins", server="uvicorn") as app:
        yield app


async def test_of_two_who_come_with_one_ticket_one_gets_in(app):
    ticket = await get_ticket(app, await get_token(app))
    heard = await asyncio.gather(*(enter(app, "ticket", ticket) for _ in range(2)))
    assert sorted(heard, key=str) == [REFUSED, GREETING]


async def test_a_token_is_no_ticket_and_a_ticket_is_no_token(app):
    token = await get_token(app)
    ticket = await get_ticket(app, token)
    secrets = dict.fromkeys(WAYS, ticket) | {"ticket": token}
    heard = [await enter(app, way, secrets[way]) for way in WAYS]
    assert heard == [REFUSED] * len(WAYS)
