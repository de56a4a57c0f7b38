#!/usr/bin/env bash
# Execute the notebooks and save their outputs: notebooks.sh [NAME.ipynb ...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unset PYTHONHOME
"$root/scripts/bootstrap.sh"
PYTHONPATH="$root/notebooks" exec "$root/.venv/bin/python" -P -m chatflow.lesson.notebooks "$@"
