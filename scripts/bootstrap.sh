#!/usr/bin/env bash
# Make the environment in .venv, or the one in .venv-newest; does nothing when nothing has changed.
set -euo pipefail
CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.."
# They would show Python another library than its own.
unset PYTHONHOME PYTHONPATH

# Without a trap bash forgets a Ctrl-C when the command that it waits for ends just then.
trap 'exit 130' INT

say() { printf '%s\n' "$*" >&2; }

usage() {
  echo "usage: bootstrap.sh            (makes the environment in .venv from requirements.lock)"
  echo "       bootstrap.sh --newest   (the one in .venv-newest, from requirements-newest.lock)"
  echo "PYTHON=/path/to/python3.13 chooses the Python to make it from."
}

venv=.venv lock_file=requirements.lock minor=11
candidates=(python3 python3.14 python3.13 python3.12 python3.11)
case "${1:-}" in
  "") ;;
  --help | -h) usage && exit 0 ;;
  --newest)
    # Not from the Python that happens to be the usual one, if there is one to be preferred.
    venv=.venv-newest lock_file=requirements-newest.lock minor=12
    candidates=(python3.13 python3.14 python3.12 python3) ;;
  *) usage >&2 && exit 2 ;;
esac

find_python() {
  if [ -n "${PYTHON:-}" ]; then candidates=("$PYTHON"); fi
  for name in "${candidates[@]}"; do
    # A name that is there need not be a Python that runs.
    if "$name" -c "import sys; sys.exit(sys.version_info < (3, $minor))" 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  say "Python 3.$minor or newer is needed, and none was found: install it, or set PYTHON to its path."
  exit 3
}

# What the environment was made from: a change of either makes it anew.
wanted() { "$1" -c 'import platform; print(platform.python_version())'; cksum "$lock_file"; }

make_venv() {
  local python
  case "$PWD" in *:*)
    say "Python cannot work in a folder with a colon in its path, as in $PWD: move this one elsewhere."
    exit 2 ;;
  esac
  python=$(find_python)
  say "Making the environment in $venv with $("$python" --version) ..."
  if ! "$python" -m venv --clear "$venv"; then
    say "Python's venv module is incomplete (on Debian: apt install python3-venv), so there is no environment."
    exit 3
  fi
}

trust_notebooks() {
  if [ "$(cksum notebooks/*.ipynb)" != "$(cat .venv/trusted 2>/dev/null)" ]; then
    say "Trusting the notebooks, so that Jupyter shows their pictures ..."
    .venv/bin/python -P -m nbformat.sign notebooks/*.ipynb >/dev/null
    cksum notebooks/*.ipynb >.venv/trusted
  fi
}

install() {
  # uv installs ten times faster than pip, and comes from the same lock file by its hash.
  awk '/^uv==/ { on = 1 } on { print } on && !/\\$/ { exit }' "$lock_file" >"$venv/uv.txt"
  say "Installing uv, then the packages of $lock_file ..."
  if pip_install --quiet --only-binary :all: -r "$venv/uv.txt" && uv_install; then
    return
  fi
  say "uv cannot do it on this machine: pip does it, more slowly."
  if ! pip_install -r "$lock_file"; then
    say "The packages could not be installed: is there a network? Run this again to try again."
    return 1
  fi
  if ! missing=$(find_missing); then
    say "$missing is not in $venv, though pip has ended well: does a setting of yours send packages" \
      "elsewhere? See: $venv/bin/python -m pip config list"
    return 1
  fi
}

# The user's index, proxy and certificates go on working: only what sends packages elsewhere, or
# nowhere, is taken back. Options on the command line override a pip.conf, too.
pip_install() (
  unset PIP_PLATFORM PIP_PYTHON_VERSION PIP_IMPLEMENTATION PIP_ABI PIP_REQUIREMENT
  export PIP_USER=0 PIP_DRY_RUN=0 PIP_NO_DEPS=0 PIP_REQUIRE_VIRTUALENV=0
  "$venv/bin/python" -m pip --python= install --target= --prefix="$PWD/$venv" --root=/ \
    --disable-pip-version-check --require-hashes "$@"
)

uv_install() (
  unset UV_PYTHON UV_SYSTEM_PYTHON UV_MANAGED_PYTHON UV_NO_MANAGED_PYTHON UV_PYTHON_PREFERENCE
  unset UV_WORKING_DIR UV_PROJECT
  # Where Python may keep no bytecode, each start of a server would compile Django again: 2 s, not 0.6.
  "$venv/bin/uv" pip sync --python "$venv/bin/python" --require-hashes \
    ${PYTHONDONTWRITEBYTECODE:+--compile-bytecode} "$lock_file" &&
    find_missing >/dev/null
)

# Prints the first package of the lock file that this environment does not have in its version.
find_missing() { "$venv/bin/python" -I -c "$find_missing" "$lock_file"; }
find_missing='
import sys
from importlib.metadata import distributions
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name

there = {canonicalize_name(each.name): each.version for each in distributions()}
for line in open(sys.argv[1]):
    if line[0].isalnum():
        wanted = Requirement(line.rstrip("\\\n "))
        fits = wanted.specifier.contains(there.get(canonicalize_name(wanted.name), "0"), True)
        if not fits and (not wanted.marker or wanted.marker.evaluate()):
            print(wanted.name)
            sys.exit(1)'

# One at a time: a second run waits here, and then finds everything done. The lock is this
# shell's, on its descriptor 9, and ends with it.
lock='
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Another bootstrap.sh is at work: waiting for it ...", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)'
mkdir -p .run
exec 9>.run/bootstrap.lock
if [ -x "$venv/bin/python" ]; then
  python=$venv/bin/python
else
  python=$(find_python)
fi
"$python" -c "$lock" || { say "Could not lock .run/bootstrap.lock."; exit 3; }

if [ "$(cat "$venv/made-from" 2>/dev/null)" != "$(wanted "$python")" ]; then
  # Kept where it can be: notebooks and stages may be running in it.
  "$venv/bin/python" -c 'import pip' 2>/dev/null || make_venv
  install || exit 3
  wanted "$venv/bin/python" >"$venv/made-from"
  say "Done."
fi
# They are read, and run, in the usual environment only.
if [ "$venv" = .venv ]; then trust_notebooks; fi
