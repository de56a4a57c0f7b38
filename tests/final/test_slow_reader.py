"""Who stops reading is let go with 4408, under servers whose queue a cancelled send may block.

Granian's send is no coroutine. Daphne and Uvicorn: `test_faults.py`. All five: notebook 13.
"""

import pytest

from labs.chat_under_five import PAGES, hasty_chat, stop_reading, write_much


@pytest.mark.parametrize("server", ["hypercorn", "granian"])
async def test_our_close_is_sent_after_sends_that_were_given_up(server):
    async with hasty_chat([server]) as chat:
        await write_much(chat)
        pages, close_code = await stop_reading(chat.instances[0])
    # Hypercorn keeps what it was given, and sends all of that before the close.
    assert pages < PAGES or server == "hypercorn", "the kernels have kept all: ask for more"
    assert close_code == 4408
