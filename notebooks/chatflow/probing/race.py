"""The race: the same message through all stages, a lane each; then each stage's column is measured.

race = Race()
await race.run(show)
"""

import asyncio
import time
from dataclasses import dataclass
from functools import partial

from ..basics.catalog import find_stage
from ..clients.readers import reading, websocket_reader
from ..clients.visitor import post
from ..drawing import lanes
from ..drawing.lanes import ALL, BACK, BROKEN, HALF, NOBODY, RUNNING, Lane
from ..drawing.places import entering
from ..running.launcher import stage, stations_of
from ..tracing.book import Book
from ..tracing.flow import instance_of, name_of
from ..tracing.flows import find_message, make_flow
from .survey import Survey, reason

ROOM, TEXT = "race", "Did you hear me?"
TITLE = "One message, all stages"
ABOUT = f"Alice writes “{TEXT}” at instance A. Bob waits there, Carol at instance B."
LOOK_SECONDS = 0.05
# For hops that are about to be written, on a busy machine.
WRITTEN_SECONDS = 10
ENDS = {
    ("bob", "carol"): (ALL, "Bob and Carol heard her"),
    ("bob",): (HALF, "Bob heard her, Carol did not"),
    ("carol",): (HALF, "Carol heard her, Bob did not"),
}


async def tell(chat):
    """What happens in each lane. Returns how Bob waits, and the names of those who heard Alice."""
    here, there = chat.instances[:2]
    async with reading(here, ROOM, "bob") as bob, reading(there, ROOM, "carol") as carol:
        await write(here, "alice")
        waiting = {"bob": bob, "carol": carol} if bob else {}
        heard = await asyncio.gather(*(reader.next() for reader in waiting.values()))
    how = bob.how if bob else "reloading the page"
    return how, [name for name, message in zip(waiting, heard, strict=True) if message]


async def write(instance, name):
    """Write as the stage's own page does: through the socket, or where there is none by form."""
    async with websocket_reader(instance, ROOM, name) as writer:
        if writer:
            await writer.post(name, TEXT)
            await writer.next()
            return
    await post(instance, ROOM, name, TEXT)


@dataclass
class Way:
    """A message's way in one stage: the stops recorded up to now, and how many of them are shown.

    They are shown one at a time, so that an eye can follow: it takes milliseconds.
    """

    stops: tuple = ()
    shown: int = 0
    says: str = "waits for its turn"
    verdict: tuple | None = None  # (end, words), when it is over

    @property
    def is_shown(self):
        return self.shown == len(self.stops)


class Race:
    """All lanes and the survey of the stages; `heard` is {number: (how, names)}, as `tell` returns.

    `tell` is what happens in each lane, `visited` are the stages that have run. `moved_after` is
    when the first lane moved, and `seconds` how long all took.
    """

    def __init__(self, numbers=None, tell=tell):
        self.survey, self.tell = Survey(numbers), tell
        self.ways = {number: Way() for number in self.survey.numbers}
        self.heard, self.failed, self.visited = {}, {}, []
        self.moved_after = self.seconds = None
        self.is_over = False

    async def run(self, show=None):
        """Let all stages run, a few at a time; `show` is called with the race as it goes on.

        The first stage starts alone, so that something moves soon.
        """
        self.began = time.monotonic()
        self.first_is_up = asyncio.Event()
        await self.survey.take(self._visit, show and (lambda survey: show(self.go_on())))
        self.seconds = time.monotonic() - self.began
        self.end()
        if show:
            show(self)

    async def _visit(self, number):
        way = self.ways[number]
        if number != self.survey.numbers[0]:
            await self.first_is_up.wait()
        way.says = "starts"
        try:
            async with stage(number, instances=2, trace=True) as chat:
                self.first_is_up.set()
                self.visited.append(chat)
                await self.survey.measure(chat, first=partial(self.send, chat))
        except Exception as error:
            way.verdict = way.verdict or (BROKEN, short_reason(error))
            raise  # the survey keeps it, and says it below the table
        finally:
            self.first_is_up.set()

    # --- one lane -----------------------------------------------------------------------------

    async def send(self, chat):
        """Send the message through a running stage, and note in its lane what the trace says."""
        number = chat.stage.number
        way = self.ways[number]
        way.says = "Alice writes"
        telling = asyncio.create_task(self.tell(chat))
        try:
            while not telling.done():
                way.stops = stops_until_now(chat) or way.stops
                await asyncio.wait([telling], timeout=LOOK_SECONDS)
            self.heard[number] = telling.result()
            _, heard = self.heard[number]
            flow = await chat.flow(TEXT, reaches=heard, within=WRITTEN_SECONDS)
            way.stops, way.verdict = stops_of(flow), verdict(flow, heard)
        except Exception as error:  # a lane that fails leaves the stage to be measured
            self.failed[number], way.verdict = error, (BROKEN, short_reason(error))
        finally:
            telling.cancel()

    def go_on(self):
        """Show each lane one stop further than before; returns the race."""
        for way in self.ways.values():
            way.shown = min(way.shown + 1, len(way.stops))
            if way.shown and self.moved_after is None:
                self.moved_after = time.monotonic() - self.began
        return self

    def end(self):
        """Show each lane as far as its message has come."""
        self.is_over = True
        for way in self.ways.values():
            way.shown = len(way.stops)

    # --- what it shows ------------------------------------------------------------------------

    def lanes(self):
        return [lane_of(find_stage(number), way) for number, way in self.ways.items()]

    def picture(self):
        return lanes.Lanes(TITLE, ABOUT, self.lanes())

    def lane_reasons(self):
        """Why a lane has broken off while its stage ran: a sentence each."""
        failed = self.failed.items()
        return [f"{find_stage(number).called}, its lane: {reason(e)}" for number, e in failed]

    def reasons(self):
        return [*self.lane_reasons(), *self.survey.reasons()]


def lane_of(stage, way):
    there = stations_of(stage.folder)
    has = {"client", "server", "handler", "database", "bob", "carol"} | {"layer"} & {*there}
    handler = "consumer" if "consumer" in there else "view"
    kinds = {"handler": handler, "receivers": "hub" if "hub" in there else handler}
    if stage.number > 1:  # where there is nothing but pages, nobody can wait
        has |= {"receivers A", "receivers B"}
    over = way.verdict if way.is_shown else None
    end, says = over or (RUNNING, "Alice writes" if way.verdict else way.says)
    stops = way.stops[: way.shown]
    return Lane(stage.short, stage.title, frozenset(has), kinds, stops, says, end)


def verdict(flow, heard):
    if found := ENDS.get(tuple(sorted(heard))):
        return found
    alone = BACK in stops_of(flow)
    return NOBODY, "only Alice's own socket" if alone else "nobody, until they reload"


def short_reason(error):
    return f"broke off: {type(error).__name__}"


# --- from the trace -------------------------------------------------------------------------------


def stops_until_now(chat):
    book = Book(chat.tracing.hops())
    trace = find_message(book, TEXT)
    return stops_of(make_flow(book, trace, chat.scene())) if trace else ()


def stops_of(flow):
    """The stops of a lane that the message has come to, in that order."""
    writer = name_of(flow.hops[0].source)
    stops = [stop_of(hop, flow, writer) for hop in flow.hops if not hop.lost]
    return tuple(dict.fromkeys(["client", *filter(None, stops)]))


def stop_of(hop, flow, writer):
    """The stop at which a hop ends; None if that is none, as the routing."""
    place, name = entering(hop, flow), name_of(hop.target)
    if place == "consumers":
        return f"receivers {instance_of(hop.target)}"
    if place != "clients":
        return place if place in lanes.TRUNK else None
    if name != writer:
        return name
    return BACK if hop.kind == "websocket" else None  # a form is answered with a redirect
