"""A flow as a notebook shows it: SVG, PNG and words of the same picture, in one output."""

from functools import cached_property
from xml.etree import ElementTree

import resvg_py

from . import CLIENTS, flow_map, fold, sequence, words
from .dark import themed
from .steps import steps
from .svg import ABOUT, FONTS, WIDTHS, char_widths

ZOOMS = (2, 1.75, 1.5, 1.35, 1.2, 1.1)
GROWTH = 1.1
LARGEST = 120_000  # bytes of a PNG in a notebook


class Shown:
    """What a notebook shows in one output: an `svg`, the same as PNG, and as `text`.

    The SVG is `drawn`, and follows the page's light or dark. Neither is made smaller than it was
    drawn: on a narrow screen JupyterLab lets it scroll sideways.
    """

    @cached_property
    def svg(self):
        return themed(self.drawn)

    @cached_property
    def png(self):
        return render(self.drawn)

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {"image/svg+xml": self.svg, "image/png": self.png, "text/plain": self.text}
        size = {"width": round(width_of(self.drawn)), "unconfined": True}
        return data, {"image/svg+xml": {"unconfined": True}, "image/png": size}

    def __repr__(self):
        return self.text


class Picture(Shown):
    """A picture of a flow; `options` are those of `sequence`, `flow_map` or `steps`."""

    def __init__(self, flow, *, form="sequence", **options):
        self.flow = flow
        self._draw = {"sequence": sequence, "map": flow_map, "steps": steps}[form]
        self._options = options

    @property
    def hops(self):
        """The hops it shows, in order."""
        return self.flow.handshake + self.flow.hops

    @cached_property
    def drawn(self):
        return self._draw(self.flow, **self._options)

    @property
    def text(self):
        return "\n".join(words(fold(self.flow, self._options.get("clients", CLIENTS))))


def width_of(svg):
    return float(ElementTree.fromstring(svg).get("width"))


def draw(flow, **options):
    """The sequence of a flow's hops; options as for `sequence()`."""
    return Picture(flow, **options)


def draw_map(flow, **options):
    """The flow map, the seven stations; options as for `flow_map()`."""
    return Picture(flow, form="map", **options)


def draw_steps(flow, **options):
    """The hops of a flow as a narrow list; options as for `steps()`."""
    return Picture(flow, form="steps", **options)


def render(svg):
    """The SVG as PNG bytes, in our own fonts, as sharp as the size of a notebook allows."""
    svg = in_own_fonts(svg)
    plain = png_of(svg, 1)
    # A PNG of text grows about as fast as its edges: no need to try what cannot fit.
    for zoom in [zoom for zoom in ZOOMS if len(plain) * zoom**GROWTH <= LARGEST]:
        if len(png := png_of(svg, zoom)) <= LARGEST:
            return png
    return plain


def png_of(svg, zoom):
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom, **OWN_FONTS))


OWN_FONTS = {
    "skip_system_fonts": True,
    "font_files": [str(path) for path in sorted(FONTS.glob("*.?tf"))],
    "sans_serif_family": "Inter",
    "monospace_family": "JetBrains Mono",
}


def in_own_fonts(svg):
    """The SVG with a □ for each sign our fonts lack, and its text no longer stretched to width."""
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    root = ElementTree.fromstring(svg)
    for line in root.iterfind(".//{*}text"):
        line.text = own_glyphs(line.text or "")
        line.attrib.pop("textLength", None)
        line.attrib.pop("lengthAdjust", None)
    return ElementTree.tostring(root, encoding="unicode")


def own_glyphs(text):
    known, signs = WIDTHS[400], zip(text, char_widths(text, ABOUT), strict=True)
    return "".join(char if char in known else "□" if width else "" for char, width in signs)
