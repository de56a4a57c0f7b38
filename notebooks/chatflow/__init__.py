"""The walkthrough's own tools: start a stage, drive it with real clients, measure what it can."""

from .capabilities import measure
from .catalog import capabilities, find_stage, stages
from .client import Reader, Visitor, post, reading, websocket_reader
from .launcher import Run, stage

__all__ = [
    "Reader",
    "Run",
    "Visitor",
    "capabilities",
    "find_stage",
    "measure",
    "post",
    "reading",
    "stage",
    "stages",
    "websocket_reader",
]
