"""NumPy code of the matrix form, one method for each type of node."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from functools import singledispatchmethod
from typing import Any

from sympy import Abs, Expr, Integer, Max, Min, Rational, Symbol, erf, erfc, sign

from derive.arrays import matrix as mx
from derive.arrays.steps import whole_of
from derive.calculus.functions import CALLS, Elementwise
from derive.calculus.index import Axis
from derive.calculus.reading_order import fraction, subtracted
from derive.record import record
from derive.targets.names import Names, renamed
from derive.targets.numpy.code import ATOM, COMPARISON, PRODUCT, SUM, UNARY, Code, joined, power
from derive.targets.numpy.formula_printer import absolute, extreme_of, scalar, sign_of, with_python
from derive.targets.numpy.library import NUMPY, Library
from derive.targets.numpy.named_printer import KIND, NamedPrinter, part_name


@record
class NumPyPrinter:
    """Prints the matrix form.

    ``names``, ``widths`` and ``functions`` map tensors, widths and elementwise functions to their names in the code.
    ``numbers`` are the tensors without axes that are arrays of one number, and not Python numbers; ``kind`` is their
    type in code. ``ordered`` is the axis that comes first in the memory of tensors, by their names, if it is not the
    first of the array.
    """

    names: Mapping[str, str]
    widths: Mapping[Symbol, str]
    functions: Mapping[Any, str]
    numbers: Collection[str] = ()
    kind: str = KIND
    ordered: Mapping[str, Axis] = field(default_factory=dict)
    library: Library = NUMPY

    @property
    def np(self) -> str:
        """The name of the array library in code."""
        return self.library.name

    @singledispatchmethod
    def code(self, node: mx.Node) -> Code:
        """Return the NumPy code of a node. Raises NotImplementedError for an unknown type of node."""
        raise NotImplementedError(f"no NumPy code for {type(node).__name__}")

    @code.register
    def _(self, node: mx.Array) -> Code:
        return Code(self.names[node.tensor.name], plain=True)

    def _scalar(self, number: Expr) -> Code:
        """A number, which may read scalars and widths by their names."""
        arrays = {self.names[name] for name in self.numbers if name in self.names}
        return scalar(with_python(renamed(number, self.names, self.widths), arrays, self.functions), self.library)

    def _sides(self, node: mx.Repeat | mx.Broadcast | mx.Einsum) -> str:
        return ", ".join(self._scalar(side).text for side in node.full)

    @code.register
    def _(self, node: mx.Number) -> Code:
        return self._scalar(node.value)

    @code.register
    def _(self, node: mx.Transpose) -> Code:
        return Code(f"{self.code(node.of).at(ATOM)}.T")

    @code.register
    def _(self, node: mx.Product) -> Code:
        left = self.code(node.left)
        first = left.text if isinstance(node.left, mx.Product) else left.at(UNARY)
        return Code(f"{first} @ {self.code(node.right).at(UNARY)}", PRODUCT)

    @code.register
    def _(self, node: mx.Hadamard) -> Code:
        over = [f for f in node.factors if mx.divides(f)]
        top = [self.code(f).at(UNARY) for f in node.factors if f not in over]
        text = " * ".join(top) or "1"
        for factor in over:
            text += f" / {self.code(mx.inverse(factor)).at(UNARY)}"
        return Code(text, PRODUCT)

    @code.register
    def _(self, node: mx.Plus) -> Code:
        return joined((mx.is_negative(t), self.code(mx.without_sign(t))) for t in node.terms)

    @code.register
    def _(self, node: mx.Scale) -> Code:
        if subtracted(node.factor):
            return Code(f"-{self.code(mx.Scale(-node.factor, node.of)).at(PRODUCT)}", UNARY)
        top, bottom = fraction(node.factor)
        of = self.code(node.of)
        inner = of.at(PRODUCT)
        if bottom != 1 and top != 1:
            over = f"{self._scalar(top).at(PRODUCT)} / {self._scalar(bottom).at(UNARY)}"
            return Code(f"{over} * {self._grouped(node.of)}", PRODUCT)
        if bottom != 1:
            return Code(f"{inner} / {self._scalar(bottom).at(UNARY)}", PRODUCT)
        return of if top == 1 else Code(f"{self._scalar(top).at(PRODUCT)} * {self._grouped(node.of)}", PRODUCT)

    def _grouped(self, node: mx.Node) -> str:
        """A right operand of ``*``; a matrix product needs parentheses there."""
        return self.code(node).at(UNARY if isinstance(node, mx.Product) else PRODUCT)

    @code.register
    def _(self, node: mx.Map) -> Code:
        codes = [self.code(a) for a in node.arguments]
        if node.function is Abs:
            return absolute(codes[0], self.library)
        if node.function is sign:
            return sign_of(codes[0], self.library)
        if node.function in (Max, Min):
            numbers = [_number(argument) is not None for argument in node.arguments]
            pairs = zip(codes, numbers, strict=True)
            whole = [Code(self.library.number(c.text, self.kind)) if is_number else c for c, is_number in pairs]
            return extreme_of(node.function, whole, self.library)
        arguments = ", ".join(code.text for code in codes)
        if isinstance(node.function, type) and issubclass(node.function, Elementwise):
            return Code(f"{self.functions[node.function]}({arguments})")
        return Code(f"{self._called(node.function)}({arguments})")

    def _called(self, function: Any) -> str:
        """The name of a function of one number in code; erf and erfc are functions of the module."""
        known = {erf: "erf", erfc: "erfc"}
        return known.get(function) or f"{self.np}.{CALLS[function].numpy if function in CALLS else function.__name__}"

    @code.register
    def _(self, node: mx.Call) -> Code:
        return Code(f"{node.name}({', '.join(self.code(a).text for a in node.arguments)})")

    @code.register
    def _(self, node: mx.Power) -> Code:
        if node.exponent == -1:
            return Code(f"1 / {self.code(node.base).at(UNARY)}", PRODUCT)
        if node.exponent == Rational(1, 2):
            return Code(f"{self.np}.sqrt({self.code(node.base).text})")
        return power(self.code(node.base), self._scalar(node.exponent))

    @code.register
    def _(self, node: mx.SumOver) -> Code:
        inner = self.code(node.of).text
        return Code(
            f"{self.np}.sum({inner})"
            if node.axis is None
            else f"{self.np}.sum({inner}, axis={node.axis}, keepdims=True)"
        )

    @code.register
    def _(self, node: mx.Largest) -> Code:
        """NumPy orders complex numbers by their real parts, so a complex step selects the same entry."""
        return Code(f"{self.library.function('max')}({self.code(node.of).text}, axis={node.axis}, keepdims=True)")

    @code.register
    def _(self, node: mx.IsLargest) -> Code:
        of = self.code(node.of)
        places = f"{self.np}.arange({of.at(ATOM)}.shape[{node.axis}]){'[:, None]' if node.axis == 0 else ''}"
        return Code(f"{self.np}.argmax({of.text}, axis={node.axis}, keepdims=True) == {places}", COMPARISON)

    @code.register
    def _(self, node: mx.IsNotZero) -> Code:
        return Code(f"{self.code(node.of).at(SUM)} != 0", COMPARISON)

    @code.register
    def _(self, node: mx.Choice) -> Code:
        condition = self.code(node.condition)
        array = next((n for n in mx.walk(node.condition) if isinstance(n, mx.Array)), None)
        dtype = f"{self.names[array.tensor.name]}.dtype" if array else self.kind
        if array and _number(node.this) == 1 and _number(node.that) == 0:
            return Code(f"({condition.text}).{self.library.cast}({dtype})")
        this, that = (self.code(n).text for n in (node.this, node.that))
        only_numbers = not mx.arrays_read(node.this) | mx.arrays_read(node.that)  # which would make int64 or float64
        that = self.library.number(that, dtype) if only_numbers else that
        chosen = f"{self.np}.where({condition.text}, {this}, {that})"
        return Code(f"{chosen}.{self.library.cast}({dtype})" if only_numbers else chosen)

    @code.register
    def _(self, node: mx.Compare) -> Code:
        """Compare real parts, so that a complex step takes the same branch."""
        return Code(f"{self._real(node.left)} {node.sign} {self._real(node.right)}", COMPARISON)

    def _real(self, node: mx.Node) -> str:
        number = _number(node)
        plain = number is not None and {s.name for s in number.free_symbols}.isdisjoint(self.numbers)
        code = self.code(node)
        return code.text if plain or not self.library.complex_steps else f"{code.at(ATOM)}.real"

    @code.register
    def _(self, node: mx.Connect) -> Code:
        mark = " & " if node.word == "and" else " | "
        return Code(mark.join(f"({self.code(c).text})" for c in node.conditions), COMPARISON)

    @code.register
    def _(self, node: mx.Broadcast) -> Code:
        return self.code(node.of)

    @code.register
    def _(self, node: mx.Repeat) -> Code:
        value, sides = self.code(node.of).text, self._sides(node)
        if self._is_python(node.of):  # it has no dtype
            return Code(f"{self.np}.full(({sides}), {value}, {self.library.typed}{self.kind})")
        return Code(f"{self.np}.broadcast_to({value}, ({sides}))")

    def _is_python(self, node: mx.Node) -> bool:
        """Whether the value of a node is a number of Python; constants are."""
        reads_arrays = any(isinstance(n, mx.Array | mx.Formula) for n in mx.walk(node))
        return not reads_arrays and mx.arrays_read(node).isdisjoint(self.numbers)

    @code.register
    def _(self, node: mx.Part) -> Code:
        whole = node.of.shape[node.axis]
        last = "" if node.first + node.count == whole else self._scalar(node.first + node.count).text
        first = self._scalar(Integer(node.first)).text if node.first else ""
        where = f"{first}:{last}" if node.axis == 0 else f":, {first}:{last}"
        return Code(f"{self.code(node.of).at(ATOM)}[{where}]")

    @code.register
    def _(self, node: mx.Stack) -> Code:
        return Code(f"{self.np}.vstack([{self._blocks(node.blocks)}])")

    def _blocks(self, blocks: tuple[mx.Node, ...]) -> str:
        """Blocks, separated by commas; a block of equal numbers has the dtype of the first array in the others."""
        arrays = (self.names[n.tensor.name] for block in blocks for n in mx.walk(block) if isinstance(n, mx.Array))
        kind = next(arrays, "")
        return ", ".join(self._block(b, f", {self.library.typed}{kind}.dtype" if kind else "") for b in blocks)

    def _block(self, node: mx.Node, kind: str) -> str:
        if isinstance(node, mx.Broadcast) and isinstance(node.of, mx.Number):
            value = self.code(node.of).text
            filled = {Integer(0): "zeros", Integer(1): "ones"}.get(node.of.value)
            shape = f"({self._sides(node)})"
            return f"{self.np}.{filled}({shape}{kind})" if filled else f"{self.np}.full({shape}, {value}{kind})"
        return self.code(node).text

    @code.register
    def _(self, node: mx.Formula) -> Code:
        printer = self._named()
        return printer.whole(node.named, node.equation.indices, node.equation.target)

    def _named(self) -> NamedPrinter:
        own = (self.names, self.widths, self.functions, self.numbers)
        return NamedPrinter(*own, kind=self.kind, ordered=self.ordered, library=self.library)

    def in_parts(self, node: mx.Formula, free: Names) -> tuple[tuple[tuple[str, Code], ...], Code]:
        """The code of what an equation needs twice, each with its name, and of the equation; ``free`` gives names."""
        printer = self._named()
        parts = []
        for part in printer.repeated(node.named):
            name = free.fresh(part_name(part, self.names[whole_of(node.equation.target).name]))
            code, _ = printer.natural(part)
            parts.append((name, code))
            printer.name(code, name)
        return tuple(parts), printer.whole(node.named, node.equation.indices, node.equation.target)

    @code.register
    def _(self, node: mx.Beside) -> Code:
        return Code(f"{self.np}.hstack([{self._blocks(node.blocks)}])")

    @code.register
    def _(self, node: mx.Einsum) -> Code:
        operands = ", ".join(self.code(o).text for o in node.operands)
        return Code(f'{self.np}.einsum("{node.subscripts}", {operands}).reshape({self._sides(node)})')


def _number(node: mx.Node) -> Expr | None:
    """The value of a node that is one number."""
    inner = node.of if isinstance(node, mx.Broadcast) else node
    return inner.value if isinstance(inner, mx.Number) else None
