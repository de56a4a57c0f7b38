"""What notebook 04b shows of Daphne, under the other servers: whose thread asks the database."""

import pytest

from chatflow.running.labs import lab
from chatflow.running.servers import ASGI_SERVERS
from labs.slow_queries import ask_together, most_at_a_time

ONE_THREAD = ("awaiting", "in-thread", "synchronous")


@pytest.mark.parametrize("server", [name for name in ASGI_SERVERS if name != "daphne"])
async def test_consumers_share_one_thread_unless_they_have_their_own(server):
    async with lab("orm_consumers", server=server) as app:
        shared = await ask_together(app, ONE_THREAD)
        beside = await ask_together(app, ["own-threads"] * 2)
    assert most_at_a_time(shared) == 1
    assert len({query["thread"] for query in shared}) == 1
    assert most_at_a_time(beside) == 2
    assert not {query["thread"] for query in beside} & {query["thread"] for query in shared}
