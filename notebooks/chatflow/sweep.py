"""Remove the folder of a run once the last process of that run is gone: sweep.py FOLDER

The launcher and all its supervisors hold a lock on the folder's `lock` file, and the kernel
drops it with the last of them, however they end. So waiting for the lock is all there is to do.
"""

import fcntl
import shutil
import signal
import sys
from pathlib import Path


def main(folder):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with Path(folder, "lock").open() as lock:
        print("waiting", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1])
