"""Typeset formulas in index form and, with one function per node type, in matrix form.

All formats share this traversal and its precedence table. A ``Page`` decides the
structure of a formula; a ``Typesetter`` creates the boxes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatchmethod
from typing import Self

from sympy import Abs, Expr, Integer, Rational, exp

from derive.arrays import matrix as mx
from derive.arrays.blocks import gives_rows
from derive.arrays.lift import ArrayAssign
from derive.calculus.functions import Elementwise
from derive.calculus.index import Index, Tensor
from derive.calculus.reading_order import subtracted
from derive.calculus.roles import Role
from derive.paper.boxes import ATOM, HADAMARD, POWER, PRODUCT, SUM, Box
from derive.paper.characters import WITHOUT_FIRST
from derive.paper.index_form import IndexForm
from derive.paper.notation import is_canonical
from derive.paper.symbols import glued


class Page(IndexForm):
    """Typesets formulas in index form and in matrix form."""

    # ------------------------------------------------------------ matrix form

    def target(self, statement: ArrayAssign) -> Box:
        """The left side of a statement: an array, or an entry if the right side has no matrix form."""
        if not isinstance(statement.form, mx.Formula):
            return self.symbol(statement.target, whole=True)
        return self._entries(statement.form).symbol(statement.target, statement.equation.indices)

    def _entries(self, node: mx.Formula) -> Self:
        """The page with letters for the indices of an equation without a matrix form."""
        stage = "factor" if node.equation.target.role == Role.FACTOR else "forward"
        return replace(self, batch=False, shapes=False).lettered(node.equation, stage)

    @singledispatchmethod
    def array(self, node: mx.Node) -> Box:
        """A formula in matrix form."""
        raise NotImplementedError(f"cannot typeset {type(node).__name__}")

    def _leaf(self, box: Box, node: mx.Node) -> Box:
        if not self.shapes or node.shape == (1, 1):
            return box
        return self.typesetter.under(box, self.shape(*node.shape))

    @array.register
    def _(self, node: mx.Array) -> Box:
        return self._leaf(self.symbol(node.tensor, whole=True), node)

    @array.register
    def _(self, node: mx.Number) -> Box:
        return self.entry(node.value)

    @array.register
    def _(self, node: mx.Formula) -> Box:
        return self._entries(node).rows(node.equation)

    @array.register
    def _(self, node: mx.Transpose) -> Box:
        mark = self.typesetter.letter(self.notation.transpose)
        box = self._marked(node.of, mark)
        if box is None:
            inner = replace(self, shapes=False).array(node.of)
            box = self.typesetter.script(self.typesetter.group(inner), None, mark)
        return self._leaf(box, node)

    def _marked(self, node: mx.Node, mark: Box | None) -> Box | None:
        """A symbol or a slice of one, with a sign after its other superscripts; None for anything else."""
        if isinstance(node, mx.Part) and isinstance(node.of, mx.Array):
            return self._whole(node.of.tensor, self._part(node), mark)
        return self._whole(node.tensor, None, mark) if isinstance(node, mx.Array) else None

    def _whole(self, tensor: Tensor, below: Box | None, mark: Box | None) -> Box:
        """A tensor as an array, with a subscript and a sign after its superscripts."""
        if tensor.role in (Role.GRADIENT, Role.UPDATED) or (below is None and mark is None):
            plain = self.symbol(tensor, whole=True)
            return plain if below is None and mark is None else self.typesetter.script(plain, below, mark)
        sign = self.sign(tensor)
        below = self.labelled(sign, glued(self.typesetter, [box for box in (sign.about, below) if box]))
        return self.typesetter.named(self.scripts(sign, True, below, mark), tensor.name)

    def _part(self, node: mx.Part) -> Box:
        """The range of rows or columns of a slice."""
        if node.first == 1 and node.axis == 1 and node.count + 1 == node.of.shape[1]:
            return self.typesetter.letter(WITHOUT_FIRST)
        return self.typesetter.name(f"{node.first}:{node.first + node.count}")

    @array.register
    def _(self, node: mx.Product) -> Box:
        sides = (self._at(self.array(node.left), PRODUCT), self._at(self.array(node.right), PRODUCT))
        return self.typesetter.join(sides, "thin", PRODUCT)

    @array.register
    def _(self, node: mx.Hadamard) -> Box:
        above = [self._at(self.array(f), HADAMARD) for f in node.factors if not mx.divides(f)]
        below = [self._at(self.array(mx.inverse(f)), PRODUCT) for f in node.factors if mx.divides(f)]
        text = self.typesetter.join(above or [self.typesetter.number(1)], "times", HADAMARD)
        for box in below:
            text = self.typesetter.join((text, box), "over", HADAMARD)
        return text

    @array.register
    def _(self, node: mx.Plus) -> Box:
        return self.sum_of((mx.is_negative(t), self.array(mx.without_sign(t))) for t in node.terms)

    @array.register
    def _(self, node: mx.Scale) -> Box:
        if subtracted(node.factor):
            return self._minus(self.array(mx.without_sign(node)))
        if node.factor == 1:
            return self.array(node.of)
        inner = self.array(node.of)
        grouped = self.typesetter.group(inner) if inner.binds < HADAMARD else inner
        return self.typesetter.join((self.at(node.factor, PRODUCT), grouped), "thin", min(grouped.binds, PRODUCT))

    @array.register
    def _(self, node: mx.Map) -> Box:
        layer = next((_tensor_layer(a) for a in node.arguments), None)
        plain = replace(self, shapes=False)
        arguments = [plain.array(a) for a in node.arguments]
        if node.function is exp:
            box = self.exponential(arguments[0])
        elif isinstance(node.function, type) and issubclass(node.function, Elementwise):
            box = self._applied(node.function, arguments, layer)
        elif node.function is Abs:
            box = self.typesetter.bars(arguments[0])
        else:
            box = self.called(node.function, arguments)
        return self._leaf(box, node)

    @array.register
    def _(self, node: mx.Choice) -> Box:
        """Cases, which hold entry by entry; a choice among the other cases continues the list."""
        plain, rows = replace(self, shapes=False), []
        other: mx.Node = node
        while isinstance(other, mx.Choice):
            rows.append((plain.array(other.this), plain.array(other.condition)))
            other = other.that
        rows.append((plain.array(other), self.typesetter.name("otherwise")))
        return self._leaf(self.typesetter.cases(rows), node)

    @array.register
    def _(self, node: mx.Compare) -> Box:
        return self.compared(node.sign, self.array(node.left), self.array(node.right))

    @array.register
    def _(self, node: mx.Connect) -> Box:
        return self.connected(node.word, map(self.array, node.conditions))

    @array.register
    def _(self, node: mx.Call) -> Box:
        plain = replace(self, shapes=False)
        listed = self.typesetter.join([plain.array(a) for a in node.arguments], "comma", SUM)
        return self._leaf(self.typesetter.apply(self.typesetter.name(node.name), listed), node)

    @array.register
    def _(self, node: mx.Power) -> Box:
        if node.exponent == Rational(1, 2):
            return self.typesetter.root(self.array(node.base))
        if node.exponent.is_negative:
            return self.typesetter.join(
                (self.typesetter.number(1), self._at(self.array(mx.inverse(node)), PRODUCT)), "over", HADAMARD
            )
        mark = self.typesetter.join((self.typesetter.letter(self.notation.times), self.entry(node.exponent)), "", ATOM)
        scalar = node.shape == (1, 1)
        return self.typesetter.script(
            self.typesetter.group(self.array(node.base)), None, self.entry(node.exponent) if scalar else mark
        )

    @array.register
    def _(self, node: mx.SumOver) -> Box:
        set_ = self.typesetter
        length = node.of.shape[node.axis] if node.axis is not None else None
        if length == 1 or node.of.shape == (1, 1):
            return self.array(node.of)
        if node.axis is None:
            return set_.apply(set_.name("sum"), self.array(node.of))
        summed = self._summed(node)
        if summed is not None:
            return self._sum_over_samples(summed)
        inner = self._at(self.array(node.of), PRODUCT)
        ones = self._ones(node.of.shape[node.axis], row=node.axis == 0)
        return set_.join((inner, ones) if node.axis == 1 else (ones, inner), "thin", PRODUCT)

    def _summed(self, node: mx.SumOver) -> Tensor | None:
        """The tensor whose samples are summed, if that is written as a sum and not as a product with ones."""
        if self.notation.ones or node.axis != 1 or not isinstance(node.of, mx.Array):
            return None
        return node.of.tensor if node.of.tensor.axes[-1].sample else None

    def drops_ones(self, node: mx.Broadcast) -> bool:
        """Whether the repetition of a column is left implicit: a bias, if the notation says so."""
        column_only = node.of.shape[0] == node.full[0]
        bias = isinstance(node.of, mx.Array) and node.of.tensor.role == Role.BIAS and is_canonical(node.of.tensor)
        return column_only and not self.notation.ones and bias

    def shows_ones(self, node: mx.Node) -> bool:
        """Whether the formula of a node may contain a column or a row of ones."""
        if self.notation.ones:
            return isinstance(node, mx.SumOver | mx.Broadcast)
        if isinstance(node, mx.Broadcast):
            return not (isinstance(node.of, mx.Number) or self.drops_ones(node))
        return (
            isinstance(node, mx.SumOver)
            and node.axis is not None
            and node.of.shape[node.axis] != 1
            and self._summed(node) is None
        )

    def _ones(self, length: Expr, row: bool = False) -> Box:
        """A column or a row of ones."""
        set_ = self.typesetter
        box = set_.name("1")
        if row:
            box = set_.script(box, None, set_.letter(self.notation.transpose))
        if not self.shapes:
            return box
        one = Integer(1)
        return set_.under(box, self.shape(one, length) if row else self.shape(length, one))

    def _sum_over_samples(self, tensor: Tensor) -> Box:
        index = Index("sample", tensor.axes[-1])
        page = replace(self.with_letters((), (index,)), batch=False)
        entry = page.symbol(tensor, (index,))
        return self.typesetter.join((page.summation(index), entry), "thin", PRODUCT)

    @array.register
    def _(self, node: mx.Broadcast) -> Box:
        if isinstance(node.of, mx.Scale):  # the number stands in front of the ones
            return self.array(mx.Scale(node.of.factor, mx.Broadcast(node.of.of, node.full)))
        inner = self.array(node.of)
        if isinstance(node.of, mx.Number) or self.drops_ones(node):
            return inner
        box = self._at(inner, PRODUCT)
        if node.of.shape[1] != node.full[1]:
            box = self.typesetter.join((box, self._ones(node.full[1], row=True)), "thin", PRODUCT)
        if node.of.shape[0] != node.full[0]:
            box = self.typesetter.join((self._ones(node.full[0]), box), "thin", PRODUCT)
        return box

    @array.register
    def _(self, node: mx.Part) -> Box:
        box = self._marked(node, None)
        if box is None:
            inner = self._at(replace(self, shapes=False).array(node.of), POWER)
            box = self.typesetter.script(inner, self._part(node), None)
        return self._leaf(box, node)

    @array.register
    def _(self, node: mx.Stack) -> Box:
        return self._leaf(self.typesetter.column(self._stacked(b) for b in node.blocks), node)

    def _stacked(self, node: mx.Node) -> Box:
        page = replace(self, shapes=False)
        if node == mx.Broadcast(mx.Number(Integer(1)), node.shape):
            return self.typesetter.script(
                self.typesetter.name("1"), None, self.typesetter.letter(self.notation.transpose)
            )
        return page.array(node)

    @array.register
    def _(self, node: mx.Beside) -> Box:
        page = replace(self, shapes=False)
        return self._leaf(self.typesetter.matrix([[page._plain_block(b) for b in node.blocks]]), node)

    def _plain_block(self, node: mx.Node) -> Box:
        """A block; a block of equal numbers is written as a single number."""
        filled = isinstance(node, mx.Broadcast) and isinstance(node.of, mx.Number)
        return self.array(node.of if filled and isinstance(node, mx.Broadcast) else node)

    @array.register
    def _(self, node: mx.Einsum) -> Box:
        listed = self.typesetter.join([self.array(o) for o in node.operands], "comma", SUM)
        return self.typesetter.apply(self.typesetter.name(f"einsum[{node.subscripts}]"), listed)

    def array_pieces(self, node: mx.Node, limit: float) -> list[Box]:
        """Split a formula in matrix form at its possible line breaks; parts narrower than ``limit`` stay whole."""
        if isinstance(node, mx.Formula) and not gives_rows(node.equation):
            return self._entries(node).pieces(node.equation.expression)
        whole = self.array(node)
        if whole.width <= limit:
            return [whole]
        if isinstance(node, mx.Plus):
            return self.signed((mx.is_negative(t), self.array(mx.without_sign(t))) for t in node.terms)
        if isinstance(node, mx.Scale) and not mx.is_negative(node):
            return [self.at(node.factor, PRODUCT), *self._opened(node.of, limit)]
        if isinstance(node, mx.Hadamard) and not any(mx.divides(f) for f in node.factors):
            first, *rest = (self._opened(f, limit / 2) for f in node.factors)
            return [*first, *(b for f in rest for b in (self.typesetter.before("times", f[0]), *f[1:]))]
        return [whole]

    def _opened(self, node: mx.Node, limit: float) -> list[Box]:
        """The pieces of a factor, with parentheses around them if it is a sum."""
        pieces = self.array_pieces(node, limit)
        if not isinstance(node, mx.Plus):
            return pieces
        if len(pieces) == 1:
            return [self._at(pieces[0], HADAMARD)]
        pieces[0] = self.typesetter.before("open", pieces[0])
        return [*pieces[:-1], self.typesetter.after(pieces[-1], "close")]


def _tensor_layer(node: mx.Node) -> int | None:
    return node.tensor.layer if isinstance(node, mx.Array) else None
