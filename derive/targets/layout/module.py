"""A whole module: which of its statements are laid out anew."""

from __future__ import annotations

import io
import itertools
import tokenize
from collections.abc import Iterator
from functools import lru_cache

from derive.targets.layout.documents import printed
from derive.targets.layout.statements import document

#: How long a line may be.
WIDTH = 88
#: What stands between functions and classes.
_APART = "\n\n\n"

_Token = tokenize.TokenInfo


def laid_out(source: str) -> str:
    """The module with every statement broken into lines that fit, as ruff's formatter would.

    A statement that fits on one line stands on one, except where the last entry in its
    brackets has a comma after it: then each entry has a line. A comment stays at the end of
    its statement. What lies between statements is left as it is, and so are strings: a
    docstring must fit already.

    >>> print(laid_out("x = f(" + ", ".join(f"argument_{n}" for n in range(8)) + ")  # (3)"))
    x = f(
        argument_0,
        argument_1,
        argument_2,
        argument_3,
        argument_4,
        argument_5,
        argument_6,
        argument_7,
    )  # (3)
    """
    parts = source.split(_APART)
    try:
        return _APART.join(_laid_out(part) for part in parts)
    except tokenize.TokenError:  # a string with empty lines
        return _laid_out(source)


@lru_cache(maxsize=256)  # most functions are the same in every module
def _laid_out(source: str) -> str:
    lines = source.split("\n")
    for tokens in reversed([*_statements(source)]):
        first, last = tokens[0], tokens[-1]
        begin, end = first.start[0] - 1, last.end[0]
        rows = lines[begin:end]
        if len(rows) == 1 and len(rows[0]) <= WIDTH and not _is_particular(tokens):
            continue
        if any(t.type == tokenize.STRING and "\n" in t.string for t in tokens):
            continue
        comments = [t for t in tokens if t.type == tokenize.COMMENT]
        if any(c is not last for c in comments):
            continue
        code = [t for t in tokens if t.type not in (tokenize.COMMENT, tokenize.NL)]
        text = "\n".join(_between(rows, code[0].start[1], code[-1].end, begin))
        comment = f"  {last.string}" if comments else ""
        column = first.start[1]
        lines[begin:end] = (" " * column + printed((document(text), comment), WIDTH, column)).split("\n")
    return "\n".join(lines)


def laid_out_statement(text: str, width: int = WIDTH) -> str:
    """One statement on its own, at the beginning of a line.

    >>> laid_out_statement("x = f( a,b )")
    'x = f(a, b)'
    """
    return printed(document(text), width)


def _is_particular(tokens: list[_Token]) -> bool:
    """Whether more than the width decides: a comma after the last entry, or a power, which may stand close."""
    pairs = [*itertools.pairwise(t.string for t in tokens)]
    commas = any(one == "," and other in (")", "]", "}") for one, other in pairs)
    return commas or any(other == "**" and one not in ("(", ",", "{", "[") for one, other in pairs)


def _between(rows: list[str], column: int, end: tuple[int, int], begin: int) -> list[str]:
    """The text of a statement, without its indentation and its comment."""
    kept = rows[: end[0] - begin]
    kept[-1] = kept[-1][: end[1]]
    return [kept[0][column:], *kept[1:]]


def _statements(source: str) -> Iterator[list[_Token]]:
    """The tokens of each statement, or of the head of one that has a body."""
    found: list[_Token] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NEWLINE:
            if found:
                yield found
            found = []
        elif token.type in (tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
            continue
        elif found or token.type not in (tokenize.NL, tokenize.COMMENT):
            found.append(token)
