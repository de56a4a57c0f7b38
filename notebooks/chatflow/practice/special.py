"""Checks that no row of the matrix is about, by name.

The first line of each is what should hold, as those would say it who use the stage: it names no
cure. A check gets the running stage, of two instances and traced, and says whether it holds.
"""

from . import from_outside, in_a_room, under_load

SPECIAL = in_a_room.CHECKS | under_load.CHECKS | from_outside.CHECKS
