"""One job, two workers: the first dies over it, or is slow. At most once, or at least once?

By hand, from the notebooks folder: `../.venv/bin/python labs/two_promises.py`.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path

# So that this file also runs as a script: the labs are a package in the notebooks folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from labs.own_layer import OwnLayer

LEASE_SECONDS = 0.5
# In this time a job comes again, if it ever does.
SILENCE_SECONDS = 3 * LEASE_SECONDS

FREE = """SELECT id FROM waiting WHERE channel = ?
    AND id NOT IN (SELECT id FROM leases WHERE ends > ?) ORDER BY id LIMIT 1"""
LEASE = """INSERT INTO leases VALUES (?, ?)
    ON CONFLICT (id) DO UPDATE SET ends = excluded.ends WHERE ends < ?"""


class AtLeastOnce(OwnLayer):
    """Lends a message out, and lends it out again if nobody confirms that the work is done."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.db.execute("CREATE TABLE IF NOT EXISTS leases (id INTEGER PRIMARY KEY, ends REAL)")

    async def receive(self, channel):
        while True:
            now = time.time()
            for (number,) in self.db.execute(FREE, (channel, now)).fetchall():
                if self.db.execute(LEASE, (number, now + LEASE_SECONDS, now)).rowcount:
                    return {"type": "job", "number": number}
            await asyncio.sleep(0.02)

    async def confirm(self, message):
        self.db.execute("DELETE FROM waiting WHERE id = ?", (message["number"],))


KINDS = {"at most once": OwnLayer, "at least once": AtLeastOnce}

# --- a worker, in a process of its own ------------------------------------------------------------


async def work(kind, path):
    """Take one job, and do it when standard input says so; ends with standard input."""
    layer, go = KINDS[kind](path), asyncio.Event()
    print("waits", flush=True)
    working = asyncio.create_task(do_one(layer, go))
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    async for _ in lines:
        go.set()
    working.cancel()


async def do_one(layer, go):
    message = await layer.receive("jobs")
    print("took it", flush=True)
    await go.wait()
    print("did it", flush=True)
    if isinstance(layer, AtLeastOnce):
        await layer.confirm(message)


# --- those who watch ------------------------------------------------------------------------------


class Worker:
    @classmethod
    @contextlib.asynccontextmanager
    async def started(cls, name, kind, path):
        words = [sys.executable, __file__, kind, path]
        pipe = asyncio.subprocess.PIPE
        worker = cls()
        worker.name = name
        worker.process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
        try:
            assert await worker.says("waits"), "a worker should have started"
            yield worker
        finally:
            await worker.die()

    async def die(self):
        with contextlib.suppress(ProcessLookupError):  # it has died before
            self.process.kill()
        await self.process.wait()

    def go(self):
        self.process.stdin.write(b"go\n")

    async def says(self, text, within=30):
        """Whether it says so in time."""
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), within)
        except TimeoutError:
            return False
        return line.decode().strip() == text


async def done_by(kind, first_dies):
    """The workers that have done the job, in order."""
    done = []
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/layer.sqlite3"
        await KINDS[kind](path).send("jobs", {"type": "job"})
        async with (
            Worker.started("first", kind, path) as first,
            contextlib.AsyncExitStack() as later,
        ):
            assert await first.says("took it"), "the first worker should have the job"
            if first_dies:
                await first.die()
            second = await later.enter_async_context(Worker.started("second", kind, path))
            second.go()
            if await second.says("took it", SILENCE_SECONDS) and await second.says("did it"):
                done.append(second.name)
            if not first_dies:
                first.go()
                done += [first.name] if await first.says("did it") else []
    return done


async def each(kind):
    """(who did it when the first died, who when the first was slow)"""
    return await asyncio.gather(done_by(kind, True), done_by(kind, False))


async def main():
    for kind in KINDS:
        died, slow = await each(kind)
        print(f"{kind}: the first dies: {died}; it is slow: {slow}")


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]) if sys.argv[1:] else main())
