"""The file of the equations as lines of words; a word knows the tensor or the equation that it refers to."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

from derive.files.seals import HEADER_LINES
from derive.targets.target import Line, Listing, Section, Word


@lru_cache(maxsize=1)  # the documents of one derivation list the same module
def listing(name: str, source: str, tensors: tuple[tuple[str, str], ...]) -> Listing:
    """Return a file in sections; ``tensors`` are pairs of a name in code and the tensor with that name.

    Line numbers include the header of the sealed file.
    """
    tokens = tuple(tokenize.generate_tokens(io.StringIO(source).readline))
    lines = _lines(source, tokens, dict(tensors))
    numbered = {n for n, line in enumerate(lines, start=1) if any(w.equation is not None for w in line)}
    sections = tuple(_sections(ast.parse(source).body, lines, numbered))
    return Listing(name, sections, _equations(source, tokens, dict(tensors)))


def _sections(body: Sequence[ast.stmt], lines: Sequence[Line], numbered: set[int]) -> Iterator[Section]:
    """Consecutive statements with equations, and those without; blank lines belong to the statement before them."""
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
    """The lines without trailing blank ones."""
    last = max((n for n, line in enumerate(lines, start=1) if line), default=0)
    return tuple(lines[:last])


# ------------------------------------------------------------ words


def _lines(source: str, tokens: Sequence[tokenize.TokenInfo], tensors: Mapping[str, str]) -> list[Line]:
    """The words of every line; joined, they give the line."""
    texts = source.splitlines()
    marked: list[list[tuple[int, int, Word]]] = [[] for _ in texts]
    for token in tokens:
        word = _word(token, tensors)
        if word is not None:
            (row, start), (last, end) = token.start, token.end
            for n in range(row, last + 1):
                span = (start if n == row else 0, end if n == last else len(texts[n - 1]))
                marked[n - 1].append((*span, word))
    return [tuple(_filled(text, marks)) for text, marks in zip(texts, marked, strict=True)]


def _word(token: tokenize.TokenInfo, tensors: Mapping[str, str]) -> Word | None:
    """The word of a token that names a tensor or is a comment; None for other code."""
    text = token.string
    if token.type == tokenize.NAME and text in tensors:
        return Word(text, tensors[text])
    if token.type == tokenize.STRING:
        named = tensors.get(text[1:-1], "")
        return Word(text, named) if named else Word(text, kind="comment") if text.startswith('"""') else None
    if token.type == tokenize.COMMENT:
        return Word(text, equation=number_of(token), kind="comment")
    return None


def _filled(text: str, marks: Sequence[tuple[int, int, Word]]) -> Iterator[Word]:
    """The marked words of a line and the text between them."""
    at = 0
    for start, end, word in marks:
        if at < start:
            yield Word(text[at:start])
        yield Word(text[start:end], word.tensor, word.equation, word.kind)
        at = end
    if at < len(text):
        yield Word(text[at:])


def number_of(token: tokenize.TokenInfo) -> int | None:
    """The number of the equation in a comment; None without one."""
    number = token.string[3:-1] if token.type == tokenize.COMMENT and token.string[1:3] == " (" else ""
    return int(number) if number.isdigit() else None


def _equations(
    source: str, tokens: Sequence[tokenize.TokenInfo], tensors: Mapping[str, str]
) -> dict[str, tuple[int, str]]:
    """The line number and the statement that computes each tensor; the statement ends with the number of an equation.

    The line is the first of the statement, which is given in one line.
    """
    found: dict[str, tuple[int, str]] = {}
    ends, lines = {t.start[0]: t.start[1] for t in tokens if number_of(t) is not None}, source.split("\n")
    nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Assign | ast.AugAssign)]
    for node in sorted(nodes, key=lambda n: n.lineno):
        last = node.end_lineno or 0
        name = computed(node, tensors) if last in ends else ""
        if name:  # not a helper of an equation
            line = _joined([*lines[node.lineno - 1 : last - 1], lines[last - 1][: ends[last]]])
            found.setdefault(name, (node.lineno + HEADER_LINES, line))
    return found


def computed(node: ast.Assign | ast.AugAssign, tensors: Mapping[str, str]) -> str:
    """The tensor that a statement computes, or the parameter or the state that it replaces; empty for anything else."""
    match node.targets[0] if isinstance(node, ast.Assign) else node.target:
        case ast.Subscript(value=ast.Name("parameters" | "state"), slice=ast.Constant(str(key))):
            return key
        case ast.Subscript(value=ast.Name(name)) | ast.Name(name):
            return tensors.get(name, "")
    return ""


def _joined(lines: Sequence[str]) -> str:
    """The lines of a statement in one line, without spaces inside its brackets."""
    whole = ""
    for line in map(str.strip, lines):
        whole += line if not whole or whole[-1] in "([{" or line[:1] in ")]}" else f" {line}"
    return whole
