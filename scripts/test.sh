#!/usr/bin/env bash
# Run all tests, or those that pytest's own options choose: test.sh -k stage_5 --stage-dir 5=my/folder
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/scripts/bootstrap.sh"
cd "$root"
exec .venv/bin/python -P -m pytest "$@"
