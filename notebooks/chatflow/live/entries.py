"""What the live page gets of one flow: what it is, in words, and whom it has not reached."""

import time
from dataclasses import replace

from ..basics.catalog import LIVE_SECONDS
from ..drawing import CLIENTS, fold
from ..drawing.folding import hop_words, station_titles
from ..drawing.places import entering, leaving, touched_stations
from ..tracing.flow import kind_of, name_of, summary
from ..tracing.flows import make_flow, stored_among
from ..tracing.recording import is_over

SECOND = 1_000_000_000  # ns
# Nothing more has come for so long: it is worth a picture. What takes longer is drawn again.
QUIET_NS, LATE_NS = SECOND // 10, SECOND
# A message may still reach somebody after it was given up; after this nobody looks any more.
OPEN_NS = 10 * SECOND
LIVE_NS = LIVE_SECONDS * SECOND
# A stream of events goes on for ever: each message has a picture of its own.
LONGEST = 60  # hops


def is_open(entry, now):
    """Whether somebody has missed a message who may still get it."""
    return bool(entry["unreached"]) and now - entry["stored_at"] < OPEN_NS


def is_ripe(book, trace):
    hops, now = book.traces[trace], time.monotonic_ns()
    return now - max(hop.at for hop in hops) > QUIET_NS or now - hops[0].at > LATE_NS


def is_endless(entry):
    return entry["kind"] == "request" and len(entry["hops"]) > LONGEST


def make_entry(book, trace, scene, now):
    """A flow, and what the page gets of it besides its pictures."""
    flow = make_flow(book, trace, scene)
    stored, lost = stored_among(flow.hops), any(hop.lost for hop in flow.hops)
    first, unreached = flow.hops[0], flow.unreached()
    decided = not unreached or now - stored.at >= LIVE_NS
    if not decided:
        flow = without_verdict(flow, stored)
    folded = fold(flow, CLIENTS)
    return flow, {
        "id": trace,
        "kind": "message" if stored else "refused" if lost else begun(first),
        # A message, or what stands in the way of one; a page is neither.
        "chat": bool(stored) or (lost and not is_page(first)),
        "title": title(book, trace, stored),
        "complete": decided and is_over(book, trace, scene.ended),
        "missed": flow.unreached(),
        "lost": lost,
        "opening": len(folded.handshake),
        "hops": list(hop_entries(folded)),
        # For ourselves.
        "unreached": unreached,
        "decided": decided,
        "stored_at": stored.at if stored else 0,
    }


def without_verdict(flow, stored):
    """The flow before it is known whom it missed: they are not in the picture yet."""
    reached = tuple(station for station in flow.stations if station.reached)
    flow = replace(flow, missed=(), stations=reached)
    return replace(flow, subtitle=summary(flow))


def begun(first):
    return "handshake" if first.detail.get("socket") else "request"


def is_page(first):
    return first.kind == "http" and not first.label.startswith("POST")


def title(book, trace, stored):
    first = book.traces[trace][0]
    if stored:
        return f"{stored.detail.get('author', '')}: {stored.detail.get('text', '')}"
    if kind_of(first.source) == "client":
        return f"{first.label} by {book.names[name_of(first.source)]}"
    return f"{name_of(first.source)}: {first.label}"


def hop_entries(flow):
    """Each drawn arrow in words, and the places of the flow map that it goes from and to."""
    titles, consumers = station_titles(flow), touched_stations(flow)["consumers"]
    for number, hop in enumerate(flow.handshake + flow.hops, 1):
        source, target = leaving(hop), entering(hop, flow)
        if (source, target) == ("server", "clients"):
            source = "consumers" if consumers else "handler"
        words = hop_words(number, hop, titles)
        ends, opened = {"from": source, "to": target}, hop.show().rows
        yield {"words": words, "lost": hop.lost, **ends, "opened": opened}
