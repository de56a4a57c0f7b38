#!/usr/bin/env bash
# Run manage.py of a stage that runs: manage.sh N COMMAND [ARG ...]
set -euo pipefail
root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unset PYTHONHOME
"$root/scripts/bootstrap.sh"
PYTHONPATH="$root/notebooks" exec "$root/.venv/bin/python" -P -m chatflow.commands.manage "$@"
