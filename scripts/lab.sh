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
# The learner came for the walkthrough: no question about Jupyter's own news on top of it. And code
# and outputs are to fit into a window of 1,000 px: code is wrapped.
lab=.venv/share/jupyter/lab
mkdir -p "$lab/settings" "$lab/workspaces"
cat >"$lab/settings/overrides.json" <<'END'
{
  "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false},
  "@jupyterlab/notebook-extension:tracker": {"codeCellConfig": {"lineNumbers": false, "lineWrap": true}}
}
END
# The list of files begins hidden (a click on its folder shows it). How the learner leaves the window
# is kept here, apart from other work with JupyterLab.
export JUPYTERLAB_WORKSPACES_DIR="${JUPYTERLAB_WORKSPACES_DIR:-$root/$lab/workspaces}"
workspace=$JUPYTERLAB_WORKSPACES_DIR/default-37a8.jupyterlab-workspace
mkdir -p "$JUPYTERLAB_WORKSPACES_DIR"
[ -e "$workspace" ] || cat >"$workspace" <<'END'
{
  "data": {"layout-restorer:data": {
    "main": {"dock": null},
    "left": {"collapsed": true, "visible": true, "widgets": ["filebrowser"]},
    "right": {"collapsed": true, "visible": true, "widgets": []}
  }},
  "metadata": {"id": "default"}
}
END
# JupyterLab refuses to run as root (in a container, say) unless it is told to.
if [ "$(id -u)" = 0 ]; then set -- --allow-root "$@"; fi
exec .venv/bin/python -P -m jupyterlab --ServerApp.root_dir="$root" notebooks/00_start_here.ipynb "$@"
