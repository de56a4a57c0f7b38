"""Round the hub of chat_final: what it is told, by its own sockets and by the layer.

And round its consumer, which does without Channels' own loop and `dispatch`.
"""

import functools

from .channels_parts import traced_dispatch, traced_start
from .lines import first_line
from .passed import as_json
from .recorder import HUB, TICKET, Way, current, working_for


def install():
    from chat.consumers import ChatConsumer
    from chat.hub import Hub
    from chat.layer import Layer

    ChatConsumer.__call__ = traced_start(ChatConsumer.__call__)
    ChatConsumer.dispatch = traced_dispatch(ChatConsumer.dispatch)
    ChatConsumer.attempt = continued(ChatConsumer.attempt)
    Hub.listen = apart(Hub.listen)
    Hub.enter = asked(Hub.enter, lambda socket: f"enter {socket.room_name}")
    Hub.announce = asked(Hub.announce, lambda message: f"announce message {message.pk}")
    Hub.hear = traced_hear(Hub.hear)
    Layer.try_to = traced_try(Layer.try_to)
    for name in ("tell_presence", "check_all", "send_heads"):
        setattr(Hub, name, by_itself(getattr(Hub, name)))


def continued(attempt):
    """What goes on in a task of its own, when the dispatch that began it is over."""

    @functools.wraps(attempt)
    def traced(self, handling):
        if way := current.get():
            way.goes_on = True
        return go_on(attempt(self, handling), way, way and way.last)

    async def go_on(attempting, way, entered):
        try:
            await attempting
        finally:
            if way:
                way.done(entered)

    return traced


def apart(listen):
    """Whatever goes on for ever is not part of what began it."""

    @functools.wraps(listen)
    def traced(self):
        with working_for(Way(HUB)):
            listen(self)

    return traced


def by_itself(method):
    """What the hub does from time to time is caused by no message."""

    @functools.wraps(method)
    async def traced(self):
        with working_for(Way(HUB)):
            await method(self)

    return traced


def asked(method, describe):
    """What a consumer, a view or a command asks the hub to do, and waits for."""

    @functools.wraps(method)
    async def traced(self, subject):
        way = current.get()
        if not way:
            return await method(self, subject)
        before, line = way.handler, way.line
        way.station = before
        way.enter("inside", HUB, describe(subject), event=method.__name__)
        entered = way.last
        try:
            return await method(self, subject)
        finally:
            way.done(entered)
            way.station = way.handler = before
            way.line = line

    return traced


def traced_hear(hear):
    @functools.wraps(hear)
    def traced(self, hint):
        ticket = hint.pop(TICKET)
        way = Way.of_ticket(ticket, ticket.split()[2])
        passed = {"the layer carried": as_json(hint), "line": first_line(hear)}
        way.enter("layer", HUB, f"{hint['type']} → hear()", passed, event=hint["type"])
        entered = way.last
        try:
            with working_for(way):
                hear(self, hint)
        finally:
            way.done(entered)

    return traced


def traced_try(try_to):
    """A call of the layer that is not even tried, as the last one has just failed."""

    @functools.wraps(try_to)
    async def traced(self, call, group, *args):
        way = current.get()
        before = way and way.last
        went_well = await try_to(self, call, group, *args)
        if way and not went_well and way.last == before:
            way.station = way.handler
            way.visit("lost", self.layer.station(group), "not tried: it has just failed")
        return went_well

    return traced
