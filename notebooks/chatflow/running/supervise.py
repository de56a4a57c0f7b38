"""Run one program and end it with its parent: supervise.py GRACE_SECONDS FD PROGRAM [ARG ...]

Standard input is the lifeline, a pipe whose other end only the parent holds: when it closes,
the parent has let go or is dead, and the program gets SIGTERM, then SIGKILL with its whole
process group. FD is a listening socket to hand on (-1: none). Prints the program's process id,
and its return code when it has ended. Uses only the standard library, so it starts fast.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

LIFELINE = sys.stdin.fileno()
PR_SET_PDEATHSIG = 1


def die_with_supervisor():
    # Linux only: should the supervisor itself be killed, nobody is left to watch the lifeline.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(command, fd):
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        pass_fds=[fd] if fd >= 0 else [],
        preexec_fn=die_with_supervisor if sys.platform == "linux" else None,
    )


def stop_with_parent(child, grace):
    os.read(LIFELINE, 1)  # nothing is ever written: this returns when the other end is gone
    child.terminate()
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()


def tell(number):
    # The parent may be dead and want no answer; the program must be ended all the same.
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{number}\n".encode())


def main(grace, fd, *command):
    # Only the lifeline ends us. Handlers, not SIG_IGN, which the program would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    child = start(command, int(fd))
    if int(fd) >= 0:
        os.close(int(fd))  # so that the port is free as soon as the program is gone
    tell(child.pid)
    threading.Thread(target=stop_with_parent, args=(child, float(grace)), daemon=True).start()
    tell(child.wait())
    # Whatever the program has left in our group (gunicorn's workers, say) ends here, as we do.
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
