"""The drawing as an SVG file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derive.drawing.svg import svg

if TYPE_CHECKING:
    from derive.document.manuscript import Manuscript


def files(manuscript: Manuscript) -> dict[str, str]:
    """Return the drawing by its file name."""
    return {"network.svg": svg(manuscript.drawing)}
