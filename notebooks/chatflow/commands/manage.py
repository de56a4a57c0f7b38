"""`scripts/manage.sh`: a management command in a process of its own, next to a stage that runs."""

import os
import sys

from ..basics.catalog import find_stage
from ..basics.errors import LaunchError, UsageError
from ..running.environment import clean_environment
from ..running.processes import running

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
    environment = clean_environment() | note["environment"]
    os.execve(note["python"], [note["python"], "manage.py", *arguments[1:]], environment)


def find_run(number):
    """The note of the newest run of this stage. Raises UsageError if there is none."""
    wanted = find_stage(number).number
    if notes := [note for note in running() if note["stage"] == wanted]:
        return notes[0]
    raise UsageError(f"Stage {wanted} is not running: start it with ./scripts/run_step.sh {wanted}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
