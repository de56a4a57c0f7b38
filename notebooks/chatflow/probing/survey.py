"""Measure many stages, as many at a time as the machine bears, and show the table as it fills.

survey = Survey()
await survey.take(visit, show)
print(survey.table())
"""

import asyncio
import contextlib
import os
import time

from ..basics.catalog import capabilities, find_stage, stages
from . import matrix
from .capabilities import try_all
from .people import UNKNOWN

# Fewer make it no surer: most of what probes do is waiting.
AT_LEAST = 3
LOOK_SECONDS = 0.2
NOT_YET = "…"


def at_a_time():
    """How many stages may run at once: two for each core that has nothing else to do."""
    return max(AT_LEAST, int(2 * (os.cpu_count() - os.getloadavg()[0])))


class Survey:
    """What has been found at each stage: `found` is {number: {capability: verdict or error}}.

    A visit that breaks off leaves its error in `broken`, by the stage's number.
    """

    def __init__(self, numbers=None):
        self.numbers = sorted(numbers or (stage.number for stage in stages()))
        self.found = {number: {} for number in self.numbers}
        self.broken, self.visiting, self.began = {}, [], None

    async def measure(self, chat, first=None):
        """Try all capabilities of a running stage; see `capabilities.try_all`."""
        await try_all(chat, self.found[chat.stage.number], first)

    async def take(self, visit, show=None):
        """Call `visit` with each stage's number, a few at a time.

        `show` is called with the survey at the beginning, five times a second, and at the end.
        """
        places = asyncio.Semaphore(at_a_time())
        async with self._shown(show), asyncio.TaskGroup() as visits:
            for number in self.order():
                visits.create_task(self._visit(number, visit, places))

    def order(self):
        """The last stage begins second: it has most to try, and the others would wait for it."""
        first, *rest = self.numbers
        return [first, *rest[-1:], *rest[:-1]]

    async def _visit(self, number, visit, places):
        async with places:
            self.visiting.append(number)
            try:
                await visit(number)
            except Exception as error:  # kept: its column of the table says so
                self.broken[number] = error
            self.visiting.remove(number)

    @contextlib.asynccontextmanager
    async def _shown(self, show):
        if not show:
            yield
            return
        self.began = time.monotonic()
        watching = asyncio.create_task(self._watch(show))
        try:
            yield
        finally:
            watching.cancel()
            self.began = None
            show(self)

    async def _watch(self, show):
        while True:
            show(self)
            await asyncio.sleep(LOOK_SECONDS)

    @property
    def progress(self):
        """How far it is, in a sentence; nothing before it has begun, and when it has ended."""
        if self.began is None:
            return ""
        done = sum(len(column) for column in self.found.values())
        total = len(self.numbers) * len(capabilities())
        running = ", ".join(find_stage(number).short for number in self.visiting)
        seconds = time.monotonic() - self.began
        return f"{done} of {total} cells after {seconds:.0f} s. Running: {running or 'none yet'}."

    # --- what was found -----------------------------------------------------------------------

    @property
    def measured(self):
        """{stage number: {capability: "yes", "no", "–", or "?" where that was not found out}}."""
        return {number: self._column(number, UNKNOWN) for number in self.numbers}

    @property
    def columns(self):
        """Like `measured`, with "…" where nothing has been found out yet."""
        return {
            number: self._column(number, UNKNOWN if number in self.broken else NOT_YET)
            for number in self.numbers
        }

    def table(self):
        """The matrix in Markdown, as far as it is known; below it the reason for each "?"."""
        return "\n\n".join([matrix.table(self.columns), *self.reasons()])

    def _column(self, number, unknown):
        known = {
            key: UNKNOWN if isinstance(result, Exception) else result
            for key, result in self.found[number].items()
        }
        return dict.fromkeys(capabilities(), unknown) | known

    def reasons(self):
        """Why cells are "?": a sentence each."""
        cells = [
            (number, capabilities()[key], result)
            for number, column in self.found.items()
            for key, result in column.items()
            if isinstance(result, Exception)
        ]
        cells += [(number, "all the rest", error) for number, error in self.broken.items()]
        return [
            f"{UNKNOWN} {find_stage(number).called}, {what}: {reason(error)}"
            for number, what, error in cells
        ]


def reason(error):
    """An error in a line."""
    text, *_ = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
