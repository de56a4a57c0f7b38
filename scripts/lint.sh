#!/usr/bin/env bash
# Check style: ruff for Python and notebooks, shellcheck for scripts (on Debian: apt install shellcheck).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unset PYTHONHOME PYTHONPATH
if [ "${1:-}" = "--help" ]; then
  echo "usage: lint.sh   (ruff check, ruff format --check, shellcheck)"
  exit 0
fi
"$root/scripts/bootstrap.sh"
cd "$root"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
if ! command -v shellcheck >/dev/null; then
  echo "shellcheck is missing, so the scripts are not checked: install it (on Debian: apt install shellcheck)." >&2
  exit 3
fi
# -x: follow findings/lib.sh, which the findings source.
shellcheck -x scripts/*.sh findings/*.sh .ci/run
