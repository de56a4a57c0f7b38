"""`scripts/manage.sh`: a management command in a process of its own, beside a stage that runs."""

import os
import sys

from .errors import LaunchError, UsageError
from .processes import running

USAGE = "usage: manage.sh N COMMAND [ARG ...], as in: manage.sh 6 say lobby hello"


def main(arguments):
    if arguments in ([], ["--help"], ["-h"]):
        print(USAGE)
        return 0 if arguments else 2
    try:
        note = find_run(arguments[0])
    except LaunchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    os.chdir(note["folder"])
    os.environ.pop("PYTHONPATH", None)
    os.environ.update(note["environment"])
    os.execv(sys.executable, [sys.executable, "manage.py", *arguments[1:]])


def find_run(number):
    """The note of the newest run of this stage. Raises UsageError if there is none."""
    for note in running():
        if str(note["stage"]) == number.lstrip("0"):
            return note
    raise UsageError(f"Stage {number} is not running: start it with ./scripts/run_step.sh {number}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
