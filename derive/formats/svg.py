"""The drawing as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derive.drawing.svg import svg

if TYPE_CHECKING:
    from derive.document.manuscript import Manuscript


def files(manuscript: Manuscript) -> dict[str, str]:
    """The drawing."""
    return {"network.svg": svg(manuscript.drawing)}
