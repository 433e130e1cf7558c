"""Expressions as documents: one function per kind of node.

Where a line breaks is what the formatter ruff does: in the brackets that are there if
the first or the last operand has some, otherwise in parentheses around the whole, before
the operators that bind least.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatchmethod

from derive.targets.layout.documents import BestFit, Document, Group, IfBreaks, Indent, Key, Line, MayExpand
from derive.targets.layout.source import Source

_OPERATORS: dict[type[ast.AST], tuple[str, int]] = {
    ast.Pow: ("**", 2),
    ast.Mult: ("*", 3),
    ast.Div: ("/", 3),
    ast.FloorDiv: ("//", 3),
    ast.Mod: ("%", 3),
    ast.MatMult: ("@", 3),
    ast.Add: ("+", 4),
    ast.Sub: ("-", 4),
    ast.LShift: ("<<", 5),
    ast.RShift: (">>", 5),
    ast.BitAnd: ("&", 6),
    ast.BitXor: ("^", 7),
    ast.BitOr: ("|", 8),
    ast.Eq: ("==", 9),
    ast.NotEq: ("!=", 9),
    ast.Lt: ("<", 9),
    ast.LtE: ("<=", 9),
    ast.Gt: (">", 9),
    ast.GtE: (">=", 9),
    ast.Is: ("is", 9),
    ast.IsNot: ("is not", 9),
    ast.In: ("in", 9),
    ast.NotIn: ("not in", 9),
    ast.And: ("and", 10),
    ast.Or: ("or", 10),
}
_ATTRIBUTE, _CONDITIONAL = 1, 11
_UNARY: dict[type[ast.AST], str] = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not "}

_Binary = ast.BinOp | ast.BoolOp | ast.Compare
_Flat = list[ast.expr | tuple[str, int]]


@dataclass(frozen=True)
class Writer:
    """Writes the expressions of one source text.

    ``key`` is the group of the parentheses that would be added around the expression if it
    does not fit; ``inside`` says that there are brackets around it, so that it may break.
    """

    source: Source
    key: Key | None = None
    inside: bool = False

    def value(self, node: ast.expr) -> Document:
        """An expression that ends a statement, in parentheses if it must break and has no good place for it."""
        if isinstance(node, ast.Tuple) and not self.source.is_tuple_in_parentheses(node):
            return _when_broken(self._inner()._entries([self._inner().any(e) for e in node.elts], trailing=True))
        if not self._needs_parentheses(node):
            key = Key()
            return BestFit(replace(self, key=key)._bare(node), key)
        if not _breaks_in_its_brackets(node, self.source):
            return _when_broken(self._inner()._bare(node))
        key = Key()
        content = replace(self, key=key)._bare(node)
        parts = (IfBreaks("(", key=key), Indent((Line(), content), key), Line(), IfBreaks(")", key=key))
        return Group(parts, key)

    def plain(self, node: ast.expr) -> Document:
        """An expression that is a statement, or what is raised: it breaks in its own brackets only."""
        return self.any(node)

    def _needs_parentheses(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
            node = node.func if isinstance(node, ast.Call) else node.value
            if self.source.is_parenthesized(node):
                return True
        return isinstance(node, _Binary | ast.IfExp | ast.UnaryOp | ast.Lambda)

    def any(self, node: ast.expr) -> Document:
        """An expression with the parentheses that it has."""
        if self.source.is_parenthesized(node):
            return self._bracketed("(", self._inner()._bare(node), ")")
        return self._bare(node)

    def _bare(self, node: ast.expr) -> Document:
        return self._write(node)

    def _inner(self) -> Writer:
        return replace(self, key=None, inside=True)

    def _bracketed(self, left: str, content: Document, right: str) -> Document:
        group = Group((left, Indent((Line(), content)), Line(), right))
        return group if self.key is None else MayExpand(group, self.key)

    def _line(self, kind: str = "space") -> Document:
        """A place to break that is one only within brackets."""
        blank, line = " " * (kind == "space"), Line("space" if kind == "space" else "soft")
        if self.inside:
            return line
        return blank if self.key is None else IfBreaks(line, blank, self.key)

    def _grouped(self, content: Document) -> Document:
        if self.inside:
            return Group(content)
        return content if self.key is None else Group(content, only_if=self.key)

    def _entries(self, entries: Sequence[Document], trailing: bool) -> Document:
        """Entries with commas between; after the last one too if each has a line of its own."""
        parts: list[Document] = []
        for number, entry in enumerate(entries):
            parts += [",", Line("space")] if number else []
            parts.append(entry)
        return (*parts, IfBreaks(",")) if trailing else tuple(parts)

    # One function per kind of node.

    @singledispatchmethod
    def _write(self, node: ast.expr) -> Document:
        raise NotImplementedError(f"no layout for {type(node).__name__}: {self.source.text_of(node)}")

    @_write.register
    def _(self, node: ast.Name) -> Document:
        return node.id

    @_write.register(ast.Constant)
    @_write.register(ast.JoinedStr)
    @_write.register(ast.Lambda)
    def _(self, node: ast.expr) -> Document:
        return self.source.text_of(node)

    @_write.register
    def _(self, node: ast.Attribute) -> Document:
        return self.any(node.value), ".", node.attr

    @_write.register
    def _(self, node: ast.Starred) -> Document:
        return "*", self.any(node.value)

    @_write.register
    def _(self, node: ast.UnaryOp) -> Document:
        sign, operand = _UNARY[type(node.op)], node.operand
        power = isinstance(operand, ast.BinOp) and isinstance(operand.op, ast.Pow)
        if power and not isinstance(node.op, ast.Not) and not self.source.is_parenthesized(operand):
            return sign, self._bracketed("(", self._inner()._bare(operand), ")")
        return sign, self.any(operand)

    @_write.register
    def _(self, node: ast.Subscript) -> Document:
        where, inner = node.slice, self._inner()
        if isinstance(where, ast.Tuple) and not self.source.is_tuple_in_parentheses(where):
            entries = inner._entries([inner.any(e) for e in where.elts], len(where.elts) > 1)
            return self.any(node.value), self._bracketed("[", Group(entries), "]")
        return self.any(node.value), self._bracketed("[", inner.any(where), "]")

    @_write.register
    def _(self, node: ast.Slice) -> Document:
        ends = [node.lower, node.upper] + ([node.step] if node.step else [])
        simple = all(e is None or isinstance(e, ast.Name | ast.Constant | ast.UnaryOp) for e in ends)
        parts: list[Document] = []
        for number, end in enumerate(ends):
            before = " " * (number > 0 and not simple and ends[number - 1] is not None)
            after = " " * (not simple and end is not None)
            parts += [f"{before}:{after}"] if number else []
            parts += [] if end is None else [self.any(end)]
        return tuple(parts)

    @_write.register
    def _(self, node: ast.Call) -> Document:
        entries: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        name = self.any(node.func)
        if not entries:
            return name, "()"
        inner = self._inner()
        if len(entries) == 1 and isinstance(entries[0], ast.GeneratorExp) and self.source.is_sole(entries[0]):
            return name, self._bracketed("(", Group(inner._comprehension(entries[0])), ")")
        magic = self.source.has_trailing_comma(node)
        listed = inner._entries([inner._argument(e) for e in entries], magic or len(entries) > 1)
        return name, self._bracketed("(", Group(listed, expand=magic), ")")

    def _argument(self, node: ast.expr | ast.keyword) -> Document:
        if not isinstance(node, ast.keyword):
            return self.any(node)
        return ("**" if node.arg is None else f"{node.arg}="), self.any(node.value)

    @_write.register
    def _(self, node: ast.Tuple) -> Document:
        if not node.elts:
            return "()"
        return self._collection(node, "()", [self._inner().any(e) for e in node.elts], single=len(node.elts) == 1)

    @_write.register
    def _(self, node: ast.List) -> Document:
        return self._collection(node, "[]", [self._inner().any(e) for e in node.elts])

    @_write.register
    def _(self, node: ast.Set) -> Document:
        return self._collection(node, "{}", [self._inner().any(e) for e in node.elts])

    @_write.register
    def _(self, node: ast.Dict) -> Document:
        inner = self._inner()
        entries: list[Document] = []
        for key, value in zip(node.keys, node.values, strict=True):
            entries.append(("**" if key is None else (inner.any(key), ": "), inner.any(value)))
        return self._collection(node, "{}", entries)

    def _collection(self, node: ast.expr, ends: str, entries: list[Document], single: bool = False) -> Document:
        if not entries:
            return ends
        magic = not single and self.source.has_trailing_comma(node)
        listed: Document = (*entries, ",") if single else self._inner()._entries(entries, magic or len(entries) > 1)
        content = (ends[0], Indent((Line(), listed)), Line(), ends[1])
        group = Group(content, expand=magic)
        return group if self.key is None else MayExpand(group, self.key)

    @_write.register
    def _(self, node: ast.GeneratorExp) -> Document:
        return self._bracketed("(", Group(self._inner()._comprehension(node)), ")")

    @_write.register
    def _(self, node: ast.ListComp) -> Document:
        return self._bracketed("[", Group(self._inner()._comprehension(node)), "]")

    @_write.register
    def _(self, node: ast.SetComp) -> Document:
        return self._bracketed("{", Group(self._inner()._comprehension(node)), "}")

    @_write.register
    def _(self, node: ast.DictComp) -> Document:
        return self._bracketed("{", Group(self._inner()._comprehension(node)), "}")

    def _comprehension(self, node: ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp) -> Document:
        if isinstance(node, ast.DictComp):
            parts: list[Document] = [Group((self.any(node.key), ": ", self.any(node.value)))]
        else:
            parts = [Group(self.any(node.elt))]
        for part in node.generators:
            row: list[Document] = ["for ", self._target(part.target), " in ", self.any(part.iter)]
            for condition in part.ifs:
                row += [Line("space"), "if ", self.any(condition)]
            parts += [Line("space"), *row]
        return tuple(parts)

    def _target(self, node: ast.expr) -> Document:
        return self.source.text_of(node)

    @_write.register
    def _(self, node: ast.IfExp) -> Document:
        parts = (
            self.any(node.body),
            self._line(),
            "if ",
            self.any(node.test),
            self._line(),
            "else ",
            self.any(node.orelse),
        )
        return self._grouped(parts)

    @_write.register(ast.BinOp)
    @_write.register(ast.BoolOp)
    @_write.register(ast.Compare)
    def _(self, node: _Binary) -> Document:
        return self._grouped(self._operands(self._flattened(node)))

    def _flattened(self, node: ast.expr) -> _Flat:
        """The operands and operators of nested operations without parentheses, in a row."""
        pairs: list[tuple[ast.AST | None, ast.expr]]
        if isinstance(node, ast.BinOp):
            pairs = [(None, node.left), (node.op, node.right)]
        elif isinstance(node, ast.BoolOp):
            pairs = [(node.op if n else None, v) for n, v in enumerate(node.values)]
        elif isinstance(node, ast.Compare):
            pairs = [(None, node.left), *zip(node.ops, node.comparators, strict=True)]
        else:
            return [node]
        found: _Flat = []
        for operator, operand in pairs:
            found += [] if operator is None else [_OPERATORS[type(operator)]]
            found += [operand] if self.source.is_parenthesized(operand) else self._flattened(operand)
        return found

    def _operands(self, flat: _Flat) -> Document:
        """A row of operands, which may break before the operators that bind least."""
        if len(flat) == 1 and isinstance(flat[0], ast.AST):
            return self.any(flat[0])
        loosest = max(part[1] for part in flat if isinstance(part, tuple))
        places = [n for n, part in enumerate(flat) if isinstance(part, tuple) and part[1] == loosest]
        parts: list[Document] = []
        for begin, end in zip([-1, *places], [*places, len(flat)], strict=True):
            if begin >= 0:
                sign = flat[begin]
                assert isinstance(sign, tuple)
                close = sign[0] == "**" and _is_simple(flat[begin - 1]) and _is_simple(flat[begin + 1])
                parts += [self._line("soft" if close else "space"), sign[0] if close else f"{sign[0]} "]
            row = flat[begin + 1 : end]
            parts.append(self._operands(row) if len(row) == 1 else self._grouped(self._operands(row)))
        return tuple(parts)


def _is_simple(operand: ast.expr | tuple[str, int]) -> bool:
    """Whether ``**`` stands close to an operand: a name, a number, an attribute of a name."""
    while isinstance(operand, ast.UnaryOp) and not isinstance(operand.op, ast.Not):
        operand = operand.operand
    if isinstance(operand, ast.Constant):
        return isinstance(operand.value, int | float | complex) and not isinstance(operand.value, bool)
    while isinstance(operand, ast.Attribute):
        operand = operand.value
    return isinstance(operand, ast.Name)


def _when_broken(content: Document) -> Document:
    """Content in parentheses if it does not fit on the line."""
    return Group((IfBreaks("("), Indent((Line(), content)), Line(), IfBreaks(")")))


def _breaks_in_its_brackets(node: ast.expr, source: Source) -> bool:
    """Whether an expression may break in the brackets of its first or last operand, without parentheses around it."""
    look = _Look(source)
    look.into(node)
    if not look.brackets or look.count > 1:
        return False
    ends = [end for end in (look.first, look.last) if end is not None]
    return any(source.has_brackets(end) and not isinstance(end, ast.Subscript) for end in ends)


class _Look:
    """Looks through an expression for its loosest operators and its ends, not into brackets."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.brackets = False
        self.loosest, self.count = 0, 0
        self.first: ast.expr | None = None
        self.last: ast.expr | None = None
        self.begun = False

    def _operator(self, precedence: int, count: int = 1) -> None:
        if precedence > self.loosest:
            self.loosest, self.count = precedence, count
        elif precedence == self.loosest:
            self.count += count

    def at(self, node: ast.expr) -> None:
        self.last = node
        if self.source.is_parenthesized(node):
            self.brackets = True
        else:
            self.into(node)
        if not self.begun:
            self.begun, self.first = True, node

    def into(self, node: ast.expr) -> None:
        match node:
            case ast.Dict() | ast.List() | ast.Set() | ast.ListComp() | ast.SetComp() | ast.DictComp():
                self.brackets = True
            case ast.GeneratorExp() | ast.Tuple():
                self.brackets = True
            case ast.BoolOp():
                self._operator(10, len(node.values) - 1)
                for value in node.values:
                    self.at(value)
            case ast.Compare():
                self._operator(9, len(node.ops))
                for value in (node.left, *node.comparators):
                    self.at(value)
            case ast.BinOp():
                self._operator(_OPERATORS[type(node.op)][1])
                self.at(node.left)
                self.at(node.right)
            case ast.IfExp():
                self._operator(_CONDITIONAL, 2)
                for value in (node.body, node.test, node.orelse):
                    self.at(value)
            case ast.UnaryOp():
                self.begun = True
                self.at(node.operand)
            case ast.Subscript():
                self.brackets = True
                self.at(node.value)
                self.last = node
            case ast.Call():
                self.brackets = True
                self.at(node.func)
                self.last = node
            case ast.Attribute():
                if self.source.has_brackets(node.value):
                    self._operator(_ATTRIBUTE)
                self.at(node.value)
                self.last = node
            case _:
                self.last = node
