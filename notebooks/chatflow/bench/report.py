"""`bench.sh report`: tables, a chart and one-line results, from what measurements have kept."""

from ..basics.catalog import ROOT
from ..basics.pages import FAULTS, PERFORMANCE, README, with_parts
from . import charts, connections, fanout, faults, growth, instances, posts, start, tracing_cost
from .measuring import kept

PICTURES = ROOT / "notebooks" / "pictures"
PARTS = {
    "fanout": fanout,
    "growth": growth,
    "connections": connections,
    "instances": instances,
    "posts": posts,
    "start": start,
    "trace": tracing_cost,
}
CHARTS = {"fanout.svg": False, "fanout_narrow.svg": True}  # whether for a narrow screen


def write():
    """Write all of them again."""
    for page, text in pages().items():
        page.write_text(text)
    for name in CHARTS:
        (PICTURES / name).write_text(chart(name))


def pages():
    """{page: its text, with the parts that come from kept measurements}."""
    parts = {
        PERFORMANCE: {f"bench {verb}": part(verb, module) for verb, module in PARTS.items()},
        FAULTS: {"faults": part("faults", faults)},
        README: {"results": results()},
    }
    return {page: with_parts(page, found) for page, found in parts.items()}


def results():
    """The README's links to these pages, each with its result in a line."""
    return (
        f"- [How fast it is](notebooks/performance.md). {fanout.in_a_line(kept('fanout'))}\n"
        f"- [What it survives](notebooks/faults.md). {faults.in_words(kept('faults'))}"
    )


def part(verb, module):
    """A table, and below it what it says and where it was measured, in Markdown."""
    facts = kept(verb)
    head, rows = module.table(facts)
    table = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    lines = ["| " + " | ".join(row) + " |" for row in table]
    words = f"`{facts['command']}`, on {facts['machine']}. {module.in_words(facts)}"
    return "\n".join([*lines, "", words])


def chart(name):
    return charts.fanout_and_growth(kept("fanout"), kept("growth"), narrow=CHARTS[name])
