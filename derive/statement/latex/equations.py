r"""The equations of a text in LaTeX, each as tokens.

>>> [str(t) for t in Equations(r"$$ \hat{y}_k = \sigma(z_k). $$").found[0].tokens]
['hat', '{', 'y', '}', '_', 'k', '=', 'sigma', '(', 'z', '_', 'k', ')']
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lark import Token

from derive.statement.latex.commands import (
    BRACE_LIKE,
    CLOSED,
    DISPLAYS,
    MACROS,
)
from derive.statement.latex.tokens import LEXER, Plain, definition, place_of, token
from derive.text.source import MAX_CHARACTERS, MAX_DEPTH, MAX_LINE, Misread, Piece, Place

MAX_TOKENS, MAX_EQUATIONS = 30_000, 300


@dataclass
class Found:
    """The tokens of an equation, and those of the ranges of indices that are said beside it, ``i = 1, ..., n``."""

    tokens: list[Token] = field(default_factory=list)
    ranges: list[list[Token]] = field(default_factory=list)


class Equations:
    """The equations of a text, in ``found``, its comments that stand alone, and what is wrong, in ``problems``.

    If a text has displayed formulas, all else is left out; a text without them is one display itself.
    """

    def __init__(self, text: str) -> None:
        self.problems: list[tuple[Place, str]] = []
        self.comments: list[Piece] = []
        self.found: list[Found] = []
        self.macros = {name: [*LEXER.lex(body)] for name, body in MACROS.items()}
        try:
            if len(text) > MAX_CHARACTERS:
                raise Misread(Place(1, 1), f"the text has more than {MAX_CHARACTERS} characters, which is the limit")
            for display in self._displays(self._lexed(text)):
                self._equations(list(_limited(Plain(display, self.macros, self.problems).tokens())))
        except Misread as problem:
            self.problems.append((problem.place, problem.message))

    def _lexed(self, text: str) -> list[Token]:
        found, lines = list[Token](), text.split("\n")
        for number, lexed in enumerate(LEXER.lex(text)):
            place = place_of(lexed)
            if number == MAX_TOKENS:
                raise Misread(place, f"the text has more than {MAX_TOKENS} signs: split it")
            if lexed.type != "COMMENT":
                found.append(lexed)
            elif not lines[place.line - 1][: place.column - 1].strip():
                self.comments.append(Piece(str(lexed), place).part(len(lexed) - len(lexed.lstrip("%")), len(lexed)))
        return found

    def _displays(self, tokens: list[Token]) -> Iterator[list[Token]]:
        """Cut out the displayed formulas, or those within lines if there are none."""
        displayed, inline, outside = list[list[Token]](), list[list[Token]](), list[Token]()
        at = 0
        while at < len(tokens):
            stop, name = self._display(tokens, at)
            if stop is not None:
                begin = at + (4 + (tokens[at + 3] == "*") if name else 2 if tokens[at] == "$" else 1)
                displayed.append(tokens[begin:stop])
                at = stop + (4 + (tokens[stop + 3 : stop + 4] == ["*"]) if name else 2 if tokens[at] == "$" else 1)
            elif tokens[at] in ("$", r"\("):
                closing = "$" if tokens[at] == "$" else r"\)"
                stop = next((n for n in range(at + 1, len(tokens)) if tokens[n] == closing), None)
                if stop is None:
                    raise Misread(place_of(tokens[at]), f"the formula that begins with {tokens[at]} does not end")
                inline.append(tokens[at + 1 : stop])
                at = stop + 1
            else:
                name, body, stop = definition(tokens, at)
                self.macros |= {name: body} if name else {}
                outside += tokens[at : at + 1] if stop == at + 1 else ()
                at = stop
        yield from displayed or inline or [outside]

    def _display(self, tokens: list[Token], at: int) -> tuple[int | None, str]:
        """Where the display that begins at a token ends, and the name of its environment; None if none begins."""
        if tokens[at] == r"\begin" and (name := "".join(tokens[at + 2 : at + 3])) in DISPLAYS:
            ends = (n for n in range(at, len(tokens) - 2) if tokens[n] == r"\end" and tokens[n + 2] == name)
        elif tokens[at] == r"\[":
            name, ends = "", (n for n in range(at, len(tokens)) if tokens[n] == r"\]")
        elif tokens[at : at + 2] == ["$", "$"]:
            name, ends = "", (n for n in range(at + 2, len(tokens) - 1) if tokens[n : n + 2] == ["$", "$"])
        else:
            return None, ""
        stop = next(ends, None)
        if stop is None:
            raise Misread(place_of(tokens[at]), "the formula that begins here does not end")
        return stop, name

    # Equations.

    def _equations(self, tokens: list[Token]) -> None:
        """Cut a display into its equations: at rows, at columns, and at commas before another equation."""
        begun = len(self.found)
        for row in _split(tokens, ("ROW",), BRACE_LIKE):
            cells = _split(row, ("AMP",), BRACE_LIKE)
            width = 3 if len(cells) == 3 and cells[1] and all(t.type == "EQ" for t in cells[1]) else 2
            for n in range(0, len(cells), width):
                for part in _parts([t for cell in cells[n : n + width] for t in cell]):
                    self._part(part, begun)
        for found in self.found[begun:]:
            found.tokens = _barred([t for t in found.tokens if t.type != "GAP"])
            try:
                _check_brackets(found.tokens)
            except Misread as problem:
                self.problems.append((problem.place, problem.message))
                found.tokens.append(token("BROKEN", "", found.tokens[-1]))

    def _part(self, part: list[Token], begun: int) -> None:
        while part and part[-1].type in ("COMMA", "DOT", "GAP", "TEXT", "AND"):
            part = part[:-1]
        while part and part[0].type in ("COMMA", "GAP", "AND", "IF", "TEXT", "OTHERWISE"):
            part = part[1:]
        before = self.found[-1] if len(self.found) > begun else None
        range_ = _range(part)
        if before and range_:
            before.ranges.append(range_)
            return
        if all(t.type in ("WORD", "TEXT", "GAP") for t in part):
            return
        goes_on = part[0].type in ("PLUS", "MINUS", "EQ", "TIMES", "SLASH") or not _is_equation(part)
        if before and (goes_on or _is_open(before.tokens)):
            before.tokens += part
            return
        if not _is_equation(part) and not any(t.type == "BROKEN" for t in part):
            self.problems.append((place_of(part[0]), "this is no equation, such as z_i = b_i"))
            return
        self.found.append(Found(part))
        if len(self.found) > MAX_EQUATIONS:
            raise Misread(place_of(part[0]), f"the text has more than {MAX_EQUATIONS} equations")


def _limited(tokens: Iterator[Token]) -> Iterator[Token]:
    """Pass tokens on until a row is too long, or nested too deep. Raises Misread."""
    depth, length, rows, first = 0, 0, 0, None
    for each in tokens:
        first = each if first is None else first
        depth += (each.type in CLOSED) - (each.type in CLOSED.values())
        length = 0 if each.type == "ROW" else length + 1
        rows += each.type == "ROW"
        if rows > 2 * MAX_EQUATIONS:
            raise Misread(place_of(each), f"the formula has more than {2 * MAX_EQUATIONS} rows")
        if depth > MAX_DEPTH:
            where = f"more than {MAX_DEPTH} brackets are open"
            raise Misread(place_of(each), f"{where}: state parts of the formula on their own")
        if length > MAX_LINE:
            raise Misread(place_of(first), f"the formula is longer than {MAX_LINE} signs: state parts on their own")
        yield each


def _split(
    tokens: Sequence[Token], kinds: tuple[str, ...], within: tuple[str, ...] = tuple(CLOSED)
) -> list[list[Token]]:
    """Split at tokens of some kinds outside of brackets."""
    found, depth = [list[Token]()], 0
    closing = {CLOSED[kind] for kind in within}
    for each in tokens:
        depth += (each.type in within) - (each.type in closing)
        if depth <= 0 and each.type in kinds:
            found.append([])
        else:
            found[-1].append(each)
    return found


def _parts(tokens: list[Token]) -> list[list[Token]]:
    """The equations that stand in one line, with commas, words or gaps between them."""
    found, between = list[list[Token]](), list[Token]()
    at = 0
    for part in _split(tokens, ("COMMA", "GAP", "TEXT", "AND", "IF")):
        numbered = [t.type for t in part] == ["LPAR", "NUMBER", "RPAR"] and between and between[0].type == "GAP"
        if found and not _is_equation(part) and not _range(part):
            if not numbered and not any(t.lower() in ("for", "forall") for t in between):
                found[-1] += [*between, *part]
        else:
            found.append(part)
        at += len(part) + 1
        between = tokens[at - 1 : at]
    return found


def _range(part: Sequence[Token]) -> list[Token]:
    r"""The index and the upper limit of a range, ``i = 1, 2, ..., n`` or ``i \in \{1, ..., n\}``; else nothing."""
    inner = [t for t in part if t.type not in ("GAP", "TEXT")]
    if inner and inner[0].type == "LPAR" and inner[-1].type == "RPAR":
        inner = inner[1:-1]
    if [t.type for t in (*inner[1:3], *inner[-1:])] == ["IN", "LCURLY", "RCURLY"]:
        inner = [inner[0], token("EQ", "=", inner[1]), *inner[3:-1]]
    kinds = [t.type for t in inner]
    for begin in (["LETTER", "EQ", "NUMBER", "COMMA", "DOTS"], ["LETTER", "EQ", *["NUMBER", "COMMA"] * 2, "DOTS"]):
        if kinds[: len(begin)] == begin and inner[2] == "1":
            return [inner[0], *(t for t in inner[len(begin) :] if t.type != "COMMA")]
    if kinds == ["LETTER", "EQ", "NUMBER", "COMMA", "NUMBER"] and [inner[2], inner[4]] == ["1", "2"]:
        return [inner[0], inner[4]]
    return []


def _is_equation(part: Sequence[Token]) -> bool:
    """Whether an equals sign stands outside of brackets."""
    depths = itertools.accumulate((t.type in CLOSED) - (t.type in CLOSED.values()) for t in part)
    return any(depth <= 0 and t.type == "EQ" for t, depth in zip(part, depths, strict=True))


def _is_open(tokens: Sequence[Token]) -> bool:
    depth = sum((t.type in CLOSED) - (t.type in CLOSED.values()) for t in tokens)
    return depth > 0


def _barred(tokens: list[Token]) -> list[Token]:
    """Tell opening bars from closing ones: a bar closes if one is open and it stands after an operand.

    Two bars without a gap are those of a norm, unless the first closes another one.
    """
    found, opened, rest = list[Token](), list[str](), tokens[::-1]
    while rest:
        each = rest.pop()
        kind = each.type
        if kind == "BAR" and opened[-1:] != ["BARL"] and _is_bar(rest[-1:], each.end_pos):
            rest.pop()
            kind = "NORM"
        if kind in ("BAR", "NORM"):
            operand = found and found[-1].type in ("NUMBER", "LETTER", "WORD", "PRIME", *CLOSED.values())
            kind += "R" if operand and opened[-1:] == [f"{kind}L"] else "L"
        if kind in CLOSED:
            opened.append(kind)
        elif kind in CLOSED.values() and opened:
            opened.pop()
        found.append(token(kind, str(each), each))
    return found


def _is_bar(tokens: Sequence[Token], at: int | None) -> bool:
    return any(each.type == "BAR" and each.start_pos == at for each in tokens)


def _check_brackets(tokens: Sequence[Token]) -> None:
    opened = list[Token]()
    for each in tokens:
        if each.type in CLOSED:
            opened.append(each)
        elif each.type in CLOSED.values():
            if not opened:
                raise Misread(place_of(each), f"the bracket {_written(each)} closes none")
            before = opened.pop()
            if CLOSED[before.type] != each.type:
                said = f"a {_written(before)} in line {before.line}, column {before.column}"
                raise Misread(place_of(each), f"the bracket {_written(each)} closes {said}")
    if opened:
        raise Misread(place_of(opened[-1]), f"the bracket {_written(opened[-1])} is not closed")


def _written(bracket: Token) -> str:
    return f"\\{bracket}" if bracket.isalpha() else str(bracket)
