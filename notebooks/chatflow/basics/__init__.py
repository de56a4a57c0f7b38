"""What every room needs: the list of stages, addresses, errors that say what to do, interrupts.

From outside: all of it.
"""
