"""The pictures of a flow: pure functions from a Flow to the text of an SVG."""

from .flow_map import flow_map
from .folding import CLIENTS, fold, words
from .sequence import sequence

__all__ = ["CLIENTS", "flow_map", "fold", "sequence", "words"]
