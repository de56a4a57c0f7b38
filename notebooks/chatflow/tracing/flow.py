"""A message's flow: its hops in causal order, the stations they touch, and who was never reached.

Pure functions from recorded hops to what a picture shows; nothing here draws or waits.
"""

from dataclasses import dataclass, replace

from .hops import Hop

# The process that runs a stage's jobs; all others that are traced are instances or commands.
WORKER = "worker"


@dataclass(frozen=True)
class Station:
    """A lifeline. `process` is the instance it belongs to, or None (clients, database, Redis)."""

    id: str
    kind: str  # client, server, routing, view, consumer, hub, layer, database, command
    process: str | None
    title: str
    subtitle: str
    reached: bool = True


@dataclass(frozen=True)
class Missed:
    """Somebody who should have got the message and never did, or a worker that took no job."""

    client: str  # the client's station, or that of the worker's consumer
    process: str  # the instance that this client is connected to, or the worker
    reason: str  # a sentence
    handler: str = ""  # the station of the consumer or view that waits for this client, if any


@dataclass(frozen=True)
class Flow:
    """What one message caused, ready to be drawn.

    `stations` go from left to right. `handshake` are the hops of what was done once before (the
    sender's connection, a reader's waiting request), under the title `opening`; `hops` are those
    of the message. Both are in causal order, concurrent ones by name. `has` are the kinds of
    station that the stage has at all, if that is known.
    """

    title: str
    subtitle: str
    stations: tuple[Station, ...]
    handshake: tuple[Hop, ...]
    hops: tuple[Hop, ...]
    missed: tuple[Missed, ...] = ()
    opening: str = "at the handshake, once"
    has: tuple[str, ...] | None = None
    headline: str = ""

    def sections(self):
        """The parts of its picture, each with a title: what was before, the message, its sequel."""
        later = tuple(hop for hop in self.hops if hop.detail.get("on_return"))
        now = tuple(hop for hop in self.hops if hop not in later)
        parts = (self.opening, self.handshake), ("for each message", now), ("on the return", later)
        return [(title, hops) for title, hops in parts if hops]

    def reached(self):
        """The names of the clients that the message arrived at, sorted."""
        arrived = {hop.target for hop in self.hops if hop.detail.get("messages")}
        return sorted(name_of(station) for station in arrived if kind_of(station) == "client")

    def unreached(self):
        """The names of the clients that it never arrived at, sorted."""
        clients = [one.client for one in self.missed if kind_of(one.client) == "client"]
        return sorted(name_of(client) for client in clients)

    def only(self, *kinds):
        """The same flow with the hops of these kinds only."""
        hops = tuple(hop for hop in self.hops if hop.kind in kinds)
        handshake = tuple(hop for hop in self.handshake if hop.kind in kinds)
        flow = replace(self, hops=hops, handshake=handshake)
        return replace(flow, subtitle=summary(flow)) if self.headline else flow

    def without(self, *kinds):
        """The same flow without the hops of these kinds, as `flow.without("redis")`."""
        return self.only(*{hop.kind for hop in self.hops + self.handshake} - set(kinds))


def summary(flow):
    """One line: what it is, how long its way was, and whom it missed."""
    commands = sum(hop.kind == "redis" for hop in flow.hops)
    counts = [counted(len(flow.hops) - commands, "hop")] if len(flow.hops) > commands else []
    counts += [counted(commands, "Redis command")] if commands else []
    ends = {end for hop in flow.hops for end in (hop.source, hop.target)}
    processes = counted(len({instance_of(end) for end in ends} - {None}), "process", "es")
    words = f"{flow.headline} · {' and '.join(counts)} in {processes}, one trace id"
    return words + (f" · never reached: {', '.join(flow.unreached())}" if flow.unreached() else "")


def counted(count, noun, plural="s"):
    return f"{count} {noun}{'' if count == 1 else plural}"


def instance_of(station):
    """The process of a station in a picture, or None: `consumer/alice@A` belongs to A."""
    kind, name = kind_of(station), name_of(station)
    if kind in ("client", "database") or name.startswith(("redis-", "all-")):
        return None
    return name.rpartition("@")[2]


def kind_of(station):
    return station.partition("/")[0]


def name_of(station):
    return station.partition("/")[2]


def process_of(station):
    """The process of a station of a recorded hop: "A" for `consumer/A3`, and for `bot@A` too."""
    return name_of(station).rpartition("@")[2].rstrip("0123456789")
