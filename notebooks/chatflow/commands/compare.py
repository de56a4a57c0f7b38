"""`scripts/compare.sh`: what servers, layers and versions do, each cell by a run."""

import argparse
import sys
from importlib import import_module

from ..basics.errors import LaunchError
from ..bench.measuring import describe_machine
from ..comparing import page

TABLES = {
    "servers": "five ASGI servers beside each other: under two minutes",
    "layers": "the channel layers that run today, and why the others do not",
    "versions": "all stages under several versions of Python, Django and redis-py",
}


def main(arguments=None):
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def parser():
    parser = argparse.ArgumentParser(prog="compare.sh", description=__doc__)
    verbs = parser.add_subparsers(metavar="TABLE", required=True, dest="table")
    for name, about in TABLES.items():
        added = verbs.add_parser(name, help=about)
        added.set_defaults(run=measure)
        added.add_argument(
            "--keep", action="store_true", help="keep it, for the page and notebooks"
        )
    report = verbs.add_parser("report", help="write the page again, from what was kept")
    report.set_defaults(run=lambda options: page.write())
    return parser


def measure(options):
    print(describe_machine(), flush=True)
    import_module(f"..comparing.{options.table}", __package__).run(options)


if __name__ == "__main__":
    sys.exit(main())
