"""From everything that a run has recorded to the flow of one message, request or handshake.

Pure functions, too: what they need to know of the run beside its hops is a `Scene`.
"""

import itertools
from collections import defaultdict
from dataclasses import dataclass, replace

from .book import WAITING_VIEWS
from .flow import WORKER, Flow, Missed, kind_of, name_of, process_of, summary
from .lifelines import stations


@dataclass(frozen=True)
class Scene:
    """What runs: the stage's title, {instance: its server}, what has ended, what there is."""

    title: str
    servers: dict[str, str]
    ended: tuple[str, ...] = ()
    has: tuple[str, ...] | None = None

    def server_of(self, process):
        """That of an instance; a worker's is drawn as the first instance's."""
        return self.servers.get(process, next(iter(self.servers.values())))


# --- choosing -----------------------------------------------------------------------------------


def find_message(book, text):
    """The trace of the newest message with this text, or None."""
    for hop in reversed(book.hops):
        starts = "stored" in hop.detail or kind_of(hop.source) == "client"
        if starts and hop.detail.get("text") == text:
            return hop.trace


def find_request(book, client, label=""):
    """The trace of the newest thing that a client began and whose first hop says `label`."""
    for hop in reversed(book.hops):
        began = kind_of(hop.source) == "client" and book.names[name_of(hop.source)] == client
        if began and label in hop.label:
            return hop.trace


# --- assembling ---------------------------------------------------------------------------------


def make_flow(book, trace, scene):
    """The flow of one trace: with the sender's handshake, waiting readers, and those it missed."""
    own = book.traces[trace]
    stored = next((hop for hop in own if "stored" in hop.detail), None)
    joined, waited = waiting_readers(book, stored) if stored else ([], [])
    joined += [*returning_readers(book, stored), *healing_hubs(book, stored)] if stored else []
    handshake = [*senders_handshake(book, trace), *waited]
    missed = find_missed(book, [*own, *joined], stored, scene) if stored else []
    names = Names(book, [*handshake, *own, *joined], missed)
    ordered = [*in_order(handshake, names), *in_order([*own, *joined], names)]
    renamed = tuple(names.rename(ordered))
    flow = Flow(
        title=scene.title,
        subtitle="",
        stations=(),
        handshake=renamed[: len(handshake)],
        hops=renamed[len(handshake) :],
        missed=(*names.missed(missed), *untaken_jobs(renamed)),
        opening="waiting since before" if waited else "at the handshake, once",
        has=scene.has,
    )
    flow = replace(flow, headline=headline(flow, stored))
    flow = replace(flow, subtitle=summary(flow))
    return replace(flow, stations=tuple(stations(flow, scene, names.titles(renamed))))


def senders_handshake(book, trace):
    """The hops of the sender's handshake, if the message came by WebSocket."""
    first = book.traces[trace][0]
    if kind_of(first.source) != "client":
        return []
    opening = book.opening(name_of(first.source))
    return opening if opening[0].trace != trace and book.is_socket(name_of(first.source)) else []


def waiting_readers(book, stored):
    """What a message did to requests that waited for it: the hops since they read it, and before.

    They are joined by the message's id, for their way leads through the database.
    """
    joined, waited = [], []
    for trace, hops in book.traces.items():
        read = next((hop for hop in hops if reads(hop, stored)), None)
        if read and trace != stored.trace and hops[0].at < stored.at:
            index = hops.index(read)
            answer = [hop for hop in hops[index + 1 :] if about(hop, stored)]
            joined += relink([replace(read, cause=stored.id), *until_next_read(answer)], stored)
            waited += [hop for hop in hops[:index] if not says_message(hop)]
    return joined, waited


def returning_readers(book, stored):
    """The hops by which a message came to people who were away, and who asked for it later."""
    joined = []
    for connection in book.connections:
        opening = book.opening(connection)
        read = next((hop for hop in opening if reads(hop, stored)), None)
        if read and book.is_socket(connection) and opening[0].at > stored.at:
            sent = [hop for hop in opening if hop.at > read.at and says(hop, stored)]
            hops = relink([replace(read, cause=stored.id), *sent], stored)
            joined += [replace(hop, detail={**hop.detail, "on_return": True}) for hop in hops]
    return joined


def healing_hubs(book, stored):
    """The hops by which a hub that had no hint found a message in the database, and sent it on."""
    joined = []
    for trace, hops in book.traces.items():
        read = next((hop for hop in hops if reads(hop, stored)), None)
        if read and trace != stored.trace and kind_of(read.target) == "hub":
            sent = [hop for hop in hops if hop.at > read.at and says(hop, stored)]
            joined += [replace(read, cause=stored.id), *sent]
    return joined


def reads(hop, stored):
    return (
        hop.kind == "database"
        and hop.at > stored.at
        and stored.detail["stored"] in hop.detail.get("messages", ())
    )


def says_message(hop):
    return bool(hop.detail.get("messages"))


def says(hop, stored):
    return stored.detail["stored"] in hop.detail.get("messages", ())


def about(hop, stored):
    return stored.detail["stored"] in hop.detail.get("messages", [stored.detail["stored"]])


def until_next_read(hops):
    for hop in hops:
        if hop.kind == "database":
            return
        yield hop


def relink(hops, stored):
    """A chain of its own for what is left of a reader's hops, each about the message."""
    linked = []
    for hop in hops:
        cause = linked[-1].id if linked else hop.cause
        linked.append(
            replace(hop, cause=cause, detail={**hop.detail, "messages": [stored.detail["stored"]]})
        )
    return linked


# --- who was missed -----------------------------------------------------------------------------


def find_missed(book, hops, stored, scene):
    """(connection, reason) of everybody who was in the room and has not got the message."""
    room_name = stored.detail.get("room_name")
    got = {
        name_of(hop.target) for hop in hops if kind_of(hop.target) == "client" and says_message(hop)
    }
    sender = name_of(hops[0].source)
    listeners = [
        name
        for name in book.listeners(room_name, stored.at)
        if not has_changed_over(name, got, book, scene)
    ]
    missed = [(name, why_missed(name, hops, scene)) for name in listeners if name not in got]
    missed += [
        (name, "was away, and is told nothing of it on the return")
        for name in book.returned(room_name, stored.at)
        if name not in got
    ]
    if not listeners and not got and not any(book.is_socket(name) for name in book.connections):
        viewers = book.page_viewers(room_name, stored.at)
        viewers.pop(book.names.get(sender), None)
        missed = [
            (name, "has the page as it was, until it is loaded again") for name in viewers.values()
        ]
    return missed


def has_changed_over(connection, got, book, scene):
    """Whether somebody whose instance has ended got the message by another one."""
    ended = process_of(f"client/{connection}") in scene.ended
    return ended and book.names[connection] in {book.names[other] for other in got}


def untaken_jobs(hops):
    """A job that was sent to a channel of the worker, and that nobody has taken from there."""
    taken = {hop.cause for hop in hops if kind_of(hop.target) == "consumer"}
    for hop in hops:
        channel = hop.detail.get("channel", "!")
        if hop.label == f"send {channel}" and "!" not in channel and hop.id not in taken:
            consumer = f"consumer/{channel}@{WORKER}"
            yield Missed(consumer, WORKER, "no worker has taken this job", consumer)


def why_missed(connection, hops, scene):
    process, origin = process_of(f"client/{connection}"), process_of(hops[0].target)
    failed = next((hop for hop in hops if hop.lost and kind_of(hop.target) == "layer"), None)
    layers = [hop for hop in hops if hop.kind == "layer"]
    if process in scene.ended:
        return f"instance {process} has ended"
    if failed:
        return f"the channel layer failed: {failed.label}"
    if not layers:
        if process != origin:
            return f"whoever waits in {process} is not woken by {origin}"
        return "no consumer knows of another one"
    if layers[0].target.startswith("layer/redis"):
        return "nothing came out of Redis for this channel"
    sender = process_of(layers[0].target)
    return f"group_send in {sender} reaches only the channels of {sender}"


# --- order --------------------------------------------------------------------------------------


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
        return 1, names.first_receiver(hop, hops), 0, hop.at
    if kind_of(hop.source) == "layer" and not hop.lost:
        return 1, names.of(hop.target), 1, hop.at
    if kind_of(hop.source) == "database" and kind_of(hop.target) != "hub":
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
        for connection in connections:
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
        return f"{kind}/{self.people[name]}" + (
            f"@{process_of(station)}" if kind != "client" else ""
        )

    def first_receiver(self, hop, hops):
        """The first, by name, of those in a hop's process whom the message reached."""
        process = hop.detail["process"]
        stations = [
            other.target
            for other in hops
            if kind_of(other.source) == "layer" and other.cause == hop.cause
        ]
        return min(
            (self.of(name) for name in stations if process_of(name) == process), default=process
        )

    def rename(self, hops):
        # Redis commands are counted apart: how many there are may differ from run to run, and a
        # picture without them is to be the same.
        counts = {kind: itertools.count(1) for kind in ("h", "r")}
        numbers = {}
        for hop in hops:
            kind = "r" if hop.kind == "redis" else "h"
            numbers[hop.id] = f"{kind}{next(counts[kind])}"
        for hop in hops:
            yield replace(
                hop,
                id=numbers[hop.id],
                cause=numbers.get(hop.cause),
                source=self.station(self.receiver_of(hop, hops)),
                target=self.station(hop.target),
                detail={**hop.detail, "recorded": hop.id},
            )

    def receiver_of(self, hop, hops):
        """Who fetched from Redis: the consumer that the message then went to."""
        if hop.kind == "redis" and hop.detail["fetching"]:
            stations = [
                other.target
                for other in hops
                if kind_of(other.source) == "layer" and other.cause == hop.cause
            ]
            mine = [name for name in stations if process_of(name) == hop.detail["process"]]
            return min(mine, key=self.of, default=hop.source)
        return hop.source

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


def headline(flow, stored):
    """What it is, in a few words: who writes what, or who asks for what."""
    first = flow.hops[0]
    if not stored:
        return f"{name_of(first.source)}: {first.label}"
    author = stored.detail.get("author", name_of(first.source))
    return f"{author} writes “{stored.detail.get('text', '')}”"
