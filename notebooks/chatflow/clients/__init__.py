"""Those who talk to a stage: visitors and readers, people who come back, a browser, and a
network that counts or fails.

From outside: `client`, `guests`, `traffic`, `browser`.
"""
