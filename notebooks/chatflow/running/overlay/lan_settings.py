"""The stage's own settings, for `run_step.sh --lan`: others in the network ask for its pages, too.

Passwords are hashed as they should be: they are those of real people.
"""

import os

from websockets_channels.settings import *  # noqa: F403

# The only address that it listens on.
ALLOWED_HOSTS = [os.environ["LAN_ADDRESS"]]
# The stage's own is published.
SECRET_KEY = os.environ["LAN_KEY"]
# Browsers take this header over HTTPS only, and complain of it on each page.
SECURE_CROSS_ORIGIN_OPENER_POLICY = None
