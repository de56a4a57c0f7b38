"""`bench.sh here`: half a minute, and a dot for this machine in the fan-out chart."""

import asyncio
import webbrowser

from ..running.processes import RUNS
from . import charts
from .growth import one_round
from .measuring import kept, print_table
from .systems import allow_many_files, tutorial_and_final

CLIENTS, SECONDS = 200, 1.5
CHART = RUNS / "here.svg"


def run(options):
    """Measure, print each figure next to the kept one, and save and open the chart."""
    allow_many_files()
    costs = asyncio.run(measure())
    print()
    print_table(*table(costs))
    CHART.parent.mkdir(exist_ok=True)
    CHART.write_text(charts.fanout_and_growth(kept("fanout"), kept("growth"), here=costs))
    print(f"\nThe chart with this machine's dots: {CHART}")
    if not options.no_browser:
        webbrowser.open(CHART.as_uri())


async def measure(seconds=SECONDS, clients=CLIENTS):
    """{system: µs of CPU per delivery}: one round of each, with so many in the room."""
    costs = {}
    for key, start in tutorial_and_final(clients).items():
        async with start() as system:
            print(f"{system.name} ...", flush=True)
            costs[key] = (await one_round(system, 1, (clients,), seconds))[clients]
    return costs


def table(costs):
    """What a delivery costs here, next to what was kept; ratios differ less than times."""
    facts = kept("fanout")
    head = ["CPU per delivery, µs", "here", "÷ tutorial", "kept", "÷ tutorial"]
    rows = []
    for key, cost in costs.items():
        to_tutorial = cost / costs[f"tutorial_{key.partition('_')[2]}"]
        there = facts["figures"][key]["cpu_us"], facts["ratios"][key]["tutorial"]["cpu_us"]
        figures = [f"{cost:.1f}", f"{to_tutorial:.2f}", f"{there[0]:.1f}", f"{there[1]:.2f}"]
        rows.append([facts["names"][key], *figures])
    return head, rows
