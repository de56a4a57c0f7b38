"""The stations of a flow as lifelines, from left to right, with their titles."""

from .flow import WORKER, Station, instance_of, kind_of, name_of

SERVERS = {
    "gunicorn": ("gunicorn", "WSGI server"),
    "daphne": ("Daphne", "ASGI server"),
    "uvicorn": ("Uvicorn", "ASGI server"),
    "hypercorn": ("Hypercorn", "ASGI server"),
    "granian": ("Granian", "ASGI server"),
    "gunicorn-asgi": ("gunicorn", "ASGI server"),
}

# The way that a message takes where it comes in, and where it goes out.
INWARD = ("command", "server", "routing", "view", "consumer", "hub", "layer")
OUTWARD = ("layer", "hub", "consumer", "view", "routing", "server")


def stations(flow, scene, titles):
    """The lifelines from left to right: the sender's process, what all share, the others."""
    hops = flow.handshake + flow.hops
    touched = list(dict.fromkeys(end for hop in hops for end in (hop.source, hop.target)))
    origin, others = processes_of(flow, touched)
    builder = Stations(flow, scene, titles, touched)
    yield from builder.clients(origin)
    yield from builder.panel(origin, INWARD)
    yield from builder.shared()
    for process in others:
        yield from builder.panel(process, OUTWARD)
        yield from builder.clients(process)


def processes_of(flow, touched):
    """The process where the message came in, an instance or a command, and the others."""
    inside = {*map(instance_of, touched), *(missed.process for missed in flow.missed)}
    first = flow.hops[0]
    origin = instance_of(first.source) or instance_of(first.target)
    # The worker stands next to what all share: it gets its jobs from there, and answers there.
    return origin, sorted(inside - {origin, None}, key=lambda process: (process != WORKER, process))


class Stations:
    """Makes the lifelines of one flow: those it touched, and those it should have touched."""

    def __init__(self, flow, scene, titles, touched):
        self.flow, self.scene, self.titles, self.touched = flow, scene, titles, touched
        self.hops = flow.handshake + flow.hops
        self.sender = flow.hops[0].source

    def clients(self, process):
        """The clients of one instance, the sender first."""
        found = [self.client_at(hop, process) for hop in self.hops]
        missed = [missed.client for missed in self.flow.missed if missed.process == process]
        found += [client for client in missed if kind_of(client) == "client"]
        names = sorted(set(found) - {None}, key=lambda client: (client != self.sender, client))
        for client in names:
            yield Station(client, "client", None, name_of(client), "client", client in self.touched)

    def client_at(self, hop, process):
        for end, other in ((hop.source, hop.target), (hop.target, hop.source)):
            if kind_of(end) == "client" and other == f"server/{process}":
                return end

    def panel(self, process, kinds):
        """The stations inside one instance."""
        expected = self.expected(process)
        for kind in kinds:
            for station in sorted({*self.touched, *expected}, key=self.senders_first):
                if kind_of(station) == kind and instance_of(station) == process:
                    reached = station in self.touched
                    yield Station(station, kind, process, *self.words(station), reached)

    def expected(self, process):
        """What the message would have touched if it had reached those it missed."""
        missed = [each for each in self.flow.missed if each.process == process]
        handlers = [each.handler for each in missed if each.handler]
        stations = [f"server/{process}"] if handlers and process != WORKER else []
        if any(hop.target.startswith("layer/") and instance_of(hop.target) for hop in self.hops):
            stations += [f"layer/{process}"] if handlers else []
        return stations + handlers

    def senders_first(self, station):
        return not name_of(station).startswith(f"{name_of(self.sender)}@"), station

    def shared(self):
        for kind in ("database", "layer"):
            for station in sorted(self.touched):
                if kind_of(station) == kind and not instance_of(station):
                    yield Station(station, kind, None, *self.words(station))

    def words(self, station):
        """Title and subtitle of a station."""
        kind, name = kind_of(station), name_of(station)
        who, _, process = name.rpartition("@")
        if kind == "server":
            title, subtitle = SERVERS[self.scene.server_of(name)]
            return f"{title} {name}", subtitle
        if kind in ("consumer", "view"):
            # A worker's consumer belongs to no client: its jobs come by the channel of this name.
            whose = f"{who}'s" if process != WORKER else f"channel {who}"
            title = self.titles.get(station, WORKER if process == WORKER else kind)
            return title, f"{whose}, in {process}"
        if kind == "hub":
            # A command's has none, and tells the layer only.
            count = "no" if f"command/{name}" in self.touched else "all"
            return f"hub {name}", f"{count} sockets here"
        if kind == "layer" and name.startswith("redis-"):
            return f"Redis {name[6:]}", "channel layer"
        if kind == "layer" and name.startswith("all-"):
            return f"{name[4:]} layer", "of all processes"
        has_sockets = any(hop.detail.get("socket") for hop in self.hops)
        return {
            "command": (f"manage.py {name}", "a command"),
            "routing": (f"routing {name}", "URLRouter" if has_sockets else "URLconf"),
            "layer": ("in-memory layer", f"of {name}"),
            "database": ("database", "SQLite"),
        }[kind]
