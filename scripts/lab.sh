#!/usr/bin/env bash
# Open the walkthrough in JupyterLab; options are JupyterLab's own.
set -euo pipefail
root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unset PYTHONHOME PYTHONPATH
if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
  echo "usage: lab.sh [OPTION ...]   (opens notebooks/00_start_here.ipynb in JupyterLab)"
  echo "Options are JupyterLab's own, as in: lab.sh --no-browser --port 8889; all: lab.sh --help-all"
  exit 0
fi
"$root/scripts/bootstrap.sh"
cd "$root"
# The learner came for the walkthrough: no question about Jupyter's own news on top of it.
settings=.venv/share/jupyter/lab/settings
mkdir -p "$settings"
cat >"$settings/overrides.json" <<'END'
{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}
END
# JupyterLab refuses to run as root (in a container, say) unless it is told to.
if [ "$(id -u)" = 0 ]; then set -- --allow-root "$@"; fi
exec .venv/bin/python -P -m jupyterlab --ServerApp.root_dir="$root" notebooks/00_start_here.ipynb "$@"
