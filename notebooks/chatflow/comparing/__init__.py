"""Compares: what five servers, all channel layers and several versions do, each cell by a probe.

From outside: `tables`, the tables of notebooks 13 to 15, and `guessing`, the game with them.
"""
