"""`bench.sh report`: the README's tables and its chart, from what measurements have kept."""

from ..basics.catalog import ROOT
from ..basics.pages import README, with_part
from . import charts, connections, fanout, faults, growth, instances, posts
from .measuring import kept

PICTURES = ROOT / "notebooks" / "pictures"
PARTS = {
    "fanout": fanout,
    "growth": growth,
    "connections": connections,
    "instances": instances,
    "posts": posts,
}
SHADES = {"light": "fanout.svg", "dark": "fanout_dark.svg"}


def write():
    """Write them anew."""
    README.write_text(readme_with_figures())
    for shade, name in SHADES.items():
        (PICTURES / name).write_text(chart(shade))


def readme_with_figures():
    text = README.read_text()
    for verb, module in PARTS.items():
        text = with_part(text, f"bench {verb}", part(verb, module))
    return with_part(text, "faults", part("faults", faults))


def part(verb, module):
    """A table, and below it what it says and where it was measured, in Markdown."""
    facts = kept(verb)
    head, rows = module.table(facts)
    table = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    lines = ["| " + " | ".join(row) + " |" for row in table]
    words = f"`{facts['command']}`, on {facts['machine']}. {module.in_words(facts)}"
    return "\n".join([*lines, "", words])


def chart(shade):
    return charts.fanout_and_growth(kept("fanout"), kept("growth"), shade)
