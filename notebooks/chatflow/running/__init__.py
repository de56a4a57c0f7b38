"""Real processes: a stage, its servers, Redis, PostgreSQL, nginx, a lab. None outlives us.

`launcher` starts and stops a stage: `options` says what may be asked of it, `environment` what the
stage reads, `servers` how each server is called; `instances` are its processes, `ports` their
sockets, `processes` any program and the folder of a run. From outside: `launcher.stage`,
`labs.lab`, `variants.variant`, and the servers one by one. `supervise` and `sweep` are programs
of their own.
"""
