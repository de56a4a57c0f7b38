"""Measurements that anyone can rerun: `scripts/bench.sh`.

From outside: `systems`, `measuring`, `capacity`, `charts` and `profiling` for notebook 11, and
`faults`, the table of the fault suite.
"""
