"""Text from users: read, matched against what is known, quoted in messages, never evaluated."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

MAX_WIDTH = 10**9
MAX_WIDTH_NAME = 30
MAX_FILE = 1_000_000

_WIDTH_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)?")
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)

_MODULE = "something else in the generated module"
_TAKEN = {
    name: meaning
    for names, meaning in (
        ("m", "the number of samples"),
        ("E", "the error"),
        ("e pi I", "a number"),
        ("eta alpha", "the learning rate"),
        ("mu nu", "the index of a sample"),
        ("f g", "an activation function"),
        ("W w b dW dw db", "a parameter or its gradient"),
        ("x X x_bar X_bar", "the input"),
        ("y Y y_hat Y_hat", "the output or its target"),
        ("z Z H a A A_out", "the state of a layer"),
        ("Psi psi delta dz dZ dh", "a shared factor"),
        ("dE dtype learning_rate batch_size initial_parameters", _MODULE),
        ("np math self seed generator uniform values parameters", _MODULE),
    )
    for name in names.split()
}


class SpecError(ValueError):
    """A specification that makes no network; the message is one sentence for the user."""


class StatementError(ValueError):
    """A forward pass that cannot be derived; the message is one sentence in the user's names."""


def listed(names: Iterable[str]) -> str:
    """Names in a sentence.

    >>> listed("abc")
    'a, b and c'
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def shown(value: object, limit: int = 60) -> str:
    r"""Quote a value from a user for a message: one line, ASCII, not too long.

    >>> print(shown("a\x1b[1mé"))
    'a\x1b[1m\xe9'
    """
    text = ascii(value)
    return text if len(text) <= limit else f"{text[: limit - 4]}...{text[-1]}"


def shown_path(path: str | Path) -> str:
    """Write a path for a message: as it is, or quoted with escapes if it cannot be printed so."""
    text = str(path)
    return text if text and text.isprintable() else repr(text)


def kind(value: object) -> str:
    """Name the type of a value as TOML does."""
    kinds = (
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a float"),
        (str, "a string"),
        ((list, tuple), "an array"),
        (Mapping, "a table"),
    )
    return next((name for types, name in kinds if isinstance(value, types)), f"a {type(value).__name__}")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like ``name``.

    >>> nearest("Sigmoyd", ["tanh", "sigmoid"])
    'sigmoid'
    """
    return get_close_matches(name.lower(), list(known), n=1, cutoff=0.0)[0]


def is_package_name(name: str) -> bool:
    """Whether a Python package can be called that on every system."""
    fits = name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
    taken = name in sys.stdlib_module_names or name in {"numpy", "derive"} or name.startswith("__")
    return fits and not taken


def width(entry: object, where: str) -> int | str:
    """Return a width, a whole number or a name; ``where`` says in errors which entry it is.

    >>> width(" 12", "entry 1"), width("n_1", "entry 2")
    (12, 'n_1')
    """
    if isinstance(entry, str):
        entry = entry.strip(" \t")
        if not entry:
            raise SpecError(f"{where} is empty: give widths with a comma between them, such as 3,4,1")
        if _WIDTH_NAME.fullmatch(entry):
            return _width_name(entry, f"{where} is {shown(entry)}")
    number = _whole_number(entry)
    if number is None:
        raise SpecError(
            f"{where} is {shown(entry)}, but a width is a whole number such as 4, or a name such as n or n_1"
        )
    if not 1 <= number <= MAX_WIDTH:
        raise SpecError(f"{where} is {shown(entry)}, but a width is at least 1 and at most {MAX_WIDTH}")
    return number


def _whole_number(entry: object) -> int | None:
    """Return the entry as an integer (far out of range: just out of range), None if it is none."""
    if isinstance(entry, str):
        if not re.fullmatch(r"-?[0-9]+", entry):
            return None
        return int(entry) if len(entry.lstrip("-0")) <= len(str(MAX_WIDTH)) else MAX_WIDTH + 1
    if isinstance(entry, bool) or not hasattr(entry, "__index__"):
        return None
    return int(entry.__index__())


def _width_name(name: str, where: str) -> str:
    stem = re.sub(r"[0-9]+$", "", name.partition("_")[0])
    taken = _TAKEN.get(name) or _TAKEN.get(stem)
    if taken:
        raise SpecError(f"{where}, which stands for {taken}: choose another name, such as n, h or k")
    if keyword.iskeyword(name) or (hasattr(builtins, name) and name != "input"):
        raise SpecError(f"{where}, a word of the Python language: choose another name, such as n, h or k")
    if len(name) > MAX_WIDTH_NAME:
        raise SpecError(f"{where}, longer than {MAX_WIDTH_NAME} characters: choose a shorter name")
    return name


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file as it is; a SpecError names the file, and the line and column at fault."""
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
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{where}, line {line}: is not UTF-8 text") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(_toml_message(str(error), text, where)) from None
    except (RecursionError, ValueError):  # nested a thousand deep, or a number of 5000 digits
        raise SpecError(f"{where}: holds a value that no spec needs, too deep or too long") from None


def _toml_message(message: str, text: str, where: str) -> str:
    found = _PLACE.fullmatch(message)
    reason, line, column = found.groups() if found else (message, None, None)
    if line is None:
        *before, last = text.split("\n")
        line, column = str(len(before) + 1), str(len(last) + 1)
    return f"{where}, line {line}, column {column}: not TOML, {reason[:1].lower()}{reason[1:]}"
