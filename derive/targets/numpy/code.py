"""Python expressions as text, with their precedence.

``*``, ``/`` and ``@`` have the same precedence in Python. An operand that contains one of them is put
in parentheses where the order could be read differently.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from derive.record import record
from derive.targets.fold import WIDTH
from derive.text.entry_text import decimal_text

#: The indentation of the body of a function.
STEP = "    "
#: Precedence of the outermost operation, from the lowest.
COMPARISON, SUM, PRODUCT, UNARY, POWER, ATOM = range(6)


@record
class Code:
    """Python source, the precedence of its outermost operation, and whether it is only a name or a number."""

    text: str
    binds: int = ATOM
    plain: bool = False

    def at(self, level: int) -> str:
        """Return the source, in parentheses if its precedence is lower than ``level``."""
        return self.text if self.binds >= level else f"({self.text})"


def quoted(name: str) -> str:
    r"""Return a name as a Python string literal.

    >>> print(quoted("W1"), quoted('a"b'))
    "W1" "a\"b"
    """
    return json.dumps(name, ensure_ascii=False)


def python_number(value: Fraction) -> Code:
    """Return a fraction as a decimal number, or as a quotient of integers.

    >>> [python_number(Fraction(t)).text for t in ("0.25", "1/3", "1e-8")]
    ['0.25', '1 / 3', '1e-8']
    """
    decimal = decimal_text(value)
    if decimal is None:
        return Code(f"{value.numerator} / {value.denominator}", PRODUCT)
    return Code(decimal, *((ATOM, True) if value >= 0 else (UNARY, False)))


def joined(terms: Iterable[tuple[bool, Code]]) -> Code:
    """Join terms to a sum; each is given without its sign, and with whether it is negative."""
    text = ""
    for negative, code in terms:
        if text:
            text += f" {'-' if negative else '+'} {code.at(PRODUCT)}"
        else:
            text = f"-{code.at(UNARY)}" if negative else code.at(SUM)
    return Code(text, SUM)


def power(base: Code, exponent: Code, binds: int = ATOM) -> Code:
    """Return a power, without spaces around the operator between names and numbers, as formatters write it."""
    sign_ = "**" if base.plain and exponent.plain else " ** "
    return Code(f"{base.at(ATOM)}{sign_}{exponent.at(binds)}", POWER)


def subscripted(name: str, marks: Iterable[str]) -> str:
    """Return code that reads a part of an array; whole axes at the end need no subscript."""
    found = [*marks]
    while found and found[-1] == ":":
        found.pop()
    return f"{name}[{', '.join(found)}]" if found else name


def together(items: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Assignments side by side, as many per line as fit."""
    names: list[str] = []
    values: list[str] = []
    for name, value in items:
        line = f"{STEP}{', '.join([*names, name])} = {', '.join([*values, value])}"
        if names and len(line) > WIDTH:
            yield f"{', '.join(names)} = {', '.join(values)}"
            names, values = [], []
        names.append(name)
        values.append(value)
    if names:
        yield f"{', '.join(names)} = {', '.join(values)}"
