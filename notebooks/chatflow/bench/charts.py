"""Charts of what was measured, as SVG: for `performance.md`, and for notebook 11."""

import io

# Of text, lines and bars on the page's own background: the bars are ours, or other systems'.
SHADES = {
    "light": {"ink": "#1f2937", "faint": "#9aa5b1", "ours": "#0f766e", "peer": "#94a3b8"},
    "dark": {"ink": "#e6eaf0", "faint": "#64707d", "ours": "#2dd4bf", "peer": "#64748b"},
}
SHADES["paper"] = SHADES["light"] | {"paper": "#ffffff"}
STYLE = {
    "svg.hashsalt": "chatflow",  # else each drawing has ids of its own
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is there
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
INKED = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
PAPER = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")


def drawn(shade, size, draw, columns=1, form="svg"):
    """What `draw(axes, colours)` draws, of this size in inches: an SVG's text, or a PNG's bytes."""
    # Takes half a second to load, which only who draws should pay.
    import matplotlib
    from matplotlib.figure import Figure

    colours = SHADES[shade]
    paper = colours.get("paper", "none")
    coloured = dict.fromkeys(INKED, colours["ink"]) | dict.fromkeys(PAPER, paper)
    with matplotlib.rc_context(STYLE | coloured):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots(1, columns), colours)
        image = io.BytesIO()
        if form == "png":
            figure.savefig(image, format="png", dpi=144)
            return image.getvalue()
        figure.savefig(image, format="svg", metadata={"Date": None})
    return image.getvalue().decode()


class Chart:
    """A chart as a notebook shows it: as SVG, as PNG, and in words.

    On paper of its own, as it is not known whether the notebook around it is light or dark.
    """

    def __init__(self, draw, size, words):
        self.draw, self.size, self.words = draw, size, words

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {
            "image/svg+xml": drawn("paper", self.size, self.draw),
            "image/png": drawn("paper", self.size, self.draw, form="png"),
            "text/plain": repr(self),
        }

    def __repr__(self):
        return "\n".join(self.words)


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


def is_ours(key):
    return key.startswith("final")


def fanout_and_growth(fanout, growth, shade="light"):
    """What a delivery costs in a room of 200, and how that grows with the room."""

    costs = {key: figures["cpu_us"] for key, figures in fanout["figures"].items()}
    keys = sorted(costs, key=costs.get, reverse=True)

    def draw(axes, colours):
        shades = [colours["ours" if is_ours(key) else "peer"] for key in keys]
        draw_bars(axes[0], {fanout["names"][key]: costs[key] for key in keys}, shades)
        axes[0].set_title("µs of CPU per delivered message, 200 in a room")
        draw_growth(axes[1], growth, colours)
        axes[1].set_title("… and by the number of clients in the room")

    return drawn(shade, (11, 3.8), draw, columns=2)


def draw_bars(axes, figures, shades, unit=""):
    bars = axes.barh(list(figures), list(figures.values()), color=shades)
    axes.bar_label(bars, [f"{figure:.1f}{unit}" for figure in figures.values()], padding=3)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.12)


def draw_growth(axes, facts, colours):
    for key, by_size in facts["costs"].items():
        sizes, costs = [int(size) for size in by_size], list(by_size.values())
        colour = colours["ours" if is_ours(key) else "peer"]
        dashes = "-" if key.endswith("uvicorn") else "--"
        axes.plot(sizes, costs, color=colour, linestyle=dashes, marker="o", markersize=4)
        # Right of the line's end, where no other line runs.
        axes.annotate(
            facts["names"][key].replace("tutorial, ", "tutorial,\n"),
            (sizes[-1], costs[-1]),
            xytext=(8, 0),
            textcoords="offset points",
            verticalalignment="center",
            fontsize=8,
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=colours["faint"], alpha=0.3)
