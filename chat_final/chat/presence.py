"""Who is in a room, over all instances, without a table that somebody would have to tidy up.

Each instance tells the others who is with it: when that changes, and again and again. What was told
is believed for PRESENCE_SECONDS: so the users of an instance that was killed are soon gone.
"""

import time

from django.conf import settings

RENEW_SECONDS = settings.PRESENCE_SECONDS / 3
# More names than that are counted only: in a big room each coming and going reaches everybody.
NAMES_SHOWN = 100


class Presence:
    """What one instance knows of a room: `here` is who is with it, `there` what others told."""

    def __init__(self):
        self.here, self.there = [], {}
        self.tell_at, self.shown = 0, None

    def hear(self, instance, names):
        """Believe another instance. One that is new here has not heard of us: tell it soon."""
        if instance not in self.there:
            self.tell_at = 0
        self.there[instance] = time.monotonic() + settings.PRESENCE_SECONDS, names

    def news_for_others(self, here):
        """The names that are to be told to other instances now, or None if they know."""
        now = time.monotonic()
        if here == self.here and now < self.tell_at:
            return None
        self.here, self.tell_at = here, now + RENEW_SECONDS
        return here

    def event(self, here):
        """Who is where: what a socket is sent when it comes, and when that changes."""
        names, now = set(here), time.monotonic()
        self.there = {key: lease for key, lease in self.there.items() if lease[0] > now}
        for _, told in self.there.values():
            names.update(told)
        return {"type": "presence", "users": sorted(names)[:NAMES_SHOWN], "count": len(names)}

    def news_for_sockets(self, here):
        """The event that the room's sockets are to be sent now, or None if they know."""
        event = self.event(here)
        if event == self.shown:
            return None
        self.shown = event
        return event
