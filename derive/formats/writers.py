"""The files of an edition: those of its formats, and its numbers."""

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
    """The files of all formats of an edition, by name; a format is imported where it is asked for."""
    found: dict[str, Content] = {}
    for name in manuscript.edition.formats:
        module = import_module(f"derive.formats.{FORMATS[name].module}")
        found |= module.files(manuscript)
    return found


def numbers_file(numbers: Numbers) -> dict[str, Content]:
    """The numbers as they were given, complete, as a TOML file."""
    return {NUMBERS_FILE: "".join(f"{key} = {_toml(value)}\n" for key, value in numbers.values.items())}


def _toml(value: Any) -> str:
    """A value in TOML, one row of a matrix on each line; texts are names of parameters, numbers are finite."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        entries = [_toml(v) for v in value]
        if any(isinstance(v, (list, tuple)) for v in value):
            return "[\n" + "".join(f"    {entry},\n" for entry in entries) + "]"
        return "[" + ", ".join(entries) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
