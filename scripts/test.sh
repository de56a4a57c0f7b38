#!/usr/bin/env bash
# Run all tests, or those that pytest's own options choose.
set -euo pipefail
root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unset PYTHONHOME PYTHONPATH
# Hundreds of processes start: none is to compile again what another has compiled.
unset PYTHONDONTWRITEBYTECODE
if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
  echo "usage: test.sh [OPTION ...]   (runs all tests)"
  echo "       test.sh N            (one stage, by what every stage is tested by: 1 to 9, or final)"
  echo "       test.sh --faults     (kills parts of chat_final, ten times each; half an hour)"
  echo "       test.sh --breakages [NAME ...]   (tests the tests: each small breakage must turn them red)"
  echo "       test.sh --hunts [NAME ...]       (all hunts of the practice track, broken and cured; ten minutes)"
  echo "       test.sh --practice   (all builds of the practice track and their half solutions; five minutes)"
  echo "       test.sh --newest     (all stages under this month's Django and redis-py, in .venv-newest)"
  echo "Options are pytest's own, as in: test.sh -k websocket; one of ours: --stage-dir 5=my/folder"
  exit 0
fi
newest=
if [ "${1:-}" = "--newest" ]; then
  newest=yes
  shift
fi
"$root/scripts/bootstrap.sh" ${newest:+--newest}
cd "$root"
if [ "${1:-}" = "--faults" ]; then
  # With nothing beside it, since it compares times.
  set -- -n 0 tests/final/test_faults.py tests/final/test_fuzz.py "$@"
elif [[ "${1:-}" =~ ^([0-9]+|final)$ ]]; then
  set -- --stage "$1" tests/stages "${@:2}"
elif [[ "${1:-}" =~ ^--(breakages|hunts)$ ]]; then
  what=${BASH_REMATCH[1]}
  shift
  names=
  while [[ "${1:-}" =~ ^[a-z] ]]; do
    names+=" $1"
    shift
  done
  if [ "$what" = breakages ]; then
    export CHATFLOW_BREAKAGES="${names:-all}"
    set -- -v tests/scripts/test_breakages.py "$@"
  else
    export CHATFLOW_HUNTS="${names:-all}"
    set -- --dist load tests/practice/test_hunts.py "$@"
  fi
elif [ "${1:-}" = "--practice" ]; then
  shift
  export CHATFLOW_PRACTICE=all
  set -- --dist load tests/practice/test_builds.py "$@"
elif [ "$newest" ]; then
  # What stages and chat_final do for those who use them; our own tools stay with the usual releases,
  # and so does run_step.sh, which one of these starts.
  set -- tests/stages/test_{newest,releases,endings,capabilities,pages,sockets,resume,workers}.py \
    tests/stages/test_{users,plain_django,browser}.py tests/final tests/comparing/test_versions.py \
    --deselect tests/final/test_postgres.py::test_run_step_runs_chat_final_on_it "$@"
fi
# A run that goes on after midnight is one of the day on which it began.
export CHATFLOW_DAY="${CHATFLOW_DAY:-$(date +%F)}"
# A job more than there are cores, and three at least, as much of testing is waiting; in the order of
# tests/conftest.py, where xdist would take those with most tests first. What comes later on the line
# wins: -n 0.
jobs=$(($(getconf _NPROCESSORS_ONLN) + 1))
exec ".venv${newest:+-newest}/bin/python" -P -m pytest \
  -n $((jobs > 3 ? jobs : 3)) --dist loadfile --no-loadscope-reorder "$@"
