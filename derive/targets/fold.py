"""Fold long lines of generated Python at brackets and operators.

The layout is fixed: a line that is too long breaks inside its last bracket, or inside parentheses
added around the right side. The content is split at commas, or at the operators of lowest
precedence, and fills as few lines as possible.
"""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator, Sequence

from derive.record import record

#: Columns of a line of generated code.
WIDTH = 88

_OPENING, _CLOSING, _STEP = "([{", ")]}", "    "
#: Operators before which a line may break, lowest precedence first.
_BREAKS = (
    ("for", "in", "if", "else"),
    ("or",),
    ("and",),
    ("<", ">", "<=", ">=", "==", "!="),
    ("|",),
    ("&",),
    ("+", "-"),
    ("*", "/", "@", "//"),
)


@record
class _Group:
    """The content of a pair of brackets."""

    opening: str
    parts: tuple[_Part, ...]
    closing: str

    def __str__(self) -> str:
        return f"{self.opening}{_flat(self.parts)}{self.closing}"


#: A token with the blank before it, or a bracketed group.
_Part = str | _Group


def fold(line: str, indent: str = "", width: int = WIDTH) -> list[str]:
    """Fold one logical line of Python, which may end with a comment.

    >>> for line in fold("total = first(x) + second(x, y)  # (3)", width=24):
    ...     print(line)
    total = (
        first(x)
        + second(x, y)
    )  # (3)
    """
    if len(indent + line) <= width:
        return [indent + line]
    parts, comment = _parsed(line)
    lines = _statement(parts, indent, width)
    return [*lines[:-1], lines[-1] + comment]


def folded(lines: Sequence[str], indent: str = "") -> tuple[str, ...]:
    """Fold each line; lines may be indented already."""
    found: list[str] = []
    for line in lines:
        inner = line.lstrip(" ")
        found += [part.removeprefix(indent) for part in fold(inner, indent + line[: len(line) - len(inner)])]
    return tuple(found)


def _parsed(line: str) -> tuple[list[_Part], str]:
    """Tokens and brackets of a line, and the comment at its end."""
    stack: list[list[_Part]] = [[]]
    openings: list[str] = []
    at, comment = 0, ""
    for token in tokenize.generate_tokens(io.StringIO(line).readline):
        text = line[at : token.end[1]] if token.start[0] == 1 else ""
        at = token.end[1]
        if token.type == tokenize.COMMENT:
            comment = text
        elif token.string and token.string in _OPENING:
            stack.append([])
            openings.append(text)
        elif token.string and token.string in _CLOSING:
            inner = tuple(stack.pop())
            stack[-1].append(_Group(openings.pop(), inner, text.strip()))
        elif token.string.strip():
            stack[-1].append(text)
    return stack[0], comment


def _flat(parts: Sequence[_Part]) -> str:
    return "".join(map(str, parts))


def _statement(parts: list[_Part], indent: str, width: int) -> list[str]:
    """Fold a statement; its right side gets parentheses if it does not end with brackets."""
    heads = [n for n, part in enumerate(parts) if isinstance(part, str) and part.strip() in _ASSIGNED]
    at = heads[0] + 1 if heads else 1 if parts[0] == "return" else 0
    right = parts[at:]
    if isinstance(parts[0], _Group) or parts[0] == "def":
        return _in_brackets(parts, 0 if isinstance(parts[0], _Group) else 2, indent, width)
    if parts[-1] == ":" and parts[0] == "for":
        at = [str(part).strip() for part in parts].index("in")
        parts = [parts[0], _Group(" (", tuple(parts[1:at]), ")"), *parts[at:]]
        return _in_brackets(parts, 1, indent, width)
    if parts[-1] == ":" or _is_one(right) or _ends_in_parentheses(parts, indent, width):
        return _in_brackets(parts, _last_group(parts), indent, width)
    inner = _lines(right, indent + _STEP, width)
    return [f"{indent}{_flat(parts[:at])} (", *inner, f"{indent})"]


_ASSIGNED = ("=", "+=", "-=")
_OPERATORS = frozenset(operator for level in _BREAKS for operator in level)


def _is_one(parts: Sequence[_Part]) -> bool:
    """Whether an expression ends with brackets and has no operator outside them."""
    return bool(parts) and isinstance(parts[-1], _Group) and not any(_operators(parts))


def _operators(parts: Sequence[_Part]) -> Iterator[tuple[int, str]]:
    """Positions of binary operators; a sign has no blank or no operand before it."""
    for n, part in enumerate(parts[1:-1], 1):
        if isinstance(part, str) and part.startswith(" ") and part.strip() in _OPERATORS:
            after = str(parts[n + 1])
            if after.startswith(" "):
                yield n, part.strip()


def _ends_in_parentheses(parts: Sequence[_Part], indent: str, width: int) -> bool:
    """Whether the last operand is in parentheses and everything before them fits on a line."""
    before = parts[-2:-1]
    if len(indent + _flat(parts[:-1])) >= width - 1:
        return False
    return isinstance(parts[-1], _Group) and any(part.strip() in _OPERATORS for part in before if isinstance(part, str))


def _last_group(parts: Sequence[_Part]) -> int:
    """Position of the last non-empty brackets; -1 if there are none."""
    return next((n for n in reversed(range(len(parts))) if isinstance(p := parts[n], _Group) and p.parts), -1)


def _in_brackets(parts: Sequence[_Part], at: int, indent: str, width: int) -> list[str]:
    """Break a line inside its brackets at a position, or in earlier ones if those begin too late; -1 for no break."""
    while at > 0 and len(indent + _flat(parts[:at])) >= width and (earlier := _last_group(parts[:at])) >= 0:
        at = earlier
    group = parts[at]
    if at < 0 or not isinstance(group, _Group):
        return [indent + _flat(parts).strip()]
    head = _flat(parts[:at]) + group.opening
    inner = _lines(list(group.parts), indent + _STEP, width)
    return [indent + head.strip(), *inner, f"{indent}{group.closing}{_flat(parts[at + 1 :])}"]


def _lines(parts: list[_Part], indent: str, width: int, behind: str = "") -> list[str]:
    """The content of brackets, or an operand, on its own lines."""
    text = _flat(parts).strip() + behind
    if len(indent + text) <= width:
        return [indent + text]
    commas = [n for n, part in enumerate(parts) if part == ","]
    if commas:
        pieces = _between(parts, [n + 1 for n in commas])
        return _filled(pieces, indent, width, behind)
    found = list(_operators(parts))
    if _ends_in_parentheses(parts, indent, width):
        found = []
    for level in _BREAKS:
        places = [n for n, operator in found if operator in level]
        if places:
            return _filled(_between(parts, places), indent, width, behind)
    lines = _in_brackets(parts, _last_group(parts), indent, width)
    return [*lines[:-1], lines[-1] + behind]


def _between(parts: list[_Part], places: list[int]) -> list[list[_Part]]:
    ends = [*places, len(parts)]
    return [piece for start, end in zip([0, *places], ends, strict=True) if (piece := parts[start:end])]


def _filled(pieces: list[list[_Part]], indent: str, width: int, behind: str) -> list[str]:
    """Fill lines with pieces, as many on each as fit."""
    lines: list[str] = []
    last = len(pieces) - 1
    open_ = False
    for n, piece in enumerate(pieces):
        text = _flat(piece).strip() + (behind if n == last else "")
        if open_ and len(lines[-1]) + 1 + len(text) <= width:
            lines[-1] += f" {text}"
        elif len(indent + text) <= width:
            lines.append(indent + text)
            open_ = True
        else:
            comma = piece[-1] == ","
            end = "," if comma else behind if n == last else ""
            lines += _lines(piece[:-1] if comma else piece, indent, width, end)
            open_ = False
    return lines
