"""Formulas as users write them, in the syntax of Python: parsed by ``ast``, never evaluated."""

from __future__ import annotations

import ast
import keyword
import re
import warnings
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from derive.record import record
from derive.text.source import Misread, Piece, Place
from derive.text.user_text import cut, shown

#: The words of Python's syntax that are no names in a text; and those that are.
WORDS = frozenset("and or not in if else for None True False".split())
_FREE = frozenset(keyword.kwlist) - WORDS
_MARK = "\u028e"

MAX_DIGITS, MAX_EXPONENT, MAX_POWER_BITS = 40, 300, 4_000


@record
class Number:
    """A number, exactly as it is written."""

    value: Fraction
    place: Place


@record
class Name:
    """A name: of a tensor without axes, a constant, a size, an index or a function."""

    name: str
    place: Place


@record
class Read:
    """An entry of a tensor, ``name[indices]``."""

    name: str
    indices: tuple[Node, ...]
    place: Place


@record
class Negative:
    """A formula with a minus sign before it."""

    operand: Node
    place: Place


@record
class Chain:
    """A sum with ``+`` and ``-``, or a product with ``*`` and ``/``: the first operand, and the others with signs."""

    first: Node
    rest: tuple[tuple[str, Node, Place], ...]
    place: Place


@record
class Power:
    """``base ** exponent``."""

    base: Node
    exponent: Node
    place: Place


@record
class Call:
    """A function of formulas, with its options by name."""

    name: str
    arguments: tuple[Node, ...]
    options: tuple[tuple[str, Node], ...]
    place: Place


@record
class Comparison:
    """``a < b`` or a longer chain of comparisons."""

    sides: tuple[Node, ...]
    signs: tuple[str, ...]
    place: Place


@record
class Both:
    """Conditions joined by ``and`` or ``or``."""

    word: str
    parts: tuple[Node, ...]
    place: Place


@record
class Over:
    """An index with the size that it runs over, ``i in n``."""

    index: str
    size: Node
    place: Place


@record
class Array:
    """Numbers in brackets."""

    items: tuple[Node, ...]
    place: Place


Node = Number | Name | Read | Negative | Chain | Power | Call | Comparison | Both | Over | Array

_SIGNS: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.And: "and",
    ast.Or: "or",
}
_SUMS, _PRODUCTS = (ast.Add, ast.Sub), (ast.Mult, ast.Div)
#: What is not in the language, by the node of Python's syntax: what it is, and what to write.
_FOREIGN = {
    ast.BitXor: "^ is no power: write a**b",
    ast.MatMult: "@ is no product here: write sum(W[i, j] * x[j], j)",
    ast.FloorDiv: "// is not known: write /",
    ast.Mod: "% is not known",
    ast.Eq: "== is no condition for numbers: write <, <=, > or >=",
    ast.NotEq: "!= is no condition for numbers: write <, <=, > or >=",
    ast.Attribute: "a dot after a name has no meaning: names are plain, such as exp",
    ast.Not: "not is not known: turn the comparison round",
    ast.IfExp: "if and else are not known: write where(condition, a, b)",
    ast.Slice: "a colon has no meaning in an index: sum over an index, such as sum(x[i], i)",
    ast.Tuple: "a comma stands between arguments and between indices only",
    ast.Starred: "a star before a name has no meaning",
    ast.NamedExpr: ":= has no meaning in a formula: state the part in a line of its own",
    ast.GeneratorExp: "for is not known: write sum(x[i], i)",
    ast.ListComp: "for is not known: write sum(x[i], i)",
    ast.JoinedStr: "a text has no meaning in a formula",
}


def parse(piece: Piece, what: str = "a formula") -> Node:
    """Read a formula. Raises Misread, at the place of the error."""
    if not piece.text:
        raise Misread(piece.place, f"{what} is missing")
    source = f"({_masked(piece.text)}\n)"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        raise Misread(_place_of(piece, source, error.lineno, error.offset), _syntax_message(piece, error)) from None
    except (RecursionError, MemoryError, ValueError):
        raise Misread(piece.place, "the formula is nested too deep: state parts of it on their own") from None
    return _Converter(piece, source).convert(tree, 0)


def name_of(piece: Piece, what: str) -> Name:
    """Read a name. Raises Misread for anything else."""
    if not is_name(piece.text):
        given = shown(piece.text) if piece.text else "nothing"
        reason = ", a word of the syntax," if piece.text in WORDS else ""
        raise Misread(piece.place, f"{given}{reason} stands where {what} is expected")
    return Name(piece.text, piece.place)


def is_name(text: str) -> bool:
    """Whether a text can be a name: an identifier that is no word of the syntax."""
    return text.isidentifier() and text not in WORDS


def _masked(text: str) -> str:
    """Let Python's parser take its other words, such as lambda, for names: texts have no letter such as the mark."""
    return re.sub(r"[^\W\d]\w*", lambda word: _MARK + word[0][1:] if word[0] in _FREE else word[0], text)


def _unmasked(name: str) -> str:
    return next((word for word in _FREE if name == _MARK + word[1:]), name)


def _place_of(piece: Piece, source: str, line: int | None, column: int | None) -> Place:
    lines = source.split("\n")
    before = sum(len(text) + 1 for text in lines[: (line or 1) - 1])
    return piece.at(min(max(before + (column or 1) - 2, 0), max(len(piece.text) - 1, 0)))


def _syntax_message(piece: Piece, error: SyntaxError) -> str:
    words = [w for w in re.findall(r"\w+", piece.text) if w in WORDS and w not in ("and", "or", "in")]
    if words:
        return f"{words[0]} is a word of the syntax and no name here: choose another one, such as {words[0]}_"
    if "=" in piece.text:
        return "an equals sign has no meaning within a formula"
    if any(sign in piece.text for sign in "\"'"):
        return "a text in quotation marks has no meaning in a formula"
    return f"this is no formula, such as W[i, j] * x[j]: {cut(str(error.msg))}"


class _Converter:
    """Turns the tree of Python's parser into nodes; only what is known passes."""

    def __init__(self, piece: Piece, source: str) -> None:
        self.piece = piece
        self.lines = source.split("\n")

    def place(self, node: Any) -> Place:
        """The place of a node; Python counts columns in bytes."""
        line = self.lines[node.lineno - 1]
        column = len(line.encode()[: node.col_offset].decode())
        before = sum(len(text) + 1 for text in self.lines[: node.lineno - 1])
        return self.piece.at(before + column - 1)

    def source(self, node: Any) -> str:
        """The text of a number."""
        line = self.lines[node.lineno - 1].encode()
        return str(line[node.col_offset : node.end_col_offset], "utf-8")

    def convert(self, node: Any, depth: int) -> Node:
        """Turn one node, with what is in it."""
        if depth > 100:
            raise Misread(self.place(node), "the formula is nested too deep: state parts of it on their own")
        for kind, known in _CONVERTED.items():
            if isinstance(node, kind):
                return known(self, node, depth + 1)
        raise self.foreign(node)

    def foreign(self, node: Any, of: Any = None) -> Misread:
        """The error for what is not in the language; operators have no place, so that of the formula is taken."""
        said = _FOREIGN.get(type(node), "this has no meaning in a formula")
        return Misread(self.place(of or node), said)

    def constant(self, node: ast.Constant, depth: int) -> Node:
        """A number."""
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise Misread(self.place(node), f"{cut(self.source(node), 40)} is no number")
        text = self.source(node).replace("_", "").lower()
        digits, _, exponent = text.partition("e")
        if (
            not re.fullmatch(r"[0-9]*\.?[0-9]*", digits)
            or len(digits) > MAX_DIGITS
            or abs(int(exponent or 0)) > MAX_EXPONENT
        ):
            raise Misread(
                self.place(node),
                f"{cut(text, 40)} is no number such as 2, 0.5 or 1e-5, with at most {MAX_DIGITS} digits and an "
                f"exponent of at most {MAX_EXPONENT}",
            )
        return Number(Fraction(text), self.place(node))

    def name(self, node: ast.Name, depth: int) -> Node:
        """A name."""
        if node.id.startswith("__"):
            raise Misread(self.place(node), f"{cut(node.id, 40)} is no name here: names do not begin with __")
        return Name(_unmasked(node.id), self.place(node))

    def subscript(self, node: ast.Subscript, depth: int) -> Node:
        """An entry of a tensor."""
        if not isinstance(node.value, ast.Name):
            raise Misread(self.place(node), "brackets stand after the name of a tensor only, such as x[i]")
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        read = self.name(node.value, depth)
        assert isinstance(read, Name)
        return Read(read.name, tuple(self.convert(i, depth) for i in inner), read.place)

    def binary(self, node: ast.BinOp, depth: int) -> Node:
        """A sum, a product or a power; long sums are read in a loop, not to the depth of their length."""
        if isinstance(node.op, ast.Pow):
            return Power(self.convert(node.left, depth), self.convert(node.right, depth), self.place(node))
        kinds = next((k for k in (_SUMS, _PRODUCTS) if isinstance(node.op, k)), None)
        if kinds is None:
            raise self.foreign(node.op, node)
        rest: list[tuple[str, Node, Place]] = []
        left: Any = node
        while isinstance(left, ast.BinOp) and isinstance(left.op, kinds):
            rest.append((_SIGNS[type(left.op)], self.convert(left.right, depth), self.place(left.right)))
            left = left.left
        return Chain(self.convert(left, depth), tuple(reversed(rest)), self.place(node))

    def unary(self, node: ast.UnaryOp, depth: int) -> Node:
        """A sign."""
        if isinstance(node.op, ast.UAdd):
            return self.convert(node.operand, depth)
        if not isinstance(node.op, ast.USub):
            raise self.foreign(node.op, node)
        return Negative(self.convert(node.operand, depth), self.place(node))

    def call(self, node: ast.Call, depth: int) -> Node:
        """A function with its arguments."""
        if not isinstance(node.func, ast.Name):
            raise Misread(self.place(node), "only a name can be called as a function, such as exp(z[i])")
        options = []
        for option in node.keywords:
            if option.arg is None:
                raise Misread(self.place(option.value), "two stars have no meaning here")
            options.append((_unmasked(option.arg), self.convert(option.value, depth)))
        called = self.name(node.func, depth)
        assert isinstance(called, Name)
        arguments = tuple(self.convert(a, depth) for a in node.args)
        return Call(called.name, arguments, tuple(options), called.place)

    def comparison(self, node: ast.Compare, depth: int) -> Node:
        """A comparison, or an index with its size."""
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.In) and isinstance(node.left, ast.Name):
            index = self.name(node.left, depth)
            assert isinstance(index, Name)
            return Over(index.name, self.convert(node.comparators[0], depth), index.place)
        for op in node.ops:
            if type(op) not in _SIGNS:
                raise self.foreign(op, node)
        sides = tuple(self.convert(side, depth) for side in (node.left, *node.comparators))
        return Comparison(sides, tuple(_SIGNS[type(op)] for op in node.ops), self.place(node))

    def both(self, node: ast.BoolOp, depth: int) -> Node:
        """Conditions joined by a word."""
        return Both(_SIGNS[type(node.op)], tuple(self.convert(v, depth) for v in node.values), self.place(node))

    def array(self, node: ast.List, depth: int) -> Node:
        """Numbers in brackets."""
        return Array(tuple(self.convert(item, depth) for item in node.elts), self.place(node))


_CONVERTED: dict[type, Callable[[_Converter, Any, int], Node]] = {
    ast.Constant: _Converter.constant,
    ast.Name: _Converter.name,
    ast.Subscript: _Converter.subscript,
    ast.BinOp: _Converter.binary,
    ast.UnaryOp: _Converter.unary,
    ast.Call: _Converter.call,
    ast.Compare: _Converter.comparison,
    ast.BoolOp: _Converter.both,
    ast.List: _Converter.array,
}


def parts(node: Node) -> tuple[Node, ...]:
    """The nodes directly in a node."""
    match node:
        case Read(indices=inner) | Array(items=inner) | Both(parts=inner) | Comparison(sides=inner):
            return inner
        case Negative(operand=inner) | Over(size=inner):
            return (inner,)
        case Chain():
            return (node.first, *(operand for _, operand, _ in node.rest))
        case Power():
            return (node.base, node.exponent)
        case Call():
            return (*node.arguments, *(value for _, value in node.options))
    return ()


def nodes(node: Node) -> Iterator[Node]:
    """A node, and all that are in it."""
    yield node
    for part in parts(node):
        yield from nodes(part)
