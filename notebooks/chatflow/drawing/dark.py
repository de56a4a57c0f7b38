"""The dark side of a picture: a style that follows the page which the picture is on.

A picture itself has presentation attributes only, for what knows no style: the PNG's renderer, and
the live page, which allows none. The style overrides them, colour by colour.
"""

from . import svg

# Of rectangles, on which texts stand.
GROUNDS = {
    svg.CARD: "#161d27",
    svg.WHITE: "#1d2632",
    svg.PANEL: "#18222f",
    svg.UNREACHED: "#12181f",
    svg.HALO: "#1a222d",
    svg.CHIP: "#2a3646",
    svg.RED_PALE: "#371a21",
    svg.WAITING: "#46556e",
}
# Of letters, lines and arrows. Discs and bars keep their colour, for the white that is on them.
INKS = {
    svg.INK: "#e6ebf3",
    svg.MUTED: "#a4b0c2",
    svg.FAINT: "#8d99ab",
    svg.EDGE: "#303b4b",
    svg.LINE: "#3a4656",
    svg.PANEL_EDGE: "#2c3c55",
    svg.HEAD_EDGE: "#56637a",
    svg.PALE_EDGE: "#3a4350",
    svg.RED_EDGE: "#74323d",
    svg.RED_INK: "#ffb3bb",
    svg.CARD: "#161d27",
    svg.RED: "#ff7f8f",
    svg.COLOURS["http"]: "#7fb0ff",
    svg.COLOURS["websocket"]: "#3fd0a0",
    svg.COLOURS["inside"]: "#a9b7cb",
    svg.COLOURS["database"]: "#4cc3d9",
    svg.COLOURS["layer"]: "#ff9f57",
    svg.COLOURS["redis"]: "#bb98ff",
    svg.STATION_COLOURS["client"]: "#8fa0b8",
    svg.STATION_COLOURS["server"]: "#8f93ff",
    svg.STATION_COLOURS["routing"]: "#e07cc0",
    svg.STATION_COLOURS["hub"]: "#b98ae8",
}
CLASS = "flow-picture"


def themed(picture, rules=None):
    """The picture's text with its dark side, and still for those who asked for no motion."""
    rules = "".join(rule for colour, rule in rules or dark_rules() if colour in picture)
    style = (
        f"@media (prefers-color-scheme:dark){{{rules}}}"
        f"@media (prefers-reduced-motion:reduce){{.{CLASS} :is(.dot,.goes){{display:none}}"
        f".{CLASS} .stays{{opacity:1!important}}}}"
    )
    head, tag, rest = picture.partition(">")
    return f'{head} class="{CLASS}"{tag}<style>{style}</style>{rest}'


def dark_rules():
    """(light colour, its rule), one for each way in which it is used."""
    yield "dot", f".{CLASS} .dot [stroke]{{stroke:{INKS[svg.INK]}!important}}"
    for light, dark in GROUNDS.items():
        yield light, f'.{CLASS} rect[fill="{light}"]{{fill:{dark}}}'
    for light, dark in INKS.items():
        yield light, f'.{CLASS} :is(path,text)[fill="{light}"]{{fill:{dark}}}'
        yield light, f'.{CLASS} [stroke="{light}"]{{stroke:{dark}}}'
