"""Parsing of text from users, and quoting of it in messages. Text is never evaluated."""

from __future__ import annotations

import builtins
import keyword
import math
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from derive.text.errors import SpecError

MAX_WIDTH = 10**9
MAX_WIDTH_NAME = 30
MAX_TEXT = 20_000
MAX_SHOWN = 200

_WIDTH_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)?")
_DEVICE = re.compile("con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)

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


#: Words for values in other programs; not allowed as names, in any case.
_VALUES = frozenset("nan inf infinity none null nil true false".split())
#: The longest list of names in a sentence.
MAX_LISTED = 20


def listed(names: Iterable[str]) -> str:
    """Join names for a sentence; a long list is cut.

    >>> listed("abc"), listed([str(n) for n in range(100)])[-9:]
    ('a, b and c', '18, 19, …')
    """
    *first, last = names
    if len(first) >= MAX_LISTED:
        return f"{', '.join(first[:MAX_LISTED])}, …"
    return f"{', '.join(first)} and {last}" if first else last


def shown(value: object, limit: int = 60) -> str:
    r"""Quote a user's value for a message: one line, ASCII, limited length.

    >>> print(shown("a\x1b[1mé"))
    'a\x1b[1m\xe9'
    """
    text = _quoted(value[: limit + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= limit else f"{text[: limit - 4]}...{text[-1]}"


def _quoted(value: object) -> str:
    try:
        return ascii(value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        return f"{kind(value)} of very many digits"


def cut(text: str, limit: int = MAX_SHOWN) -> str:
    """Cut a text for a message to ``limit`` characters.

    >>> cut("a" * 1000, 6)
    'aaa...'
    """
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def bounded(key: str, text: str, limit: int = MAX_TEXT) -> str:
    """Return ``text``. Raises SpecError if it is longer than ``limit``; called before any other check."""
    if len(text) > limit:
        raise SpecError(f"{key} is {shown(text)}, longer than {limit} characters: give a shorter one")
    return text


def beyond_floats(text: str, number: float) -> str | None:
    """Say in which way a float misses the decimals it was read from (overflow, underflow); None if it does not.

    >>> beyond_floats("1e-400", 0.0), beyond_floats("0.00", 0.0)
    ('which is too small to be told from 0', None)
    """
    digits = re.split("[eE]", text)[0]
    if number == 0 and any(sign in "123456789" for sign in digits):
        return "which is too small to be told from 0"
    if abs(number) == math.inf and any(sign.isdigit() for sign in digits):
        return "which is too large for a number of the computer"
    return None


def shown_path(path: str | Path) -> str:
    """Write a path for a message: quoted and escaped if not printable, shortened if long."""
    text = str(path)
    text = text if text and text.isprintable() else repr(text)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN // 2]}...{text[-MAX_SHOWN // 2 :]}"


def kind(value: object) -> str:
    """Return the name of the type of a value in TOML."""
    kinds = (
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a float"),
        (str, "a string"),
        ((list, tuple), "an array"),
        (Mapping, "a table"),
    )
    return next((name for types, name in kinds if isinstance(value, types)), f"a {type(value).__name__}")


def is_package_name(name: str) -> bool:
    """Return whether ``name`` is valid for a Python package on every system."""
    fits = name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
    taken = name in sys.stdlib_module_names or name in {"numpy", "derive"} or name.startswith("__")
    return fits and not taken and not is_device(name)


def is_device(name: str) -> bool:
    """Return whether ``name`` is reserved for a device on Windows, and so not available for a folder.

    >>> is_device("Con"), is_device("lpt9"), is_device("console")
    (True, True, False)
    """
    return _DEVICE.fullmatch(name) is not None


def width(entry: object, where: str) -> int | str:
    """Parse a width, an integer or a name; ``where`` names the entry in a SpecError.

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
        raise SpecError(f"{where} is {shown(entry)}, but a width must be at least 1 and at most {MAX_WIDTH}")
    return number


def _whole_number(entry: object) -> int | None:
    """Return the entry as an integer, None if it is not one. Huge values are clipped to just out of range."""
    if isinstance(entry, str):
        if not re.fullmatch(r"-?[0-9]+", entry):
            return None
        digits = entry.lstrip("-0")
        if len(digits) > len(str(MAX_WIDTH)):
            return MAX_WIDTH + 1
        return int(digits or "0") * (-1 if entry[0] == "-" else 1)
    if isinstance(entry, bool) or not hasattr(entry, "__index__"):
        return None
    return int(entry.__index__())


def _width_name(name: str, where: str) -> str:
    if len(name) > MAX_WIDTH_NAME:  # first, since the checks below take quadratic time in the length
        raise SpecError(f"{where}, longer than {MAX_WIDTH_NAME} characters: choose a shorter name")
    stem = re.sub(r"[0-9]+$", "", name.partition("_")[0])
    taken = _TAKEN.get(name) or _TAKEN.get(stem)
    if taken:
        raise SpecError(f"{where}, which stands for {taken}: choose another name, such as n, h or k")
    if keyword.iskeyword(name) or (hasattr(builtins, name) and name != "input"):
        raise SpecError(f"{where}, a word of the Python language: choose another name, such as n, h or k")
    if name.lower() in _VALUES:
        raise SpecError(f"{where}, which stands for a value that is no width: choose another name, such as n, h or k")
    return name
