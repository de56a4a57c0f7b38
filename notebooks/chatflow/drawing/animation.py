"""Motion without a script or a style: a dot that travels a picture's arrows, over and over."""

from .svg import CARD, element, number

TRAVEL, REST, PAUSE = 0.75, 0.2, 2.0  # seconds: along an arrow, between two, before the next round


def travelling_dot(svg, ways):
    """Lead a dot along each (colour, points) in turn. At rest the picture has no dot."""
    total = len(ways) * (TRAVEL + REST) + PAUSE
    stops = [stop for turn, (_, points) in enumerate(ways) for stop in timed(turn, points, total)]
    starts = [turn * (TRAVEL + REST) / total for turn in range(len(ways))]
    dot = element(svg, "g", class_="dot", opacity="0", pointer_events="none", fill=ways[0][0])
    element(dot, "circle", r=11, opacity="0.22")
    element(dot, "circle", r=5.5, stroke=CARD, stroke_width=1.5)
    places = [f"{number(x)} {number(y)}" for _, x, y in stops]
    moments = [moment for moment, _, _ in stops]
    repeat = {"dur": f"{total:.2f}s", "repeatCount": "indefinite"}
    move = steps(places + places[-1:], moments + [1.0])
    kind = {"attributeName": "transform", "type": "translate"}
    element(dot, "animateTransform", **kind, **move, **repeat)
    fills = steps([colour for colour, _ in ways], starts)
    element(dot, "animate", attributeName="fill", calcMode="discrete", **fills, **repeat)
    shown = steps(["1", "0"], [0, 1 - PAUSE / total])
    element(dot, "animate", attributeName="opacity", calcMode="discrete", **shown, **repeat)


def timed(turn, points, total):
    """(moment, x, y) along one arrow; the last is held until the next begins."""
    begin = turn * (TRAVEL + REST)
    legs = max(1, len(points) - 1)
    for i, (x, y) in enumerate(points):
        yield (begin + TRAVEL * i / legs) / total, x, y
    yield (begin + TRAVEL + REST) / total, *points[-1]


def steps(values, moments):
    return {"values": ";".join(values), "keyTimes": ";".join(f"{at:.5f}" for at in moments)}
