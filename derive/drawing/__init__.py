"""Drawings of a network: its units and weights, or its tensors, and the paths from one weight to the error.

In: a derivation's value.
Out: a scene, written as SVG or TikZ.
Imports: derived and what is below.
"""

from __future__ import annotations

from derive.drawing.highlight import Highlight, read_highlight
from derive.drawing.make import draw
from derive.drawing.reach import path_count, reached
from derive.drawing.scene import Drawing

__all__ = ["Drawing", "Highlight", "draw", "path_count", "reached", "read_highlight"]
