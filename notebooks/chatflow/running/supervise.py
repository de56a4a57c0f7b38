"""Run one program and end it with its parent: supervise.py GRACE FD ADOPTS PROGRAM [ARG ...]

Standard input is the lifeline, a pipe whose other end only the parent holds: when it closes,
the parent has let go or is dead, and the program gets SIGTERM, then GRACE seconds later SIGKILL
with its whole process group. A line on it names processes that have been stopped (SIGSTOP): the
next line lets them go on, and so does the end, as they could not end otherwise. FD is a listening
socket to hand on (-1: none). With ADOPTS (1, or 0) its children end with it, on Linux, even if they
have left the group. Prints the program's process id, and its return code when it has ended. Uses
only the standard library, so it starts fast.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
ON_LINUX = sys.platform == "linux"
# Processes, by their ids; such a one cannot end by itself, so its id is nobody else's.
STOPPED = []


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
        preexec_fn=die_with_supervisor if ON_LINUX else None,
    )


def stop_with_parent(child, grace):
    for line in sys.stdin:  # ends when the other end is gone
        let_go_on()
        STOPPED.extend(map(int, line.split()))
    child.terminate()
    let_go_on()
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()


def let_go_on():
    while STOPPED:
        with contextlib.suppress(ProcessLookupError):
            os.kill(STOPPED.pop(), signal.SIGCONT)


def adopt_orphans():
    """Become the parent of whatever the program's own children leave behind."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_orphans():
    """End what has left our process group, and then its children, which are ours by then."""
    while children := [int(number) for number in read_children().split()]:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def read_children():
    # There if the kernel was built with it, as it is nearly everywhere.
    path = f"/proc/self/task/{os.getpid()}/children"
    with contextlib.suppress(FileNotFoundError), open(path) as file:
        return file.read()
    return ""


def tell(number):
    # The parent may be dead and want no answer; the program must be ended all the same.
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{number}\n".encode())


def main(grace, fd, adopts, *command):
    # Only the lifeline ends us. Handlers, not SIG_IGN, which the program would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    adopts = adopts == "1" and ON_LINUX
    if adopts:
        adopt_orphans()
    child = start(command, int(fd))
    if int(fd) >= 0:
        os.close(int(fd))  # so that the port is free as soon as the program is gone
    tell(child.pid)
    threading.Thread(target=stop_with_parent, args=(child, float(grace)), daemon=True).start()
    code = child.wait()
    if adopts:
        end_orphans()
    tell(code)
    let_go_on()  # PostgreSQL's are in groups of their own, and end when they see that it has
    # Whatever the program has left in our group (gunicorn's workers, say) ends here, as we do.
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
