"""Which of the walkthrough's stations the hops of a flow touched: the content of the flow map."""

from collections import Counter
from dataclasses import dataclass, replace

from ..tracing.flow import counted, kind_of
from .folding import station_titles

WALK = ("client", "server", "routing", "handler", "layer", "consumers", "clients", "database")
# In which order a message passes them; waiting views read the database.
ORDER = ("client", "server", "routing", "handler", "database", "layer", "consumers", "clients")
# A hub, which stands in for the consumers, tells its own sockets first and the layer then.
HUB_ORDER = (*ORDER[:5], "consumers", "layer", "clients")
HINTED, WOKEN = ("consumers", "layer"), ("database", "consumers")
HANDLERS = ("view", "consumer")
# Where a kind of station stands, if not at a place of its own name.
AT_SOURCE = {"view": "handler", "consumer": "handler", "hub": "consumers", "command": "client"}
AT_TARGET = {"hub": "consumers", "client": "clients", "command": "clients"}


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
    """From one place to another, its `ends`, as a hop went; `once` if only at the handshake.

    `beside`: another way leads back, and both are to be seen, taken or not.
    """

    ends: tuple[str, str]
    kind: str
    once: bool = False
    beside: bool = False


def find_places(flow):
    """The places to show, by name."""
    touched, titles, places = touched_stations(flow), station_titles(flow), {}
    lost_at, code = place_of_loss(flow)
    for name in WALK:
        if name == "database" and not touched[name]:
            continue
        kind = place_kind(name, touched[name], flow)
        state = "lost" if name == lost_at else place_state(name, kind, flow, touched[name])
        about = describe(name, state, touched[name], titles)
        marks = code if name == lost_at else "", len(flow.unreached()) if name == "clients" else 0
        places[name] = Place(name, kind, place_title(name, kind, flow), about, state, *marks)
    return places


def touched_stations(flow):
    """{place: ids of its touched stations, in order}; the handshake's, if it came to no message."""
    hops, touched = flow.hops or flow.handshake, {name: {} for name in WALK}
    for hop in hops[:1]:
        touched[leaving(hop)][hop.source] = True
    for hop in hops:
        if not (hop.lost and entering(hop, flow) == "clients"):
            touched[entering(hop, flow)][hop.target] = True
    return {name: list(stations) for name, stations in touched.items()}


def leaving(hop):
    """The place at a hop's source; a hub stands in for the consumers of all its sockets."""
    kind = kind_of(hop.source)
    return AT_SOURCE.get(kind, kind)


def entering(hop, flow):
    """The place at a hop's target; a consumer that the layer wakes is a receiver, no handler."""
    kind, sent_by = kind_of(hop.target), kind_of(hop.source)
    if kind not in HANDLERS:
        return AT_TARGET.get(kind, kind)
    woken = sent_by == "layer" or (sent_by == "database" and hop.target not in handlers(flow))
    return "consumers" if woken else "handler"


def handlers(flow):
    """Stations that the message came in to; a waiting view's request came in before."""
    hops = flow.hops or flow.handshake
    return {hop.target for hop in hops if kind_of(hop.source) in ("server", "routing")}


def place_kind(name, touched, flow):
    if name in ("client", "handler", "consumers") and touched:
        return kind_of(touched[0])
    if name == "handler":
        known = [*(station.kind for station in flow.stations), *(flow.has or ())]
        return next((kind for kind in known if kind in HANDLERS), "view")
    if name == "consumers" and "hub" in (flow.has or ()):
        return "hub"
    return name.removesuffix("s")


def place_state(name, kind, flow, touched):
    if touched:
        return "lit"
    if flow.has is not None and kind not in {*flow.has, "client", "server", "routing"}:
        return "absent"
    shaken = {kind_of(end) for hop in flow.handshake for end in (hop.source, hop.target)}
    return "once" if name == "routing" and "routing" in shaken else "unreached"


def place_of_loss(flow):
    """Where the first loss happened, and its code: a refusal at its source, else at its target."""
    for hop in flow.handshake + flow.hops:
        if hop.lost:
            code = hop.detail.get("code")
            return (entering(hop, flow), "") if code is None else (leaving(hop), str(code))
    return None, ""


def place_title(name, kind, flow):
    if name == "server":
        names = [station.subtitle for station in flow.stations if station.kind == "server"]
        return names[0] if names else "Server"
    title = "Channel layer" if name == "layer" else kind.capitalize()
    return f"{title}s" if name in ("consumers", "clients") else title


def describe(name, state, touched, titles):
    if state == "once":
        return "once, at the handshake"
    if not touched:
        return {"absent": "not in this stage", "lost": "never arrived"}.get(state, "not reached")
    counts = Counter(map(kind_of, touched))
    if name in ("consumers", "clients"):
        # Who was away is told by a consumer, even where a hub tells all others.
        return ", ".join(counted(count, noun) for noun, count in counts.items())
    if len(touched) == 1:
        return titles.get(touched[0], touched[0])
    return counted(len(touched), "shard" if name == "layer" else kind_of(touched[0]))


def find_ways(flow):
    """The ways onward that hops went, each once; of the handshake's only those through routing.

    What was refused went no further; what was lost shows the way on which it was.
    """
    hops, ways = flow.hops + flow.handshake, {}
    answering = "consumers" if touched_stations(flow)["consumers"] else "handler"
    for i, hop in enumerate(hops):
        ends = leaving(hop), entering(hop, flow)
        if ends == ("server", "clients"):
            ends = answering, "clients"
        once = bool(flow.hops) and i >= len(flow.hops)
        if is_onward(ends, hop) and (not once or "routing" in ends):
            ways.setdefault(ends, Way(ends, hop.kind, once))
    order = HUB_ORDER if HINTED in ways else ORDER
    found = sorted(ways.values(), key=lambda way: order.index(way.ends[0]))
    return [replace(way, beside=is_beside(way.ends, ways)) for way in found]


def is_beside(ends, ways):
    """Whether a way needs room for one that leads back: the layer's answer to a hub always does."""
    return ends == HINTED or ends[::-1] in ways


def is_onward(ends, hop):
    """Whether a hop leads on, not back; waiting views are woken through the database."""
    source, target = map(WALK.index, ends)
    return (source < target or ends in (HINTED, WOKEN)) and "code" not in hop.detail
