#!/usr/bin/env bash
# Write the lock files anew: every package, every hash, every platform.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unset PYTHONHOME PYTHONPATH
if [ "${1:-}" = "--help" ]; then
  echo "usage: lock.sh [--upgrade]   (options are those of uv pip compile)"
  exit 0
fi
"$root/scripts/bootstrap.sh"
cd "$root"
lock() {
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-header --no-emit-index-url "$@"
}
lock --output-file requirements.lock "$@" pyproject.toml
# chat_final can be copied out; what is installed with it are the versions tested here.
lock --output-file chat_final/requirements.txt --constraint requirements.lock \
  chat_final/requirements.in
