"""Numbers for print: rounded in decimal and aligned in tables, independent of the output format.

A ``Figure`` stores sign, decimals and power of ten separately, so that LaTeX, MathML and
Markdown can each write it in their own way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from derive.record import record

#: The number of significant digits of a float that are trusted. Further digits differ
#: between machines and could turn a 5, which is rounded up, into a 4.9999, which is
#: rounded down.
TRUSTED = 14

#: The largest power of ten up to which integers are written in full.
LONGEST_INTEGER = 12

#: The smallest leading power of ten that is written without a power of ten: 0.000438568.
SMALLEST_PLAIN = -4

_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)


@record
class Figure:
    """A printed number: ``(-) digits * 10**exponent``; an exponent of 0 is not written.

    ``digits`` holds the digits 0 to 9 and at most one point; zero has no sign.
    """

    negative: bool
    digits: str
    exponent: int = 0

    @property
    def text(self) -> str:
        """The number in ASCII, as Python reads it: ``-1.23e-5``."""
        power = f"e{self.exponent}" if self.exponent else ""
        return f"{'-' * self.negative}{self.digits}{power}"


@record
class Layout:
    """The layout of the numbers of a table: the number of decimals, and a common factor ``10**exponent``."""

    decimals: int
    exponent: int = 0

    def figure(self, value: float) -> Figure:
        """Format a number in this layout. Raises ValueError if it is not finite."""
        scaled = trusted(value).scaleb(-self.exponent, _EXACT)
        rounded = scaled.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP, _EXACT)
        negative = rounded.is_signed() and not rounded.is_zero()
        exponent = 0 if rounded.is_zero() and not self.decimals else self.exponent
        return Figure(negative, f"{abs(rounded):f}", exponent)

    def resolving(self, decimals: int) -> Layout:
        """Return the layout limited to ``decimals`` known decimals."""
        left = decimals + self.exponent
        return replace(self, decimals=min(self.decimals, left)) if left >= 0 else Layout(decimals)


def trusted(value: float, noise: float = 0.0) -> Decimal:
    """Round a float to its trusted digits, and to those above ``noise``.

    >>> trusted(0.1 + 0.2), trusted(0.37749999999999995), trusted(0.0090000000000003, 5e-15)
    (Decimal('0.3'), Decimal('0.3775'), Decimal('0.009'))
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written as a decimal number")
    number = Decimal(f"{value:.{TRUSTED - 1}e}")
    if noise:
        number = number.quantize(Decimal(1).scaleb(power_above(noise)), ROUND_HALF_UP, _EXACT)
    return number.normalize(_EXACT)


def shown(value: float, digits: int = 6) -> Figure:
    """Format a single number to ``digits`` significant digits; exact numbers are not padded with zeros.

    >>> [shown(v).text for v in (0.29837110876, -0.5, 3.0, 0.0000351085481)]
    ['0.298371', '-0.5', '3', '3.51085e-5']
    """
    return layout([value], digits).figure(value)


def layout(values: Iterable[float], digits: int = 6, noise: float = 0.0) -> Layout:
    """Return a common layout in which the largest number has ``digits`` significant digits.

    All numbers have the same number of decimals, fewer if all are exact with fewer up to ``noise``.
    Integers stay integers.
    """
    numbers = [trusted(v, noise) for v in values]
    last = min((_exponent(n) for n in numbers if n), default=0)
    top = max((_leading(n, digits) for n in numbers if n), default=0)
    if SMALLEST_PLAIN <= top < digits or (last >= 0 and top < LONGEST_INTEGER):
        return Layout(max(0, min(-last, digits - 1 - top)))
    return Layout(max(0, min(top - last, digits - 1)), top)


def _leading(number: Decimal, digits: int) -> int:
    """The power of ten of the first digit after rounding."""
    return Context(digits, ROUND_HALF_UP).plus(number).adjusted()


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


Table = tuple[tuple[Figure, ...], ...]


def table(values: Any, style: Layout) -> Table:
    """Format rows of numbers (a nested sequence or a two-dimensional array) in one layout.

    >>> [[f.text for f in row] for row in table([[0.05, -1.0], [0.1, 2.0]], Layout(2))]
    [['0.05', '-1.00'], ['0.10', '2.00']]
    """
    rows: Iterable[Iterable[float]] = values
    return tuple(tuple(style.figure(float(v)) for v in row) for row in rows)


def figures(values: Any, digits: int = 6) -> Table:
    """Format rows of numbers in a common layout."""
    rows = [[float(v) for v in row] for row in values]
    return table(rows, layout((v for row in rows for v in row), digits))


def power_above(value: float) -> int:
    """Return the smallest k with value < 10**k, for a printed bound.

    >>> power_above(3.2e-9), power_above(1e-9)
    (-8, -8)
    """
    return trusted(value).adjusted() + 1
