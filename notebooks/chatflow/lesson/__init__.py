"""What notebooks show: the real code, predictions, the table of claims; and how they are executed.

From outside: `sources`, `predict`, `claims`, `notebooks`.
"""
