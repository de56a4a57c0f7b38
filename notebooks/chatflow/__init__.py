"""The walkthrough's own tools: start a stage, drive it with real clients, measure what it can."""

import os

from .capabilities import measure
from .catalog import capabilities, find_stage, stages
from .client import Reader, Visitor, post, reading, websocket_reader
from .drawing.picture import draw, draw_map
from .drawing.timeline import Row, Span, timeline
from .launcher import Run, stage
from .predict import predict
from .sources import diff, show, show_lab

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
