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
  .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url "$@"
}
lock --python-version 3.11 --output-file requirements.lock "$@" pyproject.toml
# The same for test.sh --newest, but for what stands in requirements-newest.in.
lock --python-version 3.12 --output-file requirements-newest.lock \
  --override requirements-newest.in "$@" pyproject.toml
# chat_final can be copied out; what is installed with it are the versions tested here.
lock --python-version 3.11 --output-file chat_final/requirements.txt --constraint requirements.lock \
  chat_final/requirements.in
