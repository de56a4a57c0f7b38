"""Those who talk to a stage: visitors and readers, people who come back, a browser, and a
network that counts or fails.

From outside: `visitor` (pages and forms), `sockets` (a room's WebSocket), `readers` (whichever way
a stage offers), `guests`, `traffic`, `browser`.
"""
