"""The walkthrough's own tools: start a stage, drive it with real clients, measure what it can.

Each room in here has a front door, its `__init__.py`, that says what the room is for. Imports go
down only: lesson, bench, commands → probing, live → clients, running, drawing → tracing → basics.
"""

import os

from .basics.catalog import capabilities, find_stage, stages
from .clients.readers import Reader, reading, websocket_reader
from .clients.visitor import Visitor, post
from .drawing.picture import draw, draw_map
from .drawing.timeline import Row, Span, timeline
from .lesson.predict import predict
from .lesson.sources import diff, show, show_lab
from .probing.capabilities import measure
from .running.launcher import Run, stage

__all__ = [
    "Reader",
    "Row",
    "Run",
    "Span",
    "Visitor",
    "capabilities",
    "diff",
    "draw",
    "draw_map",
    "find_stage",
    "measure",
    "post",
    "predict",
    "reading",
    "show",
    "show_lab",
    "stage",
    "stages",
    "timeline",
    "websocket_reader",
]

# Everything here is on this machine: a proxy that the environment names has no part in it.
elsewhere = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(
    filter(None, [elsewhere, "127.0.0.1,localhost"])
)
