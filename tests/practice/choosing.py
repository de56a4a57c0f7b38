"""Which exercises a run of the tests tries: all take minutes, so it is others on each day."""

import os
import random
from datetime import date

# "all" tries all of them: test.sh --practice.
CHOICE = "CHATFLOW_PRACTICE"
# As for the breakages: for the same day it is always the same choice.
DAY = "CHATFLOW_DAY"


def of_the_day(names, count):
    """So many of these, the same ones for the whole day; all of them if that is asked for."""
    if os.environ.get(CHOICE) == "all":
        return list(names)
    dice = random.Random(os.environ.get(DAY) or date.today().isoformat())
    return dice.sample(list(names), count)
