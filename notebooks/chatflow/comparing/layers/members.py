"""Two processes that are members of a channel layer, and how they are told what to do."""

import asyncio
import contextlib
import itertools
import json
from pathlib import Path

from ...basics.addresses import HOST
from ...basics.errors import LaunchError
from ...running.environment import OVERLAY, clean_environment
from ...running.processes import Program

PROGRAM = Path(__file__).parent / "member.py"
START_SECONDS = 60
# Longer than anything that a member is asked to wait for.
ANSWER_SECONDS = 90
LINE_LIMIT = 2**24


class Member:
    """A process with a layer: `await member.do("join", group="tea", channel=…)`."""

    def __init__(self, program, reader, writer):
        self.program, self.reader, self.writer = program, reader, writer
        self.numbers, self.waiting = itertools.count(), {}
        self.listening = asyncio.create_task(self.hear_answers())

    async def do(self, name, /, **arguments):
        """Have it done; returns its answer. Raises LaunchError if it cannot be done at all."""
        number = next(self.numbers)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        self.writer.write(json.dumps([number, name, arguments]).encode() + b"\n")
        try:
            answer = await asyncio.wait_for(self.waiting[number], ANSWER_SECONDS)
        except TimeoutError:
            raise self.program.failure(f"{name} has brought no answer") from None
        if "error" in answer:
            raise LaunchError(f"{name} has failed: {answer['error']}")
        return answer["answer"]

    async def hear_answers(self):
        async for line in self.reader:
            number, answer = json.loads(line)
            self.waiting.pop(number).set_result(answer)
        for future in self.waiting.values():
            future.set_exception(self.program.failure("A member has ended"))

    async def member_channel(self, group=None):
        """A new channel that is listened to, in a group if one is named."""
        channel = await self.do("new_channel")
        if group:
            await self.do("join", group=group, channel=channel)
        await self.do("listen", channel=channel)
        return channel


@contextlib.asynccontextmanager
async def members(run, count, name, **limits):
    """So many Members on the layer and broker of a run; `limits` as in capacity=10.

    They are apart from the run's stage, and from each other's: all their names begin with `name`.
    """
    arrived = asyncio.Queue()
    server = await asyncio.start_server(
        lambda *streams: arrived.put_nowait(streams), HOST, 0, limit=LINE_LIMIT
    )
    port = server.sockets[0].getsockname()[1]
    facts = run.layer.settings(run.broker_url, f"{run.site}-{name}", **limits)
    env = clean_environment() | {"CHAT_LAYER": json.dumps(facts), "PYTHONPATH": str(OVERLAY)}
    programs, found = [], []
    try:
        for number in range(count):
            log = run.files.path / f"{name}-{number}.log"
            words = [run.python, PROGRAM, port]
            programs.append(Program(words, folder=run.files, log=log, env=env, adopts=True))
        found = await meet(programs, arrived)
        yield found
    finally:
        server.close()
        for member in found:
            member.listening.cancel()
            member.writer.close()
        for program in programs:
            program.let_go()
        for program in programs:
            await asyncio.to_thread(program.stop)


async def meet(programs, arrived):
    """The Members that programs become when they have come. Raises LaunchError."""
    found = {}
    give_up_at = asyncio.get_running_loop().time() + START_SECONDS
    while len(found) < len(programs):
        late = asyncio.get_running_loop().time() > give_up_at
        for program in programs:
            if program.poll() is not None or (late and program.pid not in found):
                raise program.failure("A member of the layer did not start")
        with contextlib.suppress(TimeoutError):
            reader, writer = await asyncio.wait_for(arrived.get(), 0.1)
            if said := await reader.readline():  # nothing, if its layer cannot be made
                found[int(said)] = reader, writer
    return [Member(program, *found[program.pid]) for program in programs]
