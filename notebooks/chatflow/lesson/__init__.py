"""What notebooks show: the real code, predictions, claims, errors; and how they are executed.

From outside: `sources`, `predict`, `claims`, `notebooks`; `teaching`, which `import chatflow`
installs in a kernel.
"""
