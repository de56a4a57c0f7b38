#!/usr/bin/env bash
# Measure the tables of notebooks 13 to 15: compare.sh servers, and more. See compare.sh --help.
set -euo pipefail
root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unset PYTHONHOME
"$root/scripts/bootstrap.sh"
PYTHONPATH="$root/notebooks" exec "$root/.venv/bin/python" -P -m chatflow.commands.compare "$@"
