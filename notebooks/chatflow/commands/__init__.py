"""What `scripts/` starts: one module for each that is written in Python.

From outside: nothing but `main()`; nothing here is imported by another room.
"""
