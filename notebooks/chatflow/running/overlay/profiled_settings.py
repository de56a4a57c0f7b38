"""The quick settings, with Python's profiler at hand: SIGUSR1 begins, SIGUSR2 ends and writes down.

What it sees is the thread that loads the settings: a server's event loop.
"""

import cProfile
import os
import signal

from quick_settings import *  # noqa: F403

profiler = cProfile.Profile()


def begin(*_):
    profiler.enable()


def write_down(*_):
    profiler.disable()
    path = os.environ["CHAT_PROFILE"]
    profiler.dump_stats(f"{path}.new")
    os.rename(f"{path}.new", path)  # so that nobody reads half of it


signal.signal(signal.SIGUSR1, begin)
signal.signal(signal.SIGUSR2, write_down)
