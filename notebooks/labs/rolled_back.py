"""Two posts to a view that sends inside its transaction; the first is rolled back.

By hand, from the notebooks folder: `../.venv/bin/python labs/rolled_back.py`.
"""

import asyncio
import sys
from pathlib import Path

# So that this file also runs as a script: chatflow lies next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatflow import Visitor, reading, stage
from chatflow.running.variants import variant

TEXTS = ["this one fails", "this one works"]
AT_ONCE = "async_to_sync(send_to_room)(message)"
ON_COMMIT = f"transaction.on_commit(lambda: {AT_ONCE})"

# The line of stage 05's view that is changed, and what replaces it. With Django's setting
# ATOMIC_REQUESTS each whole view is such a block.
STORED_AND_SENT = "async_to_sync(send_to_room)(form.save())"
IN_A_TRANSACTION = """from django.db import transaction

        with transaction.atomic():
            message = form.save()
            {send}
            if "fails" in message.text:
                raise RuntimeError("The view goes on, and something fails.")"""


async def shown_and_stored(send):
    """Alice posts both texts by the form, Bob listens: what he is shown, and what the page has."""
    view = IN_A_TRANSACTION.format(send=send)
    async with (
        variant(5, "chat/views.py", STORED_AND_SENT, view) as folder,
        stage(5, folder=folder) as chat,
        Visitor(chat, "alice") as alice,
        reading(chat, "lobby", "bob") as bob,
    ):
        await alice.open("lobby")
        statuses = [(await alice.post("lobby", "alice", text)).status_code for text in TEXTS]
        assert statuses == [500, 302], "the first is rolled back"
        shown = []
        while TEXTS[-1] not in shown:
            shown.append((await bob.next())["text"])
        page = await alice.open("lobby")
    return shown, [text for text in TEXTS if text in page.text]


async def main():
    for send in (AT_ONCE, ON_COMMIT):
        shown, stored = await shown_and_stored(send)
        print(f"{send}\n  shown:  {', '.join(shown)}\n  stored: {', '.join(stored)}")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
