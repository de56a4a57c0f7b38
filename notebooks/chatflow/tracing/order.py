"""In which order a flow's hops are drawn, and under which names: the same ones in every run."""

import itertools
from collections import defaultdict
from dataclasses import replace

from .book import WAITING_VIEWS
from .flow import Missed, kind_of, name_of, process_of


def in_order(hops, names):
    """Hops in causal order; what goes on at the same time is sorted by the client's name."""
    known, children, roots = {hop.id for hop in hops}, defaultdict(list), []
    for hop in hops:
        (children[hop.cause] if hop.cause in known else roots).append(hop)
    ordered, waiting = [], sorted(roots, key=lambda hop: order(hop, hops, names), reverse=True)
    while waiting:
        hop = waiting.pop()
        ordered.append(hop)
        rest = sorted(children[hop.id], key=lambda child: order(child, hops, names), reverse=True)
        waiting += rest
    return ordered


def order(hop, hops, names):
    """First what a call makes Redis do, then its receivers, then its sender, last who came late."""
    if hop.detail.get("on_return"):
        return 3, names.of(hop.target), 1, hop.at
    if hop.kind == "redis":
        if not hop.detail["fetching"]:
            return 0, "", 0, hop.at
        first = next(iter(names.receivers(hop, hops)), None)
        return 1, names.of(first) if first else hop.detail["process"], 0, hop.at
    source, to_hub = kind_of(hop.source), kind_of(hop.target) == "hub"
    if (source == "layer" and not hop.lost) or (source == "database" and not to_hub):
        return 1, names.of(hop.target), 1, hop.at
    if "to" in hop.detail:
        return 1, names.of(hop.detail["to"]), 1, hop.at
    if hop.cause is None:
        return 1, names.of(hop.source), 1, hop.at
    return 2, "", 0, hop.at


class Names:
    """What stations are called in a picture: by who is there, not by numbers that vary."""

    def __init__(self, book, hops, missed):
        self.book = book
        touched = {name_of(end) for hop in hops for end in (hop.source, hop.target)}
        connections = [name for name in book.connections if name in touched]
        connections += [name for name, _ in missed]
        self.people, taken = {}, defaultdict(int)
        # The sender may be among those whom the message has missed.
        for connection in dict.fromkeys(connections):
            name = book.names[connection]
            if book.is_socket(connection) or book.view_of(connection) in WAITING_VIEWS:
                taken[name] += 1
                name = f"{name} {taken[name]}" if taken[name] > 1 else name
            self.people[connection] = name

    def of(self, station):
        return self.people.get(name_of(station), name_of(station))

    def station(self, station):
        """The name of a station in the picture: `client/alice`, `consumer/alice@A`."""
        kind, name = kind_of(station), name_of(station)
        if name not in self.people:
            return station
        where = "" if kind == "client" else f"@{process_of(station)}"
        return f"{kind}/{self.people[name]}{where}"

    def receivers(self, hop, hops):
        """The stations in a hop's process that the message reached by the same call."""
        caused = [other for other in hops if other.cause == hop.cause]
        stations = [other.target for other in caused if kind_of(other.source) == "layer"]
        process = hop.detail["process"]
        return sorted((one for one in stations if process_of(one) == process), key=self.of)

    def rename(self, hops):
        # Redis commands are counted apart: how many there are may differ from run to run, and a
        # picture without them is to be the same.
        counts, numbers = {kind: itertools.count(1) for kind in "hr"}, {}
        for hop in hops:
            kind = "r" if hop.kind == "redis" else "h"
            numbers[hop.id] = f"{kind}{next(counts[kind])}"
        for hop in hops:
            # It was fetched from Redis by the consumer that the message then went to.
            fetched = hop.kind == "redis" and hop.detail["fetching"]
            source = next(iter(self.receivers(hop, hops) if fetched else ()), hop.source)
            yield replace(
                hop,
                id=numbers[hop.id],
                cause=numbers.get(hop.cause),
                source=self.station(source),
                target=self.station(hop.target),
                detail=hop.detail | {"recorded": hop.id},
            )

    def titles(self, hops):
        """What handled each connection or job, by its station: "ChatConsumer", "view room"."""
        titles = {hop.target: hop.detail["consumer"] for hop in hops if "consumer" in hop.detail}
        for connection in self.people:
            for hop in self.book.opening(connection):
                if "consumer" in hop.detail:
                    titles[self.station(hop.target)] = hop.detail["consumer"]
                if "view" in hop.detail:
                    titles[self.station(hop.target)] = f"view {hop.detail['view']}"
        return titles

    def missed(self, missed):
        for connection, reason in sorted(missed, key=lambda entry: self.people[entry[0]]):
            yield Missed(
                client=f"client/{self.people[connection]}",
                process=process_of(f"client/{connection}"),
                reason=reason,
                handler=self.handler(connection),
            )

    def handler(self, connection):
        """The consumer, or the view, that waits for this client; "" if nothing waits."""
        if self.book.is_socket(connection):
            return self.station(f"consumer/{connection}")
        waits = self.book.view_of(connection) in WAITING_VIEWS
        return self.station(f"view/{connection}") if waits else ""
