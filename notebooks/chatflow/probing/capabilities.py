"""What a stage can do, found out by trying: all probes, in an order in which none harms another."""

import asyncio

from ..basics.catalog import capabilities
from . import final_probes, stage_probes
from .people import NO, NOTHING_TO_TRY

PROBES = {
    key: getattr(final_probes, key, None) or getattr(stage_probes, key) for key in capabilities()
}
# They are quiet for a long time, and do not mind what happens meanwhile. So they end when the
# others have ended: a layer may lose a message as other sockets close.
QUIET = ["idle_sockets", "presence", "notices_gaps"]
# Where the answer is no, the server is busy for a while afterwards.
BUSY = ["waiting_readers"]
# They kill and stop what runs, under open sockets.
LAST = ["without_redis", "drains", "health"]
ONE_BY_ONE = [key for key in PROBES if key not in QUIET + BUSY + LAST] + BUSY


async def measure(chat):
    """Try all capabilities of a running stage: {key: "yes", "no" or "–"}, in the matrix's order.

    Some are tried by force: what is left of the stage then is good for nothing else.
    """
    found = {}
    await try_all(chat, found)
    for result in found.values():
        if isinstance(result, Exception):
            raise result
    return {key: found[key] for key in PROBES}


async def try_all(chat, found, first=None):
    """Like `measure`, but a probe that breaks leaves its exception in place of a verdict.

    `found` gets each result as soon as it is there. `first` is something else to be done before
    any probe that is not quiet.
    """

    async def try_each(keys):
        for key in keys:
            found[key] = await try_one(chat, key)

    async def try_most():
        if first:
            await first()
        await try_each(ONE_BY_ONE)

    await asyncio.gather(try_most(), *(try_each([key]) for key in QUIET))
    if found["accepts_websocket"] == NO:
        found.update(dict.fromkeys(LAST, NOTHING_TO_TRY))
    else:
        await try_each(LAST)


async def try_one(chat, key):
    try:
        return await PROBES[key](chat)
    except Exception as error:  # handed on: the caller decides what it means
        return error
