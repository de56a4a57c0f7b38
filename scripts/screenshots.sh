#!/usr/bin/env bash
# Take the READMEs' pictures of two people who chat. See screenshots.sh --help.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unset PYTHONHOME
"$root/scripts/bootstrap.sh"
PYTHONPATH="$root/notebooks" exec "$root/.venv/bin/python" -P -m chatflow.commands.screenshots "$@"
