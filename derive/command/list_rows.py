"""The rows of `derive list`: catalogue entries in columns, wrapped to the width of a terminal."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from derive.text.entry_text import Option, number_text

#: Smallest readable width of a column of sentences.
NARROWEST = 40


def summary(entry: Any) -> str:
    """The summary of an entry, its options and its synonyms."""
    said = [f"{o.name}: {o.meaning}, {_if_left_out(o)}" for o in getattr(entry, "options", ())]
    single, plain = getattr(entry, "of_one_output", ()), getattr(entry, "without_options", ())
    also = [f"also called {', '.join(entry.synonyms)}"] if entry.synonyms else []
    also += [f"for a single output also {', '.join(single)}"] if single else []
    also += [f"without options also {', '.join(plain)}"] if plain else []
    return "; ".join([entry.summary, *said, *also])


def _if_left_out(option: Option) -> str:
    return "must be given" if option.default is None else f"{number_text(Fraction(option.default))} if not given"


def rows(cells: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Lay out entries in columns; no line is wider than ``width``, unless a word is.

    If the last column would be too narrow, the cells of an entry are placed below its name.

    >>> rows([("relu", "f(x)", "zero below zero"), ("tanh", "g(x)", "between -1 and 1")])
    ['  relu  f(x)  zero below zero', '  tanh  g(x)  between -1 and 1']
    >>> rows([("relu", "f(x)", "zero below zero")], 20)
    ['  relu', '    f(x)', '    zero below zero']
    """
    widths = [max(map(text_width, column)) for column in zip(*cells, strict=True)]
    left = 2 + sum(w + 2 for w in widths[:-1])
    if width is None or left + widths[-1] <= width:
        return [_in_columns(row, widths) for row in cells]
    if left + NARROWEST <= width:
        return [
            line for *first, last in cells for line in _wrapped(last, width, _in_columns([*first, ""], widths, left))
        ]
    return [
        line for name, *rest in cells for line in (f"  {name}", *(x for t in rest for x in _wrapped(t, width, " " * 4)))
    ]


def text_width(text: str) -> int:
    """Width of a text in a terminal."""
    return sum(not unicodedata.combining(c) for c in text)


def _in_columns(row: Sequence[str], widths: Sequence[int], least: int = 0) -> str:
    padded = (text + " " * (width - text_width(text)) for text, width in zip(row, widths, strict=True))
    line = "  " + "  ".join(padded).rstrip()
    return line + " " * (least - text_width(line))


def _wrapped(text: str, width: int, first: str) -> list[str]:
    """Wrap a text after ``first``, with a hanging indent."""
    place = " " * text_width(first)
    lines = textwrap.wrap(text, max(1, width - len(place)), break_long_words=False, break_on_hyphens=False)
    return [f"{first if number == 0 else place}{line}" for number, line in enumerate(lines)]
