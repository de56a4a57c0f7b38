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
  "$root/.venv/bin/uv" pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url "$@"
}
lock --python-version 3.11 --output-file requirements.lock "$@" pyproject.toml
# The same for test.sh --newest, but for what stands in requirements-newest.in.
lock --python-version 3.12 --output-file requirements-newest.lock \
  --override requirements-newest.in "$@" pyproject.toml
# chat_final can be copied out; what is installed with it are the versions tested here.
lock --python-version 3.11 --output-file chat_final/requirements.txt --constraint requirements.lock \
  chat_final/requirements.in
# Each channel layer of run_step.sh --layer has an environment of its own: the servers, in the
# versions of requirements.lock, and what it adds to them.
cd notebooks/chatflow/running/layers/locks
lock_layer() {
  lock --constraint "$root/requirements.lock" --output-file "$1.lock" "${@:2}" "$1.in"
  sed -i.old '/^# The following packages were excluded/,$d' "$1.lock" && rm "$1.lock.old"
}
lock_layer servers --python-version 3.11 "$@"
mapfile -t shared < <(sed -n 's/^\([a-z][^=]*\)==.*/--no-emit-package=\1/p' servers.lock)
for name in *.in; do
  case "$name" in
    servers.in) continue ;;
    # channels-nats asks for it.
    nats.in) minor=13 ;;
    *) minor=11 ;;
  esac
  lock_layer "${name%.in}" --python-version "3.$minor" "${shared[@]}" "$@"
done
