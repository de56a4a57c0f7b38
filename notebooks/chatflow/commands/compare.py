"""`scripts/compare.sh`: what servers, layers and versions do, each cell by a run."""

import argparse
import sys
from importlib import import_module

from ..basics.errors import LaunchError
from ..bench.measuring import describe_machine

TABLES = {
    "servers": "five ASGI servers beside each other: under two minutes",
    "layers": "the channel layers that run today, and why the others do not",
    "versions": "all stages under several versions of Python, Django and redis-py",
}


def main(arguments=None):
    options = parser().parse_args(arguments)
    print(describe_machine(), flush=True)
    try:
        import_module(f"..comparing.{options.table}", __package__).run(options)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def parser():
    parser = argparse.ArgumentParser(prog="compare.sh", description=__doc__)
    tables = parser.add_subparsers(metavar="TABLE", required=True, dest="table")
    for name, about in TABLES.items():
        added = tables.add_parser(name, help=about)
        added.add_argument(
            "--keep", action="store_true", help="keep it, for the page and notebooks"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
