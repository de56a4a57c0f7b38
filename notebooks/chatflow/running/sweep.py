"""Remove the folder of a run once the last process of that run is gone: sweep.py FOLDER

The launcher and all its supervisors hold a lock on the folder's `lock` file, and the kernel
drops it with the last of them, however they end. So waiting for the lock is all there is to do.
Loads little, so it starts fast.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import sys
import time


def main(folder):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with open(os.path.join(folder, "lock")) as lock:
        tell("waiting")
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove(folder)


def tell(text):
    # The launcher may be dead already. What it has begun is to be removed all the more.
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{text}\n".encode())


def remove(folder):
    give_up_at = time.monotonic() + 10
    while os.path.exists(folder):
        try:
            shutil.rmtree(folder)
        except OSError:
            # A program that is being killed may put a last file there while we empty it.
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1])
