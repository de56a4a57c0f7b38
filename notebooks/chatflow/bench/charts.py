"""Charts of what was measured, as SVG: for `performance.md`, and for notebook 11."""

import io
import re
from functools import cached_property, partial

from ..drawing.dark import CLASS, themed
from ..drawing.picture import Shown

# Of text, lines and bars: the bars are ours, or other systems', or measured on this machine.
LIGHT = {
    "ink": "#1f2937",
    "faint": "#9aa5b1",
    "ours": "#0f766e",
    "peer": "#94a3b8",
    "here": "#c2410c",
    "paper": "#fcfdff",
}
DARK = {
    "ink": "#e6eaf0",
    "faint": "#64707d",
    "ours": "#2dd4bf",
    "peer": "#66758a",
    "here": "#fb923c",
    "paper": "#161d27",
}
STYLE = {
    "svg.hashsalt": "chatflow",  # else each drawing has ids of its own
    "axes.titlepad": 10,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is there
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
INKED = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
PAPER = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")


def drawn(size, draw, rows=1, columns=1, form="svg"):
    """What `draw(axes, colours)` draws, of this size in inches: an SVG's text, or a PNG's bytes.

    The SVG follows the light or dark of the page that it is on.
    """
    # Takes half a second to load, which only who draws should pay.
    import matplotlib
    from matplotlib.figure import Figure

    coloured = dict.fromkeys(INKED, LIGHT["ink"]) | dict.fromkeys(PAPER, LIGHT["paper"])
    with matplotlib.rc_context(STYLE | coloured):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots(rows, columns), LIGHT)
        image = io.BytesIO()
        if form == "png":
            figure.savefig(image, format="png", dpi=144)
            return image.getvalue()
        figure.savefig(image, format="svg", metadata={"Date": None})
    svg = image.getvalue().decode()
    return themed(in_pixels(svg[svg.index("<svg") :]), dark_rules())


def in_pixels(svg):
    """With its width and height in px, of which three quarters of a point are one."""
    points = r'(width|height)="([\d.]+)pt"'
    return re.sub(points, lambda found: f'{found[1]}="{float(found[2]) / 0.75:g}"', svg, count=2)


def dark_rules():
    """(light colour, its rule): Matplotlib writes colours as styles of their own."""
    for name, light in LIGHT.items():
        for paint in ("fill", "stroke"):
            rule = f"{{{paint}:{DARK[name]}!important}}"
            yield light, f'.{CLASS} [style*="{paint}: {light}"]{rule}'


class Chart(Shown):
    """A chart as a notebook shows it: as SVG, as PNG, and in words."""

    def __init__(self, draw, size, words, columns=1):
        self.text = "\n".join(words)
        self.make = partial(drawn, size, draw, columns=columns)

    @cached_property
    def svg(self):
        return self.make()

    @property
    def drawn(self):
        return self.svg

    @cached_property
    def png(self):
        return self.make(form="png")


def bar_chart(title, figures, unit="", size=(7, 2.4)):
    """Figures by name as bars, the first at the bottom."""

    def draw(axes, colours):
        draw_bars(axes, figures, colours["ours"], unit)
        axes.set_title(title)

    return Chart(draw, size, [title, *(f"{name}: {n:.1f}{unit}" for name, n in figures.items())])


def growth_chart(facts):
    """What a delivery costs in rooms of several sizes, as `growth.measure` found it."""

    def draw(axes, colours):
        draw_growth(axes, facts, colours)
        axes.set_title("µs of CPU per delivered message, by clients in the room")

    words = [
        f"{facts['names'][key]}: {', '.join(f'{cost:.1f} µs for {n}' for n, cost in costs.items())}"
        for key, costs in facts["costs"].items()
    ]
    return Chart(draw, (7, 3.6), words)


def day_of(costs, seconds):
    """What a conversation of so many seconds costs in each way, and what a day of it would.

    `costs` is {way: a Count of its traffic}; bars are to scale.
    """
    days = {way: cost.bytes * 86_400 / seconds for way, cost in costs.items()}
    words = [
        f"{way}: {cost.connections:,} connections, {size(cost.bytes)}, {size(days[way])} a day"
        for way, cost in costs.items()
    ]

    def draw(axes, colours):
        for side, (title, of) in zip(axes, DAY_COLUMNS.items(), strict=True):
            figures = {way: getattr(cost, of) for way, cost in reversed(costs.items())}
            bars = side.barh(list(figures), list(figures.values()), color=colours["ours"])
            side.set_title(title)
            side.spines[["left", "bottom"]].set_visible(False)
            side.tick_params(length=0, labelbottom=False)
            said = [f"{size(n)}, {size(days[way])} a day" for way, n in figures.items()]
            side.bar_label(bars, said if of == "bytes" else None, fmt="{:,.0f}", padding=4)
        axes[0].margins(x=0.75)
        axes[1].margins(x=0.15)
        axes[1].set_yticks([])

    return Chart(draw, (8.6, 2.3), words, columns=2)


DAY_COLUMNS = {"bytes on the wire": "bytes", "TCP connections": "connections"}


def size(count):
    """A number of bytes, to three digits."""
    for unit in ("bytes", "KB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def is_ours(key):
    return key.startswith("final")


def fanout_and_growth(fanout, growth, narrow=False, here=None):
    """What a delivery costs in a room of 200, and how that grows with the room.

    `narrow` puts the one below the other, for a phone. `here` is what it costs on this machine, by
    system.
    """
    costs = {key: figures["cpu_us"] for key, figures in fanout["figures"].items()}
    keys = sorted(costs, key=costs.get, reverse=True)
    named = {fanout["names"][key]: costs[key] for key in keys}

    here = {keys.index(key): cost for key, cost in (here or {}).items()}

    def draw(axes, colours):
        shades = [colours["ours" if is_ours(key) else "peer"] for key in keys]
        draw_bars(axes[0], named, shades, names_above=narrow, here=here)
        axes[0].set_title("µs of CPU per delivered message,\nin a room of 200")
        draw_growth(axes[1], growth, colours)
        axes[1].set_title("… and by the number of clients\nin the room")
        if here:
            draw_here(axes, here, colours)

    if narrow:
        return drawn((3.45, 8.4), draw, rows=2)
    return drawn((9.4, 4.2), draw, columns=2)


def draw_here(axes, costs, colours):
    """A dot for this machine: in the row of each system, and where the room has 200."""
    looks = {"color": colours["here"], "marker": "D", "linestyle": "none", "zorder": 3}
    axes[0].plot(list(costs.values()), list(costs), **looks, label="on this machine")
    axes[1].plot([200] * len(costs), list(costs.values()), **looks)
    axes[0].legend(loc="upper right", frameon=False)


def draw_bars(axes, figures, shades, unit="", names_above=False, here=None):
    axes.barh(list(figures), list(figures.values()), 0.4 if names_above else 0.8, color=shades)
    for row, (name, figure) in enumerate(figures.items()):
        other = (here or {}).get(row)
        text = f"{figure:.1f}{unit}" + (f", here {other:.1f}{unit}" if other else "")
        end = {"xytext": (8 if other else 3, 0), "textcoords": "offset points"}
        axes.annotate(text, (max(figure, other or 0), row), **end, verticalalignment="center")
        if names_above:
            axes.text(0, row + 0.25, name, fontsize=9, verticalalignment="bottom")
    if names_above:
        axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.12)


def draw_growth(axes, facts, colours):
    for key, by_size in facts["costs"].items():
        sizes, costs = [int(size) for size in by_size], list(by_size.values())
        colour = colours["ours" if is_ours(key) else "peer"]
        dashes = "-" if key.endswith("uvicorn") else "--"
        looks = {"color": colour, "linestyle": dashes, "marker": "o", "markersize": 4}
        axes.plot(sizes, costs, **looks, clip_on=False)
        system, *_, server = facts["names"][key].split(", ")
        # Right of the line's end, where no other line runs.
        axes.annotate(
            f"{system.removeprefix('Channels ')},\n{server}",
            (sizes[-1], costs[-1]),
            xytext=(8, 0),
            textcoords="offset points",
            verticalalignment="center",
            fontsize=9,
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01, y=0.1)  # labels stand right of the grid
    axes.grid(axis="y", color=colours["faint"], alpha=0.3)
