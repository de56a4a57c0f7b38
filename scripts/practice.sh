#!/usr/bin/env bash
# Write a stage yourself, or hunt a mistake in one. See practice.sh --help.
set -euo pipefail
root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unset PYTHONHOME
# Without a trap bash forgets a Ctrl-C when the command that it waits for ends just then.
trap 'exit 130' INT
"$root/scripts/bootstrap.sh"
# Until main() takes over, Ctrl-C ends Python at once: it may lose one while it imports.
start='
import signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
from chatflow.commands.practice import main
raise SystemExit(main())'
PYTHONPATH="$root/notebooks" exec "$root/.venv/bin/python" -P -c "$start" "$@"
