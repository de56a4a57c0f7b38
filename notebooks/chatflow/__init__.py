"""The walkthrough's own tools: start a stage, drive it with real clients, measure what it can.

Each room in here has a front door, its `__init__.py`, that says what the room is for. Imports go
down only: commands → lesson, bench, comparing → practice → probing, live → clients, running,
drawing → tracing → basics.
"""

import os
import sys
from importlib import import_module

# What notebooks use, by the module that has it. Each is loaded when it is asked for first: all
# together take a quarter of a second of processor time, and no command needs them all.
EXPORTS = {
    "basics.catalog": ["capabilities", "find_stage", "stages"],
    "clients.readers": ["Reader", "reading", "websocket_reader"],
    "clients.visitor": ["Visitor", "post"],
    "drawing.picture": ["draw", "draw_map"],
    "drawing.timeline": ["Row", "Span", "timeline"],
    "lesson.predict": ["predict"],
    "lesson.sources": ["diff", "show", "show_lab"],
    "live.chat": ["stage"],
    "practice.cell": ["practise", "progress"],
    "probing.capabilities": ["measure"],
    "running.launcher": ["Run"],
}
HOMES = {name: module for module, names in EXPORTS.items() for name in names}
__all__ = sorted(HOMES)

# Everything here is on this machine: a proxy that the environment names has no part in it.
elsewhere = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(
    filter(None, [elsewhere, "127.0.0.1,localhost"])
)

# In a notebook errors are to teach; for a command there is nothing to load.
if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()):
    import_module(".lesson.teaching", __name__).install(shell)


def __getattr__(name):
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{HOMES[name]}", __name__), name)
