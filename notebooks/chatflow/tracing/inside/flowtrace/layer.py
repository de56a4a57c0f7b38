"""Round a channel layer: what is sent into it, and who joins and leaves its groups."""

import contextlib

from django.utils.module_loading import import_string

from .lines import failed_line
from .passed import as_json
from .recorder import PROCESS, TICKET, Way, current, in_words


class TracedLayer:
    """Passes everything on to the layer of the stage's own settings."""

    def __init__(self, backend, config):
        self.inner = import_string(backend)(**config)

    def __getattr__(self, name):
        return getattr(self.inner, name)

    @property
    def __class__(self):
        # For isinstance(): code that asks which layer it is must hear what the settings say.
        return type(self.inner)

    async def group_add(self, group, channel):
        with self.visit(f"group_add {group}", group, group=group, channel=channel):
            await self.inner.group_add(group, channel)

    async def group_discard(self, group, channel):
        with self.visit(f"group_discard {group}", group, group=group, channel=channel):
            await self.inner.group_discard(group, channel)

    async def group_send(self, group, message):
        passed = {"the layer carries": as_json(message)}
        with self.visit(f"group_send {group}", group, passed, group=group) as ticket:
            await self.inner.group_send(group, {**message, TICKET: ticket})

    async def send(self, channel, message):
        passed = {"the layer carries": as_json(message)}
        with self.visit(f"send {channel}", channel, passed, channel=channel) as ticket:
            await self.inner.send(channel, {**message, TICKET: ticket})

    async def receive(self, channel):
        try:
            return await self.inner.receive(channel)
        except Exception as error:
            # No message was lost here, but the consumer ends: its socket will close.
            handler = current.get().handler if current.get() else f"command/{PROCESS}"
            way = Way(self.station_of_channel(channel))
            way.enter("lost", handler, in_words(error), {"line": failed_line(error)})
            error.flowtrace = way
            raise

    @contextlib.contextmanager
    def visit(self, label, name, passed=None, **detail):
        """Record a hop to the layer and back; yields the ticket to send along."""
        way = current.get() or Way(f"command/{PROCESS}")
        way.station = way.handler
        station = self.station(name)
        way.visit("layer", station, label, passed, **detail)
        sent = way.last
        try:
            yield way.ticket(station)
        except Exception as error:
            way.visit("lost", station, in_words(error))
            raise
        finally:
            way.done(sent)

    def station(self, name):
        """The in-memory layer of this process, the Redis server that keeps this name, or another
        layer, which all processes share."""
        if hasattr(self.inner, "consistent_hash"):
            return f"layer/redis-{self.inner.consistent_hash(name) + 1}"
        if hasattr(self.inner, "_get_layer"):
            # The pub/sub layer hashes the full name of the Redis channel.
            layer = self.inner._get_layer()
            shard = layer._get_shard(layer._get_group_channel_name(name))
            return f"layer/redis-{layer._shards.index(shard) + 1}"
        kind = type(self.inner)
        if kind.__module__ == "channels.layers":
            return f"layer/{PROCESS}"
        return f"layer/all-{kind.__name__.removesuffix('Layer').removesuffix('Channel')}"

    def station_of_channel(self, channel):
        """Where a process fetches from: the queue layer keeps one queue per process."""
        if hasattr(self.inner, "consistent_hash"):
            return self.station(self.inner.non_local_name(channel) if "!" in channel else channel)
        return self.station(channel)
