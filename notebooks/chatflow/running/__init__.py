"""Real processes: a stage, its servers, Redis, PostgreSQL, nginx, a lab. None outlives us.

From outside: `launcher.stage`, `labs.lab`, `variants.variant`, and the servers one by one.
`supervise` and `sweep` are programs of their own.
"""
