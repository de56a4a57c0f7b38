"""The quick settings, and one address more, for those who do harm on purpose: see `faulty_urls`."""

from quick_settings import *  # noqa: F403

ROOT_URLCONF = "faulty_urls"
