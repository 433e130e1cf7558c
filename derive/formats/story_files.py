"""The files of the story of a weight."""

from __future__ import annotations

from derive.document.story import story
from derive.drawing.highlight import read_highlight
from derive.files.seals import Content, seal_all
from derive.formats.writers import written
from derive.statement.edition import Edition
from derive.targets.registry import Runnable


def story_files(derivation: Runnable, weight: str, edition: Edition) -> tuple[str, dict[str, Content]]:
    """Return the name of the folder of the story, and its sealed files."""
    told = story(derivation, weight, edition)
    highlight = read_highlight(weight, derivation.forward)
    place = "_".join([derivation.specification.name, highlight.name, *map(str, highlight.entry)])
    files = {n: c for n, c in written(told).items() if "/" not in n}
    return place, seal_all(files, derivation.digest)
