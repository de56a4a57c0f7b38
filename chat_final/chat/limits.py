"""How fast one socket may send frames at all; how fast a user may post is in `models.Allowance`."""

import time


class Bucket:
    """A token bucket: `at_once` tokens at first, and `per_second` come back."""

    def __init__(self, per_second, at_once):
        self.per_second, self.at_once = per_second, at_once
        self.tokens, self.since = at_once, time.monotonic()

    def take(self):
        """Take a token; False if there is none."""
        now = time.monotonic()
        self.tokens = min(self.at_once, self.tokens + (now - self.since) * self.per_second)
        self.since = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
