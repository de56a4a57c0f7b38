"""The stage's own settings, with the quick password hasher that Django's documentation gives tests.

For users who live no longer than the run: a real hash takes as long as starting a server does.
"""

from websockets_channels.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
