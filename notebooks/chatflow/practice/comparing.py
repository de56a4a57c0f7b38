"""The learner's message beside the reference's: where do their ways part?"""

from itertools import zip_longest

from ..tracing.flow import kind_of

# Whoever writes a stage chooses the names of views, consumers, events and handlers.
NAMED_FREELY = {"routing", "layer"}


def first_difference(yours, ours, opening=True):
    """The numbers, from 0, of the first hop that differs, in yours and in ours; None if none does.

    Where one flow is over by then, its number is how many hops it has. `opening`: what was once
    before the message counts as well.
    """
    pairs = zip_longest(steps(yours, opening), steps(ours, opening), fillvalue=(None, None))
    for (here, mine), (there, other) in pairs:
        if mine != other:
            return or_end(here, yours), or_end(there, ours)
    return None


def or_end(number, flow):
    return len(flow.handshake) + len(flow.hops) if number is None else number


def steps(flow, opening):
    """(number, what it is, whatever it is called) of each hop: from where to where, by which call.

    Without what came later in a connection that the handshake has opened, as its end.
    """
    before = len(flow.handshake)
    return [
        (number, (hop.kind, hop.source, hop.target, call(hop)))
        for number, hop in enumerate([*flow.handshake, *flow.hops])
        if number >= before or (opening and hop.passed["after"] < 0)
    ]


def call(hop):
    """The word that says what is done: group_add, GET, 302, INSERT."""
    return "" if kind_of(hop.source) in NAMED_FREELY else hop.label.split(" ")[0]
