"""What a syntax tree does not say of its source: parentheses, trailing commas, comments."""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
from functools import cached_property


class Source:
    """The text of one statement, its tokens and where each node begins and ends."""

    def __init__(self, text: str) -> None:
        self.text = text
        skipped = {tokenize.NL, tokenize.COMMENT, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        self.tokens = [t for t in tokens if t.type not in skipped and t.type != tokenize.ENDMARKER]
        self._starts = {t.start: n for n, t in enumerate(self.tokens)}
        self._ends = {t.end: n for n, t in enumerate(self.tokens)}
        self._lines = text.split("\n")

    @cached_property
    def matches(self) -> dict[int, int]:
        """Where the bracket closes that opens at a token."""
        found, opened = {}, []
        for number, token in enumerate(self.tokens):
            if token.type == tokenize.OP and token.string in "([{":
                opened.append(number)
            elif token.type == tokenize.OP and token.string in ")]}":
                found[opened.pop()] = number
        return found

    def _place(self, line: int, offset: int) -> tuple[int, int]:
        """A place of the syntax tree, which counts bytes, as one of the tokens, which count characters."""
        return line, len(self._lines[line - 1].encode()[:offset].decode())

    def first(self, node: ast.expr) -> int:
        """The number of the node's first token."""
        return self._starts[self._place(node.lineno, node.col_offset)]

    def last(self, node: ast.expr) -> int:
        """The number of the node's last token."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._ends[self._place(node.end_lineno, node.end_col_offset)]

    def text_of(self, node: ast.expr | ast.arg) -> str:
        """The text of a node as it stands there."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        (row, begin), (last, end) = (
            self._place(node.lineno, node.col_offset),
            self._place(node.end_lineno, node.end_col_offset),
        )
        if row == last:
            return self._lines[row - 1][begin:end]
        return "\n".join([self._lines[row - 1][begin:], *self._lines[row : last - 1], self._lines[last - 1][:end]])

    def _is_call(self, opening: int) -> bool:
        """Whether the parenthesis at a token is that of a call."""
        if opening == 0:
            return False
        before = self.tokens[opening - 1]
        named = before.type == tokenize.NAME and not keyword.iskeyword(before.string)
        return named or before.string in (")", "]")

    def is_parenthesized(self, node: ast.expr) -> bool:
        """Whether there are parentheses around a node that are not part of it."""
        before, after = self.first(node) - 1, self.last(node) + 1
        if before < 0 or self.tokens[before].string != "(" or self._is_call(before):
            return False
        return self.matches.get(before) == after

    def is_tuple_in_parentheses(self, node: ast.Tuple) -> bool:
        """Whether a tuple has its own parentheses."""
        return self.matches.get(self.first(node)) == self.last(node)

    def is_sole(self, node: ast.GeneratorExp) -> bool:
        """Whether the parentheses of a generator are those of the call."""
        return self._is_call(self.first(node))

    def has_trailing_comma(self, node: ast.expr) -> bool:
        """Whether the last entry of a call or a collection has a comma after it."""
        return self.tokens[self.last(node) - 1].string == ","

    def has_brackets(self, node: ast.expr) -> bool:
        """Whether a node ends in brackets, or stands in parentheses."""
        if isinstance(node, ast.Call):
            return bool(node.args or node.keywords)
        own = (ast.Subscript, ast.Dict, ast.List, ast.Set, ast.Tuple)
        comprehensions = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
        return isinstance(node, (*own, *comprehensions)) or self.is_parenthesized(node)
