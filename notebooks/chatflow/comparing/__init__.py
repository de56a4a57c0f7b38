"""Compares: what five servers, all channel layers and several versions do, each cell by a probe.

From outside: `tables`, the tables of notebooks 13 to 15; `guessing`, the game with them; `page`,
where all of them are shown; and `servers.measured`, for some rows of one.
"""
