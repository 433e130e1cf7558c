"""The generated module as lines of words, each word tied to the tensor that it stands for, in no format."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from derive.calculus.roles import Role
from derive.files.seals import HEADER_LINES
from derive.targets.names import code_names

if TYPE_CHECKING:
    from derive.document.view import View
    from derive.targets.numpy.derivation import NumPyDerivation


@dataclass(frozen=True)
class Word:
    """A stretch of a line: ``tensor`` if it names one, ``equation`` if it is the number of one.

    ``kind`` is ``code`` or ``comment`` (which a docstring is too).
    """

    text: str
    tensor: str = ""
    equation: int | None = None
    kind: str = "code"


Line = tuple[Word, ...]


@dataclass(frozen=True)
class Section:
    """Lines of the module, numbered from ``first`` as in the file; ``core`` if they compute equations."""

    names: tuple[str, ...]
    lines: tuple[Line, ...]
    first: int
    core: bool

    @property
    def last(self) -> int:
        """The number of the last line."""
        return self.first + len(self.lines) - 1


def listing(view: View) -> tuple[Section, ...]:
    """The code in sections: what computes equations, and what stands between."""
    _, source = view.code
    lines = _lines(source, _tensors(view.derivation))
    numbered = {n for n, line in enumerate(lines, start=1) if any(w.equation is not None for w in line)}
    return tuple(_sections(ast.parse(source).body, lines, numbered))


def _tensors(derivation: NumPyDerivation) -> dict[str, str]:
    """The tensor that each name in the code stands for; an updated parameter is the parameter."""
    names = code_names(derivation.program, derivation.notation).tensors
    plain = (t for t in derivation.program.tensors.values() if t.role != Role.UPDATED)
    return {names[t.name]: t.name for t in plain}


def _sections(body: Sequence[ast.stmt], lines: Sequence[Line], numbered: set[int]) -> Iterator[Section]:
    """Statements that compute equations together, and those between them; blank lines go with what they follow."""
    kinds = [(any(_start(n) <= k <= (n.end_lineno or 0) for k in numbered), n) for n in body]
    groups = [(core, [n for _, n in group]) for core, group in groupby(kinds, key=lambda pair: pair[0])]
    starts = [1, *(_start(group[0]) for _, group in groups[1:]), len(lines) + 1]
    for (core, group), first, after in zip(groups, starts, starts[1:], strict=False):
        names = tuple(n.name for n in group if isinstance(n, ast.FunctionDef | ast.ClassDef))
        yield Section(names, _without_blanks(lines[first - 1 : after - 1]), first + HEADER_LINES, core)


def _start(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
    return min([node.lineno, *(d.lineno for d in decorators)])


def _without_blanks(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Lines without the blank ones at the end."""
    last = max((n for n, line in enumerate(lines, start=1) if line), default=0)
    return tuple(lines[:last])


# ------------------------------------------------------------ words


def _lines(source: str, tensors: Mapping[str, str]) -> list[Line]:
    """Every line as its words; the words of a line, put together, are the line."""
    texts = source.splitlines()
    marked: list[list[tuple[int, int, Word]]] = [[] for _ in texts]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        word = _word(token, tensors)
        if word is not None:
            (row, start), (last, end) = token.start, token.end
            for n in range(row, last + 1):
                span = (start if n == row else 0, end if n == last else len(texts[n - 1]))
                marked[n - 1].append((*span, word))
    return [tuple(_filled(text, marks)) for text, marks in zip(texts, marked, strict=True)]


def _word(token: tokenize.TokenInfo, tensors: Mapping[str, str]) -> Word | None:
    """What a token is, if it is anything but code that names no tensor."""
    text = token.string
    if token.type == tokenize.NAME and text in tensors:
        return Word(text, tensors[text])
    if token.type == tokenize.STRING:
        named = tensors.get(text[1:-1], "")
        return Word(text, named) if named else Word(text, kind="comment") if text.startswith('"""') else None
    if token.type == tokenize.COMMENT:
        number = text[3:-1] if text[1:3] == " (" else ""
        return Word(text, equation=int(number) if number.isdigit() else None, kind="comment")
    return None


def _filled(text: str, marks: Sequence[tuple[int, int, Word]]) -> Iterator[Word]:
    """The marked stretches of a line and what lies between them."""
    at = 0
    for start, end, word in marks:
        if at < start:
            yield Word(text[at:start])
        yield Word(text[start:end], word.tensor, word.equation, word.kind)
        at = end
    if at < len(text):
        yield Word(text[at:])
