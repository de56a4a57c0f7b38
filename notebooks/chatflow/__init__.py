"""The walkthrough's own tools: start a stage, drive it with real clients, measure what it can."""

from .catalog import find_stage, stages
from .launcher import Run, stage

__all__ = ["Run", "find_stage", "stage", "stages"]
