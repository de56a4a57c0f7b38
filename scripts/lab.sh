#!/usr/bin/env bash
# Open the walkthrough in JupyterLab; options are JupyterLab's own (--no-browser, --port 8889 ...).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/scripts/bootstrap.sh"
cd "$root"
# JupyterLab refuses to run as root (in a container, say) unless it is told to.
if [ "$(id -u)" = 0 ]; then set -- --allow-root "$@"; fi
exec .venv/bin/jupyter lab --ServerApp.root_dir="$root" notebooks/00_start_here.ipynb "$@"
