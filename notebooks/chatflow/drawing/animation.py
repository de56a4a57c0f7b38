"""Motion without a script: a dot that travels a picture's arrows, over and over."""

from itertools import pairwise

from .svg import CARD, element, number

TRAVEL, REST, PAUSE = 0.75, 0.2, 2.0  # seconds: along an arrow, between two, before the next round


def travelling_dot(svg, ways):
    """Lead a dot along each (colour, points) in turn."""
    turn = TRAVEL + REST
    timed = [(i * turn, TRAVEL, colour, points) for i, (colour, points) in enumerate(ways)]
    lead_dot(svg, timed, len(ways) * turn + PAUSE)


def lead_dot(svg, travels, total):
    """Lead a dot along each (start, seconds, colour, points). At rest the picture has no dot.

    Between two that follow each other closely it waits at the end of the first.
    """
    travels = list(travels)
    dot = element(svg, "g", class_="dot", opacity="0", pointer_events="none", fill=travels[0][2])
    element(dot, "circle", r=11, opacity="0.22")
    element(dot, "circle", r=5.5, stroke=CARD, stroke_width=1.5)
    repeat = {"dur": f"{total:.2f}s", "repeatCount": "indefinite"}
    kind = {"attributeName": "transform", "type": "translate"}
    element(dot, "animateTransform", **kind, **at_moments(places(travels, total), total), **repeat)
    discrete = {"calcMode": "discrete", **repeat}
    colours = [(start, colour) for start, _, colour, _ in travels]
    element(dot, "animate", attributeName="fill", **at_moments(colours, total), **discrete)
    element(dot, "animate", attributeName="opacity", **at_moments(seen(travels), total), **discrete)


def places(travels, total):
    """(moment, "x y") along each arrow; its end is held until the next one begins."""
    nexts = [start for start, *_ in travels[1:]] + [total]
    for (start, seconds, _, points), end in zip(travels, nexts, strict=True):
        legs = max(1, len(points) - 1)
        spots = [f"{number(x)} {number(y)}" for x, y in points]
        yield from ((start + seconds * i / legs, spot) for i, spot in enumerate(spots))
        yield end, spots[-1]


def seen(travels):
    """(moment, opacity): there while it travels, and in the short rests."""
    yield travels[0][0], "1"
    for (start, seconds, *_), (next_start, *_) in pairwise(travels):
        if next_start - start - seconds > 2 * REST:
            yield start + seconds + REST, "0"
            yield next_start, "1"
    start, seconds, *_ = travels[-1]
    yield start + seconds + REST, "0"


def at_moments(found, total):
    """{values, keyTimes} of (moment, value); before the first moment it is as at rest."""
    found = list(found)
    moment, value = found[0]
    if moment:
        found.insert(0, (0, "0" if value == "1" else value))
    return steps([value for _, value in found], [moment / total for moment, _ in found])


def steps(values, moments):
    return {"values": ";".join(values), "keyTimes": ";".join(f"{at:.5f}" for at in moments)}
