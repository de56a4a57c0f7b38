"""Measurements that anyone can rerun: `scripts/bench.sh`."""
