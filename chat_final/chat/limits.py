"""How fast one socket may send frames at all; how fast a user may post is in `models.Allowance`."""

import time


class Bucket:
    """A token bucket: `at_once` tokens at first, and `per_second` come back.

    Kept as the time at which it will be full again, as an Allowance is.
    """

    def __init__(self, per_second, at_once):
        self.token, self.ahead = 1 / per_second, (at_once - 1) / per_second
        self.spent_until = 0

    def is_empty(self):
        return self.spent_until > time.monotonic() + self.ahead

    def take(self):
        """Take a token; False if there is none."""
        if self.is_empty():
            return False
        self.spent_until = max(self.spent_until, time.monotonic()) + self.token
        return True
