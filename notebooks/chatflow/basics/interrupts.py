"""What an interrupted cell of a notebook needs, so that it ends soon and leaves nothing running."""

import asyncio
import contextlib

WAKE_SECONDS = 0.5
# What runs now for the blocks that are entered, as "stage 05".
HELD = []


@contextlib.asynccontextmanager
async def held(what):
    """Note for the length of a block what it runs, and tell an interrupt that this has ended.

    What the block runs must have ended when it is left.
    """
    HELD.append(what)
    try:
        yield
    except asyncio.CancelledError as error:
        error.add_note(f"Ended: {what}.")
        raise
    finally:
        HELD.remove(what)


async def keep_waking():
    """Let an interrupt of a kernel end what a cell awaits, within half a second."""
    # SIGINT only leaves a note for the event loop and does not wake it (ipykernel's issue 881): a
    # cell that awaits what never comes could not be interrupted.
    while True:  # noqa: ASYNC110 – there is no event to wait for: being woken is the purpose
        await asyncio.sleep(WAKE_SECONDS)


async def finish(function):
    """Run a blocking function in a thread, to its end even if we are cancelled meanwhile."""
    work = asyncio.create_task(asyncio.to_thread(function))
    try:
        await asyncio.shield(work)
    finally:
        await asyncio.wait([work])
