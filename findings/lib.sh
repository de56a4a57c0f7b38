# Sourced by each finding: runs one program with packages of its own, and leaves nothing behind.
# shellcheck shell=bash
set -euo pipefail

# The whole group of the last job: pip's helpers, and the servers that a program started.
stop_job() {
  if [ -n "${!:-}" ]; then { kill -KILL -- "-$!" && wait "$!"; } 2>/dev/null || true; fi
}

clean_up() {
  trap '' INT TERM HUP
  stop_job
  # Again, if need be: a process that is being killed may still end its last write.
  for _ in 1 2 3 4 5; do
    rm -rf "${work:-}" 2>/dev/null && break
    sleep 0.2
  done
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
work=$(mktemp -d)
export TMPDIR="$work"

# In the background, so that this script hears a signal at once, and in a group of its own.
run_job() {
  local status=0
  set -m
  (cd "$work" && exec "$@") <&0 &
  set +m
  wait "$!" || status=$?
  stop_job
  return "$status"
}

cannot() {
  echo "This cannot be tried here: $*" >&2
  exit 3
}

install() {
  local python=${PYTHON:-python3}
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    cannot "Python 3.11 or newer is needed. PYTHON=/path/to/python3.12 chooses one."
  run_job "$python" -m venv venv ||
    cannot "Python's venv module is incomplete (on Debian: apt install python3-venv)."
  echo "$("$work/venv/bin/python" --version), $*"
  # Without compiling: most of what is installed is never imported.
  run_job venv/bin/python -m pip --disable-pip-version-check \
    install -qq --no-cache-dir --no-compile "$@" ||
    cannot "The packages could not be installed. Is there a network?"
}

# The program comes as a here-document, and becomes a file, so that a server can import it. It is
# given no settings of this machine.
run_program() {
  cat >"$work/finding.py"
  if ! run_job env -i PATH="$work/venv/bin:$PATH" HOME="$work" TMPDIR="$TMPDIR" LC_ALL=C \
    PYTHONUNBUFFERED=1 python finding.py; then
    echo "This run has not seen what $(basename "$0") is about." >&2
    exit 1
  fi
}
