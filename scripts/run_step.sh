#!/usr/bin/env bash
# Run one stage: run_step.sh N. See run_step.sh --help.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/scripts/bootstrap.sh"
PYTHONPATH="$root/notebooks" exec "$root/.venv/bin/python" -P -m chatflow.run_step "$@"
