"""Errors that teach: what a notebook shows when a cell fails.

`import chatflow` installs it in a kernel, by IPython's own hooks. A failed assert shows the values
that it looked at and, if it is about a flow, the picture of that flow; an interrupt says what it
has stopped; our own errors show their sentence, without the frames of the library; a forgotten
`await` is named. `%tb` shows the frames of the last error, `%xmode Verbose` those of each one.
"""

import asyncio
import contextlib
import inspect
import linecache
import re
import sys
import types

from ..basics import interrupts
from ..basics.errors import LaunchError
from .asserts import Asserts, Explained

# Python's words for an object that was used before it was awaited, or entered.
NOT_AWAITED = re.compile(r"\bcoroutine\b")
NOT_ENTERED = re.compile("_AsyncGeneratorContextManager")
ENTER = "It is used by `async with`, as in: async with stage(5) as chat:"
RED, PLAIN = "\x1b[31m", "\x1b[39m"


def install(shell):
    """Let a shell of IPython show errors in this way."""
    shell.ast_transformers.append(Asserts())
    interrupted = asyncio.CancelledError, KeyboardInterrupt
    kinds = AssertionError, AttributeError, LaunchError, TimeoutError, TypeError
    shell.set_custom_exc(kinds + interrupted, show)
    wake_while_cells_run(shell)
    plain = shell.display_formatter.formatters["text/plain"]
    plain.for_type(types.CoroutineType, show_coroutine)
    plain.for_type(contextlib._AsyncGeneratorContextManager, show_context)


def show(shell, kind, error, traceback, tb_offset=None):
    """Show an error as its kind needs it."""
    if shell.InteractiveTB.mode != "Verbose":
        if isinstance(error, LaunchError):
            return say(shell, error, f"{kind.__name__}: {error}", where(shell, traceback))
        if was_interrupted(error):
            servers = of_servers(shell, error)
            return say(shell, error, "Interrupted", where(shell, traceback), *servers)
    if hint := hint_for(error) or hint_for_timeout(shell, error):
        error.add_note(hint)
    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
    show_flow(error)


def say(shell, error, sentence, *more):
    """Show a sentence in place of a traceback, which `%tb` then shows."""
    sys.last_exc = sys.last_value = error
    sys.last_type, sys.last_traceback = type(error), error.__traceback__
    name, colon, rest = sentence.partition(":")
    shell._showtraceback(
        type(error), error, [f"{RED}{name}{PLAIN}{colon}{rest}", *filter(None, more)]
    )


def where(shell, traceback):
    """The line of a cell that was running, in words."""
    line = ""
    while traceback:
        frame, number = traceback.tb_frame, traceback.tb_lineno
        if frame.f_globals is shell.user_ns or frame.f_globals is shell.user_global_ns:
            text = linecache.getline(frame.f_code.co_filename, number).strip()
            inside = "" if frame.f_code.co_name.startswith("<") else f" ({frame.f_code.co_name})"
            line = f"in line {number} of the cell{inside}: {text}"
        traceback = traceback.tb_next
    return line


# --- what was interrupted -------------------------------------------------------------------------


def wake_while_cells_run(shell):
    """Let an interrupt end any cell, whatever it awaits."""
    waking = []

    def begin(*_):
        with contextlib.suppress(RuntimeError):  # no event loop: plain IPython, which needs none
            waking.append(asyncio.get_running_loop().create_task(interrupts.keep_waking()))

    def end(*_):
        while waking:
            waking.pop().cancel()

    shell.events.register("pre_run_cell", begin)
    shell.events.register("post_run_cell", end)
    begin()  # for the cell that runs


def was_interrupted(error):
    """Whether the learner has done it, and not a task that was cancelled by its own program."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return bool(task and task.cancelling())
    return isinstance(error, KeyboardInterrupt)


def of_servers(shell, error):
    """What has become of what runs for the notebook: sentences."""
    yield from getattr(error, "__notes__", ())
    if not interrupts.HELD:
        yield "Nothing that the notebook has started is running."
        return
    yield f"Still running: {', '.join(interrupts.HELD)}."
    stacks = [f"`await {name}.aclose()`" for name, value in shell.user_ns.items() if is_open(value)]
    yield f"{' or '.join([*stacks, 'a restart of the kernel'])} ends it."


def is_open(value):
    return isinstance(value, contextlib.AsyncExitStack) and bool(value._exit_callbacks)


def hint_for_timeout(shell, error):
    """What has waited in vain, for a timeout that comes without words; else None."""
    if not isinstance(error, TimeoutError) or str(error):
        return None
    # Its cause was thrown where the cell waited.
    places = [where(shell, each.__traceback__) for each in (error.__cause__, error) if each]
    return f"What is awaited has not come in time, {next(filter(None, places), '')}"


# --- what was not awaited -------------------------------------------------------------------------


def hint_for(error):
    """What may be missing, where an error is about a coroutine or an `async with`; else None."""
    if not isinstance(error, AttributeError | TypeError):
        return None
    if NOT_ENTERED.search(str(error)):
        return ENTER
    if inspect.iscoroutine(used := getattr(error, "obj", None)):
        return not_run(used)
    if NOT_AWAITED.search(str(error)):
        return "A coroutine does nothing before it is awaited: is an `await` missing in this line?"
    return None


def not_run(coroutine):
    return f"{coroutine.__name__}() has not run yet: write `await` in front of it."


def show_coroutine(coroutine, printer, cycle):
    printer.text(not_run(coroutine))


def show_context(context, printer, cycle):
    printer.text(f"Nothing has been started yet. {ENTER}")


# --- the flow that an assert is about -------------------------------------------------------------


def show_flow(error):
    """Below a failed assert about a flow: where that flow has ended, and its picture."""
    message = error.args[0] if isinstance(error, AssertionError) and error.args else None
    if not isinstance(message, Explained) or not message.flow:
        return
    from IPython.display import display

    from ..drawing.picture import draw_map

    flow = message.flow
    picture = draw_map(flow)
    print("\n".join(["The flow that this is about ended here:", *ending(picture)]))
    display(picture)


def ending(picture):
    """The last hop of a flow in words, and who was never reached."""
    lines = picture.text.splitlines()
    hops = [line for line in lines if re.match(r"\d+\. ", line)]
    return hops[-1:] + [line for line in lines if line.startswith("never reached:")]
