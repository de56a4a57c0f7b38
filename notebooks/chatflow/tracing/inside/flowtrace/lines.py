"""Which line of the stage's own code runs, or is about to."""

import functools
import inspect
import linecache
import os
import sys
import traceback
from contextvars import ContextVar

# The stage's programs are started in its folder.
FOLDER = os.path.join(os.getcwd(), "")

# The line that has called into another thread or event loop: there the stack begins again.
caller = ContextVar("flowtrace caller", default=None)


def running_line():
    """The stage's innermost line that runs: {"at": "chat/views.py:12", …}; None if none does."""
    frame = sys._getframe(1)
    while frame:
        code = frame.f_code
        if is_own(code.co_filename):
            return line(code.co_filename, frame.f_lineno, code.co_qualname)
        frame = frame.f_back
    return caller.get()


def failed_line(error):
    """The stage's innermost line in the traceback of an error, or None."""
    frames = [(frame.f_code, number) for frame, number in traceback.walk_tb(error.__traceback__)]
    own = [(code, number) for code, number in frames if is_own(code.co_filename)]
    for code, number in own[-1:]:
        return line(code.co_filename, number, code.co_qualname)


def first_line(*called):
    """Where the first of these begins that is the stage's own, a function or a class; or None."""
    return next(filter(None, map(beginning, filter(None, called))), None)


@functools.cache
def beginning(called):
    if inspect.isclass(called):
        path = inspect.getsourcefile(called) or ""
        number = inspect.getsourcelines(called)[1] if is_own(path) else 0
    else:
        code = getattr(inspect.unwrap(called), "__code__", None)
        path, number = (code.co_filename, code.co_firstlineno) if code else ("", 0)
    return line(path, after_decorators(path, number), called.__qualname__) if is_own(path) else None


def after_decorators(path, number):
    """The line of `def` or `class`, where a decorator stands before it."""
    begins = ("def ", "async def ", "class ")
    for later in range(number, number + 20):
        if linecache.getline(path, later).lstrip().startswith(begins):
            return later
    return number


@functools.cache
def is_own(path):
    """Whether a file is the stage's: not a library's, not even one in an environment of its own."""
    in_it = path.startswith(FOLDER) and "site-packages" not in path
    return in_it and path != os.path.join(FOLDER, "manage.py")


@functools.cache
def line(path, number, name):
    at = f"{path.removeprefix(FOLDER)}:{number}"
    return {"at": at, "in": name, "text": linecache.getline(path, number).strip()}


def noting_the_caller(call):
    """For what goes on in another thread or event loop: note the line that has called it."""
    if inspect.iscoroutinefunction(call):

        @functools.wraps(call)
        async def traced(self, *args, **kwargs):
            token = caller.set(running_line())
            try:
                return await call(self, *args, **kwargs)
            finally:
                caller.reset(token)
    else:

        @functools.wraps(call)
        def traced(self, *args, **kwargs):
            token = caller.set(running_line())
            try:
                return call(self, *args, **kwargs)
            finally:
                caller.reset(token)

    return traced
