"""Fifty forms posted at each instance, all at once: who gets which number?"""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

from chatflow import Visitor

EACH = 50
WAIT_SECONDS = 60


async def fifty_each(chat, room_name):
    """Post them all. Returns how many times each status came: {302: 100} if all are stored."""
    async with asyncio.timeout(WAIT_SECONDS), AsyncExitStack() as visitors:
        posts = []
        for instance in chat.instances:
            visitor = await visitors.enter_async_context(Visitor(instance, "alice"))
            await visitor.open(room_name)
            texts = [f"{instance.name}, post {number}" for number in range(EACH)]
            posts += [visitor.post(room_name, "alice", text) for text in texts]
        answers = await asyncio.gather(*posts)
    return Counter(answer.status_code for answer in answers)
