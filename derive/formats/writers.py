"""The files of an edition: those of its formats, and the numbers of its worked example."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from derive.document.manuscript import Manuscript
from derive.files.formats import FORMATS
from derive.files.seals import Content
from derive.statement.edition import NUMBERS_FILE

if TYPE_CHECKING:
    from derive.worked.given import Numbers


def written(manuscript: Manuscript) -> dict[str, Content]:
    """Return the files of all formats of an edition, by name. Format modules are imported on demand."""
    found: dict[str, Content] = {}
    for name in manuscript.edition.formats:
        module = import_module(f"derive.formats.{FORMATS[name].module}")
        found |= module.files(manuscript)
    return found


def numbers_file(numbers: Numbers) -> dict[str, Content]:
    """Return the complete given numbers as a TOML file."""
    return {NUMBERS_FILE: "".join(f"{key} = {_toml(value)}\n" for key, value in numbers.values.items())}


def _toml(value: Any) -> str:
    """Write a value in TOML, with a line for each row of a matrix; strings are parameter names, numbers finite."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        entries = [_toml(v) for v in value]
        if any(isinstance(v, (list, tuple)) for v in value):
            return "[\n" + "".join(f"    {entry},\n" for entry in entries) + "]"
        return "[" + ", ".join(entries) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
