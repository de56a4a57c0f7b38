"""From everything that a run has recorded to the flow of one message, request or handshake.

Pure functions, too: what they need to know of the run besides its hops is a `Scene`.
"""

from dataclasses import dataclass, replace
from itertools import takewhile

from .flow import Flow, kind_of, name_of, summary
from .lifelines import stations
from .missed import find_missed, untaken_jobs
from .order import Names, in_order


@dataclass(frozen=True)
class Scene:
    """What runs: the stage's title, {instance: its server}, what has ended, what there is.

    `stopped` names the processes that stand still (SIGSTOP).
    """

    title: str
    servers: dict[str, str]
    ended: tuple[str, ...] = ()
    has: tuple[str, ...] | None = None
    stopped: tuple[str, ...] = ()

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
    stored = stored_among(own)
    joined, waited = waiting_readers(book, stored) if stored else ([], [])
    joined += [*returning_readers(book, stored), *healing_hubs(book, stored)] if stored else []
    handshake = [*senders_handshake(book, trace), *waited]
    missed = find_missed(book, [*own, *joined], stored, scene) if stored else []
    names = Names(book, [*handshake, *own, *joined], missed)
    ordered = [*in_order(handshake, names), *in_order([*own, *joined], names)]
    renamed = tuple(since(own[0].at, names.rename(ordered)))
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


def since(first, hops):
    """The hops, each with its time since the first one, in ns: below zero, if it was before."""
    for hop in hops:
        yield replace(hop, passed=hop.passed | {"after": hop.at - first})


def stored_among(hops):
    """The hop by which a message was stored, or None."""
    return next((hop for hop in hops if "stored" in hop.detail), None)


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
        read = first_reading(hops, stored)
        if read and trace != stored.trace and hops[0].at < stored.at:
            index = hops.index(read)
            answer = [hop for hop in hops[index + 1 :] if about(hop, stored)]
            answer = takewhile(lambda hop: hop.kind != "database", answer)
            joined += relink([replace(read, cause=stored.id), *answer], stored)
            waited += [hop for hop in hops[:index] if not hop.detail.get("messages")]
    return joined, waited


def returning_readers(book, stored):
    """The hops by which a message came to people who were away, and who asked for it later."""
    joined = []
    for connection in book.connections:
        opening = book.opening(connection)
        read = first_reading(opening, stored)
        if read and book.is_socket(connection) and opening[0].at > stored.at:
            sent = [hop for hop in opening if hop.at > read.at and says(hop, stored)]
            hops = relink([replace(read, cause=stored.id), *sent], stored)
            joined += [replace(hop, detail=hop.detail | {"on_return": True}) for hop in hops]
    return joined


def healing_hubs(book, stored):
    """The hops by which a hub that had no hint found a message in the database, and sent it on."""
    joined = []
    for trace, hops in book.traces.items():
        read = first_reading(hops, stored)
        if read and trace != stored.trace and kind_of(read.target) == "hub":
            sent = [hop for hop in hops if hop.at > read.at and says(hop, stored)]
            joined += [replace(read, cause=stored.id), *sent]
    return joined


def first_reading(hops, stored):
    """The first of these hops by which the message was read from the database, or None."""
    later = (hop for hop in hops if hop.kind == "database" and hop.at > stored.at)
    return next((hop for hop in later if says(hop, stored)), None)


def says(hop, stored):
    return stored.detail["stored"] in hop.detail.get("messages", ())


def about(hop, stored):
    return "messages" not in hop.detail or says(hop, stored)


def relink(hops, stored):
    """A chain of its own for what is left of a reader's hops, each about the message."""
    linked, about_it = [], {"messages": [stored.detail["stored"]]}
    for hop in hops:
        cause = linked[-1].id if linked else hop.cause
        linked.append(replace(hop, cause=cause, detail=hop.detail | about_it))
    return linked


def headline(flow, stored):
    """What it is, in a few words: who writes what, or who asks for what."""
    first = flow.hops[0]
    if not stored:
        return f"{name_of(first.source)}: {first.label}"
    author = stored.detail.get("author", name_of(first.source))
    return f"{author} writes “{stored.detail.get('text', '')}”"


def stations_of(folder):
    """The kinds of station that the stage in this folder has."""
    found = ["client", "server", "routing", "view", "database"]
    for kind, name in (("consumer", "consumers.py"), ("hub", "hub.py")):
        found += [kind] if (folder / "chat" / name).is_file() else []
    settings = (folder / "websockets_channels" / "settings.py").read_text()
    return tuple(found + (["layer"] if "CHANNEL_LAYERS" in settings else []))
