"""Reading of users' TOML files. Limits keep it fast, and no number is changed silently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from derive.text.errors import SpecError
from derive.text.user_text import MAX_TEXT, beyond_floats, bounded, cut, shown, shown_path

MAX_FILE = 1_000_000

#: The largest size of an integer, in bits; every valid number is smaller.
MAX_BITS = 4_000

#: The largest number of dots in a key: tomllib takes quadratic time in it.
MAX_PARTS = 100

_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_BETWEEN_KEYS = re.compile(r"[=\[\]{},#]")


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file. Raises SpecError with the file, line and column of an error."""
    where = shown_path(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        raise SpecError(f"{where}: there is no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"{where}: cannot be read ({reason.lower()})") from None
    if len(data) > MAX_FILE:
        raise SpecError(f"{where}: is larger than {MAX_FILE} bytes, too large for a spec")
    return _parse_toml(data, where)


def _parse_toml(data: bytes, where: str) -> dict[str, Any]:
    import tomllib  # most runs read no file

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{where}, line {line}: this is not UTF-8 text") from None
    _refuse_long_keys(text, where)
    try:
        values = tomllib.loads(text, parse_float=lambda number: _float(number, where))
    except SpecError:
        raise
    except tomllib.TOMLDecodeError as error:
        raise SpecError(_toml_message(str(error), text, where)) from None
    except (RecursionError, ValueError):  # deeply nested, or an integer of thousands of digits
        raise SpecError(f"{where}: holds a value that no spec needs, too deep or too long") from None
    for key, value in values.items():
        _refuse_long(value, f"{where}: {shown(key)[1:-1]}")
    return values


def _refuse_long_keys(text: str, where: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MAX_PARTS and not line.lstrip(" \t").startswith("#"):
            if any(part.count(".") > MAX_PARTS for part in _BETWEEN_KEYS.split(line)):
                raise SpecError(f"{where}, line {number}: holds a key or a text with more than {MAX_PARTS} dots in it")


def _float(text: str, where: str) -> float:
    number = float(text)
    beyond = beyond_floats(text, number)
    if beyond:
        raise SpecError(f"{where}: holds {shown(text)[1:-1]}, {beyond}")
    return number


def _refuse_long(value: object, where: str) -> None:
    """Refuse an overlong text or integer anywhere in ``value``."""
    if isinstance(value, str):
        bounded(where, value, MAX_TEXT)
    elif isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise SpecError(f"{where} is {shown(value)}, longer than any number that is given")
    elif isinstance(value, list | dict):
        inner: Iterable[object] = value.values() if isinstance(value, Mapping) else value
        for entry in inner:
            _refuse_long(entry, where)


def _toml_message(message: str, text: str, where: str) -> str:
    found = _PLACE.fullmatch(message)
    reason, line, column = found.groups() if found else (message, None, None)
    if line is None:
        *before, last = text.split("\n")
        line, column = str(len(before) + 1), str(len(last) + 1)
    return f"{where}, line {line}, column {column}: not TOML, {cut(reason[:1].lower() + reason[1:])}"
