"""The pictures of a flow: pure functions from a Flow to the text of an SVG.

`layout` computes where things stand in `sequence`; `flow_map` places its own.

From outside: the functions named here; `picture`, `timeline` and `lanes` for notebooks; and for the
live page `flow_map`, `folding`, `places` and `sequence`.
"""

from .flow_map import flow_map
from .folding import CLIENTS, fold, words
from .sequence import sequence

__all__ = ["CLIENTS", "flow_map", "fold", "sequence", "words"]
