"""What `await chat.live()` shows in a cell: a frame with the page, or a still picture of it."""

import asyncio
import html
from functools import cached_property, partial

from ..basics.errors import UsageError
from ..basics.interrupts import finish
from ..clients.visitor import Visitor
from ..drawing.picture import Shown
from .counter import empty_room
from .flow_page import FlowPage
from .person import Person
from .still import still

NAMES = "alice", "bob"
HEIGHT = 1_000  # pixels of a cell
FRAME = (
    '<iframe class="chatflow-live" src="{url}" title="{title}" height="{height}" '
    'style="flex: 1 1 26rem; min-width: 0; border: 0; border-radius: 12px"></iframe>'
)
LINK = '<a href="{url}" target="_blank" rel="noopener">{title}</a>'


async def open_page(chat):
    """A page that shows a running Chat, with two people in a room where nobody has been."""
    places = chat.instances[0], chat.instances[-1]
    for instance in places:
        if instance.program.poll() is not None or instance.program.is_frozen:
            raise UsageError(f"Instance {instance.name} does not run: start it again first.")
    taken = {person.room_name for page in chat.pages for person in page.people}
    room_name = await asyncio.to_thread(empty_room, chat, taken)
    people = [
        await seat(name, instance, room_name) for name, instance in zip(NAMES, places, strict=True)
    ]
    page = FlowPage(0, people)
    chat.pages.append(page)  # before it starts, so that it ends with the chat whatever happens
    await finish(partial(page.start, chat))
    return page


async def seat(name, instance, room_name):
    """Somebody before their page; logged in, where the stage has accounts."""
    async with Visitor(instance, name, fresh=True) as visitor:
        await visitor.log_in()
        return Person(name, instance, room_name, visitor.http.cookies)


class Live(Shown):
    """One chat, or two next to each other, in a cell.

    `urls` says where they are. Of the first chat: `people`, `press` is what the switches do, and
    `counts` what the page counts.
    """

    def __init__(self, pages):
        self.pages, self.urls = pages, [page.url for page in pages]
        self.people = {person.name: person for person in pages[0].people}

    async def press(self, action, name):
        """As in `await live.press("kill", "Instance B")`; returns what a user sees then."""
        return await asyncio.to_thread(self.pages[0].switches.press, name, action)

    def counts(self):
        """What has become of the messages of each of the two people."""
        page = self.pages[0]
        return page.counter.told(page.switches.is_waiting())

    @property
    def html(self):
        """The page in a frame; and its address, for those who are shown no frames."""
        facts = [{"url": page.url, "title": html.escape(page.title)} for page in self.pages]
        frames = "".join(FRAME.format(height=HEIGHT, **fact) for fact in facts)
        links = " and ".join(LINK.format(**fact) for fact in facts)
        row = f'<div style="display: flex; flex-wrap: wrap; gap: 1rem">{frames}</div>'
        return f"{row}<p>In a tab of its own: {links}.</p>"

    @cached_property
    def drawn(self):
        """Of the first: two would be too small to read."""
        page = self.pages[0]
        return still(page.feed.run, page.switches)

    @property
    def text(self):
        """The same on every machine; where the page is, `urls` says."""
        page = self.pages[0]
        parts = [f"{part['name']}: {', '.join(part['known'])}" for part in page.switches.told()]
        return "\n".join([f"{page.title}, with a switch for each part.", *parts])

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, metadata = super()._repr_mimebundle_(include, exclude)
        return {"text/html": self.html, **data}, metadata
