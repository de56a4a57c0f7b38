#!/usr/bin/env bash
# Measure what notebooks/performance.md shows: bench.sh fanout, and more. See bench.sh --help.
set -euo pipefail
root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unset PYTHONHOME
"$root/scripts/bootstrap.sh"
PYTHONPATH="$root/notebooks" exec "$root/.venv/bin/python" -P -m chatflow.bench "$@"
