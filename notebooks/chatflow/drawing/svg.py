"""What all pictures are made of: measured text, colours, icons, and SVG elements to put them in."""

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

FONTS = Path(__file__).parent / "fonts"
SANS = "Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
MONO = "'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"

INK, MUTED, FAINT = "#172033", "#566179", "#636c7d"
CARD, EDGE, LINE = "#fcfdff", "#d9dfe9", "#c9d1de"
PANEL, PANEL_EDGE, UNREACHED = "#eff4fd", "#d7e2f6", "#f3f4f7"
HALO, WHITE, CHIP, WAITING = "#f6f9fe", "#ffffff", "#e3e8f1", "#aab8cf"
HEAD_EDGE, PALE_EDGE, PALE_DISC = "#aab5c6", "#cfd4dc", "#b4bac5"
RED, RED_INK, RED_PALE, RED_EDGE = "#cc1f36", "#8f1424", "#fdeef0", "#f3b6bf"

# Each kind of hop: its colour, and its name in a legend.
KINDS = {
    "http": ("#1d5fd1", "HTTP"),
    "websocket": ("#087a58", "WebSocket"),
    "inside": ("#475569", "inside one process"),
    "database": ("#0b7285", "database"),
    "layer": ("#b65308", "channel layer"),
    "redis": ("#7436d8", "Redis command"),
    "lost": (RED, "refused or lost"),
}
COLOURS = {kind: colour for kind, (colour, _) in KINDS.items()}
STATION_COLOURS = {
    "client": "#334155",
    "server": "#4549c9",
    "routing": "#a3307c",
    "view": "#087a58",
    "consumer": "#087a58",
    "hub": "#6d28a8",
    "layer": "#b65308",
    "database": "#0b7285",
    "command": "#334155",
}
# Strokes in a square of 12 round 0, 0.
ICONS = {
    "client": "M-2.4 -2.6a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0 -4.8 0M-4.6 5a4.6 4.2 0 0 1 9.2 0",
    "server": "M-4.8 -4.6h9.6v3.8h-9.6zM-4.8 .8h9.6v3.8h-9.6zM-2.4 -2.7h.1M-2.4 2.7h.1",
    "routing": "M-5.2 0h3l3.6 -3.6h3.4M-2.2 0l3.6 3.6h3.4M3.4 -5.2l1.6 1.6l-1.6 1.6",
    "view": "M-4.8 -4.2h9.6v8.4h-9.6zM-4.8 -1.4h9.6",
    "consumer": "M-5 -4.4h10v6.6h-5l-2.6 2.6v-2.6h-2.4z",
    "hub": "M-1.6 0a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0 -3.2 0M0 -2v-3M2 1l3 2M-2 1l-3 2",
    "layer": "M0 -5l5.4 2.7l-5.4 2.7l-5.4 -2.7zM-5.4 1l5.4 2.7l5.4 -2.7",
    "database": "M-4.2 -3.2a4.2 1.7 0 1 0 8.4 0a4.2 1.7 0 1 0 -8.4 0v6.4a4.2 1.7 0 0 0 8.4 0v-6.4",
    "command": "M-4.4 -3.6l3.6 3.6l-3.6 3.6M.8 3.6h3.8",
}

# What XML forbids, lone surrogates, and what would turn the direction of the text around it.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
SKINS = "🏻🏼🏽🏾🏿"  # modifiers of the emoji before them


# {weight: {character: width in em}}
WIDTHS = {
    int(weight): {char: int(width) / 1000 for width, chars in table.items() for char in chars}
    for weight, table in json.loads((FONTS / "widths.json").read_text(encoding="utf-8")).items()
}


@dataclass(frozen=True)
class Font:
    """One of the picture's own, which stand for what a reader has instead."""

    size: float
    weight: int = 400
    mono: bool = False


# So wide is a cell of JupyterLab on a screen of 1,000 px. What is wider is shown a little smaller,
# but not more than that letters of 12 have 11 px.
FITS, SHRUNK = 820, 0.92
HEADING, ABOUT = Font(16, 600), Font(14)  # of a whole picture


def clean(text):
    """The text on one line, without what could break the XML, the line, or the lines around it."""
    text = TURNING.sub("", FORBIDDEN.sub("\ufffd", str(text)))
    text = " ".join(unicodedata.normalize("NFC", text).split())
    marks = [unicodedata.combining(char) > 0 for char in text]
    return "".join(char for i, char in enumerate(text) if not all(marks[max(0, i - 2) : i + 1]))


def char_widths(text, font):
    """Width in em of each character; what only changes the one before it has none."""
    joined = False
    for char in text:
        if joined or unicodedata.category(char) in ("Mn", "Me", "Cf") or char in SKINS:
            yield 0
        elif unicodedata.east_asian_width(char) in "WF":
            yield 1.2
        else:
            yield 0.6 if font.mono else WIDTHS[font.weight].get(char, 0.7)
        joined = char == "\u200d"


def text_width(text, font):
    """Width of a text in units of the picture."""
    return font.size * sum(char_widths(text, font))


def shorten(text, room, font):
    """The text, or as much of it as goes into the room with an ellipsis."""
    text = clean(text)
    if text_width(text, font) <= room:
        return text
    room -= text_width("…", font)
    for end, width in enumerate(char_widths(text, font)):
        room -= font.size * width
        if room < 0:
            return text[:end].rstrip() + "…"
    return text


def wrap(text, room, font, lines):
    """The text as at most so many lines of that width; the last is shortened if it must be."""
    words, wrapped = clean(text).split(" "), []
    while words and len(wrapped) < lines - 1:
        count = 1
        while count < len(words) and text_width(" ".join(words[: count + 1]), font) <= room:
            count += 1
        wrapped.append(shorten(" ".join(words[:count]), room, font))
        words = words[count:]
    return wrapped + ([shorten(" ".join(words), room, font)] if words else [])


def number(value):
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def element(parent, tag, **attributes):
    """A child element; an attribute `stroke_width` is written stroke-width, `class_` class."""
    names = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    return ElementTree.SubElement(
        parent, tag, {name: number(value) for name, value in names.items() if value is not None}
    )


def write(parent, x, y, text, font, *, anchor=None, **attributes):
    """A line of text, as wide in a reader's own fonts as in ours."""
    kind = {"font_weight": str(600 if font.mono else font.weight)}
    kind |= {"font_family": MONO if font.mono else None, "text_anchor": anchor}
    if len(text) > 1:
        kind |= {"textLength": text_width(text, font), "lengthAdjust": "spacingAndGlyphs"}
    element(parent, "text", x=x, y=y, font_size=font.size, **kind, **attributes).text = text


def title_lines(title, about, room):
    """(y, line, font, colour) of a picture's title and of what says what it is about."""
    looks = [(line, HEADING, INK) for line in wrap(title, room, HEADING, 2)]
    looks += [(line, ABOUT, MUTED) for line in wrap(about, room, ABOUT, 3) if line]
    return [(38 + 20 * i, *look) for i, look in enumerate(looks)]


def write_title(parent, x, lines):
    for y, line, font, colour in lines:
        write(parent, x, y, line, font, fill=colour)


def write_over(parent, x, y, text, font, fill):
    """A line of text on a ground of its own, so that no line runs through it."""
    ground = {"width": text_width(text, font) + 6, "height": font.size * 1.15, "rx": 3}
    top = y - font.size * 0.9
    element(parent, "rect", class_="ground", x=x - 3, y=top, **ground, fill=HALO)
    write(parent, x, y, text, font, fill=fill)


def icon(parent, x, y, kind, colour, radius):
    """A station's sign: a disc with the strokes of its kind."""
    group = element(parent, "g", transform=f"translate({number(x)} {number(y)})")
    element(group, "circle", r=radius, fill=colour, stroke=CARD, stroke_width=2)
    strokes = {"fill": "none", "stroke": WHITE, "stroke_width": 1.4}
    ends = {"stroke_linecap": "round", "stroke_linejoin": "round"}
    element(group, "path", d=ICONS[kind], **strokes, **ends)


def cross(parent, x, y, radius=9):
    """The sign of a loss."""
    element(parent, "circle", cx=x, cy=y, r=radius, fill=RED, stroke=CARD, stroke_width=2)
    arm = radius * 0.38
    strokes = f"l{2 * arm:.1f} {2 * arm:.1f}m0 {-2 * arm:.1f}l{-2 * arm:.1f} {2 * arm:.1f}"
    d = f"M{x - arm:.1f} {y - arm:.1f}{strokes}"
    element(parent, "path", d=d, stroke=WHITE, stroke_width=2, stroke_linecap="round")


def pill(parent, x, y, text, font, height):
    """A status or close code, white on red, from x to the right."""
    width = text_width(text, font) + 10
    element(parent, "rect", x=x, y=y, width=width, height=height, rx=height / 2, fill=RED)
    middle = {"anchor": "middle", "fill": WHITE}
    write(parent, x + width / 2, y + height / 2 + font.size * 0.36, text, font, **middle)


def card(name, width, height, title, words):
    """An empty picture on its own light ground, with title and words for those who hear it."""
    svg = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg"})
    scale = min(1, max(FITS / width, SHRUNK))
    size = {"width": number(scale * width), "height": number(scale * height)}
    root = {"viewBox": f"0 0 {number(width)} {number(height)}", **size, "role": "img"}
    svg.attrib |= root | {"aria-labelledby": f"{name}-title {name}-desc", "direction": "ltr"}
    svg.attrib |= {"font-family": SANS, "preserveAspectRatio": "xMinYMin meet"}
    element(svg, "title", id=f"{name}-title").text = clean(title)
    element(svg, "desc", id=f"{name}-desc").text = clean(words)
    ground = {"width": width - 1, "height": height - 1, "rx": 16, "fill": CARD, "stroke": EDGE}
    element(svg, "rect", x=0.5, y=0.5, **ground)
    return svg


def text_of(svg):
    return ElementTree.tostring(svg, encoding="unicode")
