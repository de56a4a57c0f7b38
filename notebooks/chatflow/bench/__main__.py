"""`scripts/bench.sh`: measure on this machine what `notebooks/performance.md` shows."""

import argparse
import asyncio
import sys

from ..basics.errors import LaunchError
from . import fanout, here, practising, racing, report
from .measuring import describe_machine, keep, print_table
from .systems import allow_many_files
from .testing import compare_test_runs

VERBS = {
    "fanout": "a room of 200: chat_final and other systems, CPU per delivered message and more",
    "growth": "the same with 50 to 2,000 clients in the room",
    "connections": "5,000 idle connections on one instance: memory and CPU",
    "instances": "1 to 3 instances, 1 and 2 Redis shards",
    "posts": "posts per second, on SQLite and PostgreSQL, in one room and in many",
    "start": "from git clone to the first message; and from the start to it, once more",
    "trace": "CPU per delivered message with tracing on, and off",
    "race": "the race of notebook 00: until the first lane moves, and until the last cell",
    "practice": "the first answer of a check, of all exercises as they are handed out: the median",
    "tests": "the whole test run, in turn with that of an earlier revision; more than an hour",
    "here": "half a minute of it: a dot for this machine in the chart, which opens in a browser",
    "report": "write the tables and charts of the pages again, from what was kept",
}


def main(arguments=None):
    options = parser().parse_args(arguments)
    if options.verb != "report":
        print(describe_machine(), flush=True)
    try:
        options.run(options)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def parser():
    parser = argparse.ArgumentParser(prog="bench.sh", description=__doc__)
    verbs = parser.add_subparsers(metavar="VERB", required=True, dest="verb")
    added = {name: verbs.add_parser(name, help=about) for name, about in VERBS.items()}
    for name in report.PARTS:
        added[name].set_defaults(run=run_load)
        added[name].add_argument(
            "--keep", action="store_true", help="keep the figures, for the tables of `report`"
        )
    added["race"].set_defaults(run=lambda options: racing.measure())
    added["practice"].set_defaults(run=lambda options: practising.measure(options.names))
    added["practice"].add_argument("names", nargs="*", metavar="NAME", help="all, if none is given")
    added["tests"].set_defaults(run=compare_test_runs)
    added["tests"].add_argument("--against", metavar="REVISION", required=True)
    added["tests"].add_argument("--rounds", type=int, default=3, help="3 if not given")
    added["tests"].add_argument("options", nargs="*", help="pytest's, after a --")
    added["here"].set_defaults(run=here.run)
    added["here"].add_argument("--no-browser", action="store_true", help="only save the chart")
    added["report"].set_defaults(run=lambda options: report.write())
    return parser


def run_load(options):
    allow_many_files()
    what = report.PARTS[options.verb]
    facts = what.measure()
    if asyncio.iscoroutine(facts):
        facts = asyncio.run(facts)
    print()
    print_table(*what.table(facts))
    print(f"\n{what.in_words(facts)}")
    if what is fanout:
        fanout.print_more(facts)
    if options.keep:
        keep(options.verb, f"./scripts/bench.sh {options.verb}", **facts)


if __name__ == "__main__":
    sys.exit(main())
