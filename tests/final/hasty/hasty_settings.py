"""The faulty settings; and what takes chat_final half a minute is over in a few seconds."""

from faulty_settings import *  # noqa: F403

ROOT_URLCONF = "hasty_urls"
# Its other times are set by the environment: see test_faults.py.
