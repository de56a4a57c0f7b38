"""Round Channels: routing at the handshake, and each event that reaches a consumer."""

import functools

from channels.consumer import AsyncConsumer, SyncConsumer, get_handler_name
from channels.routing import URLRouter

from .asgi_application import CONNECTION
from .lines import first_line
from .passed import as_json
from .recorder import PROCESS, ROUTING, SERVER, TICKET, Way, current, working_for


def install():
    URLRouter.__call__ = traced_router(URLRouter.__call__)
    AsyncConsumer.__call__ = traced_start(AsyncConsumer.__call__)
    AsyncConsumer.dispatch = traced_dispatch(vars(AsyncConsumer)["dispatch"])
    SyncConsumer.dispatch = traced_dispatch(vars(SyncConsumer)["dispatch"])


def traced_router(call):
    @functools.wraps(call)
    async def traced(self, scope, receive, send):
        way = current.get()
        # Routers may stand inside each other: only the first counts.
        if way and way.station == SERVER:
            way.hop("inside", ROUTING, f"route {scope['path']}")
            way.handler = ROUTING
        return await call(self, scope, receive, send)

    return traced


def traced_start(call):
    @functools.wraps(call)
    async def traced(self, scope, receive, send):
        if way := current.get():
            kwargs, name = scope.get("url_route", {}).get("kwargs", {}), type(self).__name__
            passed = {"line": first_line(type(self))}
            way.enter_call(station_of(scope), name, kwargs, passed, consumer=name)
        return await call(self, scope, receive, send)

    return traced


def station_of(scope):
    if scope["type"] == "channel":
        # No connection of a client: a worker's consumer is known by the channel of its jobs.
        return f"consumer/{scope['channel']}@{PROCESS}"
    return f"consumer/{scope.get(CONNECTION, PROCESS)}"


def traced_dispatch(dispatch):
    @functools.wraps(dispatch)
    async def traced(self, message):
        ticket = message.get(TICKET)
        if not ticket:
            return await dispatch.__get__(self, type(self))(message)
        # A copy without the ticket: the layer hands the same object to several consumers.
        message = {key: value for key, value in message.items() if key != TICKET}
        way = Way.of_ticket(ticket, source_of(self, ticket))
        kind, event = "inside" if way.station == SERVER else "layer", message["type"]
        handler = f"{event} → {get_handler_name(message)}()"
        label = event if event.startswith("websocket.") else handler
        names = {"consumer": type(self).__name__, "event": event}
        what = "ASGI event" if kind == "inside" else "the layer carried"
        passed = {what: as_json(message), "line": line_of_handler(type(self), event)}
        way.enter(kind, station_of(self.scope), label, passed, **names)
        entered = way.last
        try:
            with working_for(way):
                await dispatch.__get__(self, type(self))(message)
        except Exception as error:
            error.flowtrace = way
            raise
        finally:
            if not way.goes_on:
                way.done(entered)

    return traced


@functools.lru_cache(1_000)
def line_of_handler(consumer, event):
    """Where the stage's own code for an event begins; handlers of Channels go on to the others."""
    name = get_handler_name({"type": event})
    short = name.removeprefix("websocket_")
    return first_line(*(getattr(consumer, each, None) for each in (name, short, f"{short}_json")))


def source_of(consumer, ticket):
    """The server, for an event of the client; else the layer's station that it came out of."""
    station = ticket.split()[2]
    if station == "-":
        return SERVER
    if consumer.scope["type"] == "channel":
        # A job, from the layer that it was sent into: a consumer knows only the default one.
        return station
    # The queue layer may keep a group on one Redis server and this process's queue on another.
    layer = consumer.channel_layer
    is_queue = hasattr(layer, "consistent_hash")
    return layer.station_of_channel(consumer.channel_name) if is_queue else station
