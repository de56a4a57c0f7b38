"""Which of the walkthrough's stations the hops of a flow touched: the content of the flow map."""

from collections import Counter
from dataclasses import dataclass, replace

from .folding import station_titles

WALK = ("client", "server", "routing", "handler", "layer", "consumers", "clients", "database")
# In which order a message passes them; waiting views read the database.
ORDER = ("client", "server", "routing", "handler", "database", "layer", "consumers", "clients")
# A hub, which stands in for the consumers, tells its own sockets first and the layer then.
HUB_ORDER = (*ORDER[:5], "consumers", "layer", "clients")
HINTED = ("consumers", "layer")
TITLES = {
    "routing": "Routing",
    "layer": "Channel layer",
    "clients": "Clients",
    "database": "Database",
}
HANDLERS = ("view", "consumer")


@dataclass(frozen=True)
class Place:
    """One station of the walkthrough.

    `state`: "lit", "once" (by the handshake only), "unreached", "absent" (this stage has none) or
    "lost" (the message was refused here, with `code`, or never arrived). `missed` counts clients.
    """

    name: str
    kind: str
    title: str
    about: str
    state: str
    code: str = ""
    missed: int = 0


@dataclass(frozen=True)
class Way:
    """From one place to another, as a hop went; `once` if only at the handshake.

    `beside`: another way leads back, and both are to be seen, taken or not.
    """

    source: str
    target: str
    kind: str
    once: bool = False
    beside: bool = False


def find_places(flow):
    """The places to show, by name."""
    kinds, touched, has = station_kinds(flow), touched_stations(flow), flow.has
    lost_at, code = place_of_loss(flow)
    places = {}
    for name in WALK:
        if name == "database" and not touched[name]:
            continue
        kind = place_kind(name, touched[name], kinds, has)
        state = place_state(name, kind, flow, touched[name], has)
        state = "lost" if name == lost_at else state
        about = describe(name, state, touched[name], kinds, station_titles(flow))
        marks = code if name == lost_at else "", len(flow.unreached()) if name == "clients" else 0
        places[name] = Place(name, kind, place_title(name, kind, flow), about, state, *marks)
    return places


def station_kinds(flow):
    return {station.id: station.kind for station in flow.stations}


def main_hops(flow):
    """The message's hops; the handshake's, if it came to no message."""
    return flow.hops or flow.handshake


def touched_stations(flow):
    """{place: ids of its touched stations, in order}."""
    hops, touched = main_hops(flow), {name: {} for name in WALK}
    for hop in hops[:1]:
        touched[leaving(hop, flow)][hop.source] = True
    for hop in hops:
        if not (hop.lost and entering(hop, flow) == "clients"):
            touched[entering(hop, flow)][hop.target] = True
    return {name: list(stations) for name, stations in touched.items()}


def leaving(hop, flow):
    """The place at a hop's source."""
    kind = station_kinds(flow).get(hop.source)
    if kind in HANDLERS:
        return "handler"
    if kind == "hub":
        return "consumers"  # it stands in for them: it writes to all sockets of its process
    return "client" if kind in (None, "client", "command") else kind


def entering(hop, flow):
    """The place at a hop's target; a consumer that the layer wakes is a receiver, no handler."""
    kinds = station_kinds(flow)
    kind, sent_by = kinds.get(hop.target), kinds.get(hop.source)
    if kind in HANDLERS:
        stranger = hop.target not in handlers(flow)
        woken = sent_by == "layer" or (sent_by == "database" and stranger)
        return "consumers" if woken else "handler"
    if kind == "hub":
        return "consumers"
    return "clients" if kind in (None, "client", "command") else kind


def handlers(flow):
    """Stations that the message came in to; a waiting view's request came in before."""
    kinds = station_kinds(flow)
    return {hop.target for hop in main_hops(flow) if kinds.get(hop.source) in ("server", "routing")}


def place_kind(name, touched, kinds, has):
    if name in ("client", "handler", "consumers") and touched:
        return kinds.get(touched[0], name)
    if name == "handler":
        known = [*kinds.values(), *(has or ())]
        return next((kind for kind in known if kind in HANDLERS), "view")
    if name == "consumers" and "hub" in (has or ()):
        return "hub"
    return {"consumers": "consumer", "clients": "client"}.get(name, name)


def place_state(name, kind, flow, touched, has):
    if touched:
        return "lit"
    if has is not None and kind not in {*has, "client", "server", "routing"}:
        return "absent"
    kinds = station_kinds(flow)
    shaken = {kinds.get(station) for hop in flow.handshake for station in (hop.source, hop.target)}
    return "once" if name == "routing" and "routing" in shaken else "unreached"


def place_of_loss(flow):
    """Where the first loss happened, and its code: a refusal at its source, else at its target."""
    for hop in flow.handshake + flow.hops:
        if hop.lost:
            code = hop.detail.get("code")
            return (entering(hop, flow), "") if code is None else (leaving(hop, flow), str(code))
    return None, ""


def place_title(name, kind, flow):
    if name == "server":
        names = [station.subtitle for station in flow.stations if station.kind == "server"]
        return names[0] if names else "Server"
    if name == "consumers":
        return f"{kind.capitalize()}s"
    return TITLES.get(name, kind.capitalize())


def describe(name, state, touched, kinds, titles):
    if state == "once":
        return "once, at the handshake"
    if not touched:
        return {"absent": "not in this stage", "lost": "never arrived"}.get(state, "not reached")
    count = len(touched)
    if name in ("consumers", "clients"):
        # Who was away is told by a consumer, even where a hub tells all others.
        nouns = Counter(kinds.get(station, name[:-1]) for station in touched)
        return ", ".join(f"{n} {noun}{'s' * (n > 1)}" for noun, n in nouns.items())
    noun = {"layer": "shard"}.get(name, kinds.get(touched[0], name))
    return f"{count} {noun}s" if count > 1 else titles.get(touched[0], touched[0])


def find_ways(flow):
    """The ways onward that hops went, each once; of the handshake's only those through routing.

    What was refused went no further; what was lost shows the way on which it was.
    """
    hops, ways = flow.hops + flow.handshake, {}
    answering = "consumers" if touched_stations(flow)["consumers"] else "handler"
    for i, hop in enumerate(hops):
        source, target = leaving(hop, flow), entering(hop, flow)
        if (source, target) == ("server", "clients"):
            source = answering
        once = bool(flow.hops) and i >= len(flow.hops)
        if is_onward(source, target, hop) and (not once or "routing" in (source, target)):
            ways.setdefault((source, target), Way(source, target, hop.kind, once))
    order = HUB_ORDER if HINTED in ways else ORDER
    found = sorted(ways.values(), key=lambda way: order.index(way.source))
    return [replace(way, beside=is_beside(way.source, way.target, ways)) for way in found]


def is_beside(source, target, ways):
    """Whether a way needs room for one that leads back: the layer's answer to a hub always does."""
    return (source, target) == HINTED or (target, source) in ways


def is_onward(source, target, hop):
    """Whether a hop leads on, not back; waiting views are woken through the database."""
    pair = source, target
    turned = pair in (HINTED, ("database", "consumers"))
    return (turned or WALK.index(source) < WALK.index(target)) and "code" not in hop.detail
