"""The layers of the catalogue, as they are listed: each is a text with one block, which begins with its summary."""

from __future__ import annotations

from derive.record import record
from derive.statement.keys import LAYERS_FOLDER, layer_names
from derive.statement.language.files import read_text
from derive.text.source import SUFFIX


@record
class Layer:
    """A layer: how a text calls its block, and what it is."""

    name: str
    call: str
    summary: str
    synonyms: tuple[str, ...] = ()


def _layer(name: str) -> Layer:
    summary, *lines = read_text(LAYERS_FOLDER / f"{name}{SUFFIX}").splitlines()
    call = next(line.removeprefix("block ") for line in lines if line.startswith("block "))
    return Layer(name, call, summary.removeprefix("# ").removesuffix("."))


LAYERS = {name: _layer(name) for name in layer_names()}
