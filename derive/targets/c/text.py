"""C expressions as text with their precedence, and numbers in C."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from sympy import Rational

from derive.targets.numpy.code import ATOM, PRODUCT, SUM, UNARY
from derive.text.entry_text import decimal_text

#: The largest integer that is written without a point.
LARGEST = 2**15


class Text(str):
    """C source; ``binds`` is the precedence of its outermost operation."""

    binds: int

    def __new__(cls, source: str, binds: int = ATOM) -> Text:
        """Create the text."""
        made = super().__new__(cls, source)
        made.binds = binds
        return made


def at(code: str, level: int) -> str:
    """Return C source, in parentheses if its precedence is lower than ``level``."""
    return code if getattr(code, "binds", ATOM) >= level else f"({code})"


def joined(terms: Iterable[tuple[bool, str]]) -> Text:
    """Join terms to a sum; each is given without its sign, and with whether it is negative."""
    text = ""
    for negative, code in terms:
        if text:
            text += f" {'-' if negative else '+'} {at(code, PRODUCT)}"
        else:
            text = f"-{at(code, UNARY)}" if negative else at(code, SUM)
    return Text(text, SUM)


def real_number(value: Rational, cast: str) -> Text:
    """A rational number as a floating-point number; ``cast`` is the type to which a decimal is converted, if any.

    A small integer stays one: it is converted where it meets a floating-point number.

    >>> [real_number(Rational(t), "real") for t in ("2", "1/3", "-1/10")]
    ['2', '(real)1 / 3', '-(real)0.1']
    """
    if value < 0:
        return Text(f"-{at(real_number(-value, cast), UNARY)}", UNARY)
    if value.q == 1 and value.p < LARGEST:
        return Text(str(value.p))
    decimal = decimal_text(Fraction(value.p, value.q))
    if decimal is not None:
        floating = decimal if "." in decimal or "e" in decimal else f"{decimal}.0"
        return Text(f"({cast}){floating}", UNARY) if cast else Text(floating)
    over, under = (f"{n}.0" if n >= LARGEST else str(n) for n in (value.p, value.q))
    return Text(f"({cast or 'double'}){over} / {under}", PRODUCT)
