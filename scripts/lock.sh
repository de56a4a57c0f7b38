#!/usr/bin/env bash
# Write requirements.lock anew from pyproject.toml: every package, every hash, every platform.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ "${1:-}" = "--help" ]; then
  echo "usage: lock.sh [--upgrade]   (options are those of uv pip compile)"
  exit 0
fi
"$root/scripts/bootstrap.sh"
cd "$root"
.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-emit-index-url --output-file requirements.lock "$@" pyproject.toml
