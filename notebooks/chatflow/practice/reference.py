"""The reference's message, recorded from the stage itself, once for as long as that is the same."""

import asyncio
import json
import os
import tempfile
import zlib
from dataclasses import asdict
from pathlib import Path

from ..running.launcher import stage as running
from ..running.processes import RUNS
from ..tracing.flow import Flow, Missed, Station
from ..tracing.hops import Hop
from .talking import gather

CODE = Path(__file__).parents[1]
# Whatever they say, a recording says; stages are the rest of it.
RECORDERS = ("tracing/*.py", "practice/talking.py", "clients/readers.py")


async def reference_flow(stage):
    """The Flow of Alice's message on the stage as it is."""
    kept = RUNS / f"reference-{stage.key}-{fingerprint(stage):08x}.json"
    if not kept.exists():
        async with running(stage.number, instances=2, trace=True) as run:
            flow = (await gather(run)).flow
        await asyncio.to_thread(keep, kept, asdict(flow))
    return read(kept)


def fingerprint(stage):
    """A number that changes with the stage's code, and with that which records."""
    files = [path for path in stage.folder.rglob("*") if path.suffix in (".py", ".html")]
    files += [path for pattern in RECORDERS for path in CODE.glob(pattern)]
    return zlib.crc32(b"".join(path.read_bytes() for path in sorted(files)))


def keep(path, facts):
    # Copied aside and renamed: nobody finds half of the file.
    RUNS.mkdir(exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=RUNS)
    with os.fdopen(handle, "w") as file:
        json.dump(facts, file)
    os.replace(draft, path)


def read(path):
    facts = json.loads(path.read_text())
    kinds = {"stations": Station, "handshake": Hop, "hops": Hop, "missed": Missed}
    facts |= {name: tuple(kind(**each) for each in facts[name]) for name, kind in kinds.items()}
    return Flow(**facts | {"has": facts["has"] and tuple(facts["has"])})
