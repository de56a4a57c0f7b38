"""A flow of many clients as one of few, and a flow in words."""

import itertools
import zlib
from collections import Counter
from dataclasses import replace
from itertools import groupby

from .svg import clean

CLIENTS = 4  # that a picture shows one by one, if not told otherwise


def connections(flow):
    """{client: its own stations, itself the first} in the picture's order."""
    wires = {each.id: [each] for each in flow.stations if each.kind == "client"}
    for station in flow.stations:
        client = f"client/{owner_of(station.id)}"
        if station.kind in ("consumer", "view") and client in wires:
            wires[client].append(station)
    return wires


def owner_of(station_id):
    """Whose station it is: `consumer/alice@A` is alice's."""
    name = station_id.partition("/")[2]
    return name.rpartition("@")[0] or name


def process_of(client, own, flow):
    """The instance that a client is connected to."""
    processes = [station.process for station in own if station.process]
    processes += [missed.process for missed in flow.missed if missed.client == client]
    return (processes + [""])[0]


def surplus(flow, clients):
    """Clients that a picture of so many leaves out, together by instance and fate."""
    wires = connections(flow)
    if len(wires) <= clients:
        return []
    sender = next((hop.source for hop in flow.hops + flow.handshake), None)
    process = {client: process_of(client, own, flow) for client, own in wires.items()}
    firsts = {process[client]: client for client in reversed(wires)}.values()
    ranked = sorted(wires, key=lambda client: (client != sender, client not in firsts))

    def fate(client):
        return process[client], all(station.reached for station in wires[client])

    spare = sorted(set(ranked[max(1, clients - 1) :]), key=lambda name: (fate(name), name))
    groups = [list(together) for _, together in groupby(spare, key=fate)]
    return [[wires[client] for client in group] for group in groups if len(group) > 1]


def fold(flow, clients):
    """The flow with at most so many clients of their own; the others share one lifeline each.

    Per instance they become "and 97 more", their hops one arrow with detail["times"] and the ids
    of all in detail["hops"].
    """
    one = {}
    for wires in surplus(flow, clients):
        for kind in ("client", "consumer", "view"):
            ids = [station.id for own in wires for station in own if station.kind == kind]
            one |= dict.fromkeys(ids, f"{ids[0]} and {len(ids) - 1} more" if ids else None)
    if not one:
        return flow
    return replace(
        flow,
        stations=tuple(fold_stations(flow.stations, one)),
        handshake=tuple(fold_hops(flow.handshake, one)),
        hops=tuple(fold_hops(flow.hops, one)),
        missed=tuple(dict.fromkeys(fold_missed(flow.missed, one))),
    )


def fold_stations(stations, one):
    counts, firsts = Counter(one.get(station.id) for station in stations), {}
    for station in stations:
        firsts.setdefault(one.get(station.id, station.id), station)
    for name, first in firsts.items():
        yield first if first.id == name else folded_station(first, name, counts[name])


def folded_station(station, merged, count):
    title = f"and {count} more" if station.kind == "client" else f"{station.title} ×{count}"
    subtitle = "clients" if station.kind == "client" else "one a client"
    return replace(station, id=merged, title=title, subtitle=subtitle)


def fold_hops(hops, one):
    """Hops in their order; the first of each client's hops stand together, so do the second."""
    together, seen = {}, Counter()
    for hop in hops:
        way = hop.source, hop.target, hop.kind
        seen[way] += 1
        ends = one.get(hop.source, hop.source), one.get(hop.target, hop.target)
        same = (*ends, hop.kind, seen[way]) if ends != way[:2] else hop.id
        together.setdefault(same, []).append(replace(hop, source=ends[0], target=ends[1]))
    return [folded_hop(same) for same in together.values()]


def folded_hop(same):
    ids = [hop_id for hop in same for hop_id in hop_ids(hop)]
    detail = {"times": len(ids), "hops": ids} if len(ids) > 1 else {}
    return replace(same[0], detail=same[0].detail | detail)


def fold_missed(missed, one):
    """Each that is missed, but once for all who are folded together and missed it alike."""
    for miss in missed:
        client, handler = (one.get(end, end) for end in (miss.client, miss.handler))
        yield replace(miss, client=client, handler=handler)


def hop_ids(hop):
    """Ids of all recorded hops that this hop stands for."""
    return hop.detail.get("hops", [hop.id])


def station_titles(flow):
    return {station.id: clean(station.title) for station in flow.stations}


def words(flow):
    """The flow in words: its title, its hops, one a line, then who was never reached."""
    titles = station_titles(flow)
    lines = [clean(flow.title), clean(flow.subtitle)]
    sections, numbers = flow.sections(), itertools.count(1)
    for title, hops in sections:
        lines += [f"{title}:"] * (len(sections) > 1)
        lines += [hop_words(next(numbers), hop, titles) for hop in hops]
    names = [(titles.get(miss.client, miss.client), clean(miss.reason)) for miss in flow.missed]
    return lines + [f"never reached: {name} – {reason}" for name, reason in names]


def hop_words(position, hop, titles):
    ends = f"{titles.get(hop.source, hop.source)} → {titles.get(hop.target, hop.target)}"
    label = clean(hop.label)
    label = label if len(label) <= 120 else label[:119] + "…"
    times = f" ×{hop.detail['times']}" if "times" in hop.detail else ""
    lost = f" – lost {hop.detail.get('code', '')}".rstrip() if hop.lost else ""
    note = f" ({clean(hop.detail['note'])})" if hop.detail.get("note") else ""
    return f"{position}. {ends}: {label}{times}{note}{lost}"


def fingerprint(lines):
    """A name for a picture, the same for pictures that say the same."""
    return f"{zlib.crc32(' '.join(lines).encode('utf-8', 'replace')):08x}"
