"""The same equations over shorter axes, for trials and checks whose time grows with the lengths of axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sympy import Expr, Indexed, Integer, KroneckerDelta
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.calculus.affine import affine
from derive.calculus.forward import ForwardPass
from derive.calculus.index import Axis, Equation, Index, Tensor


class Shorter:
    """Replaces ``axes`` by shorter ones; a fixed place in the second half of an axis keeps its distance to the end."""

    def __init__(self, axes: Mapping[Axis, Axis], tensors: Mapping[str, Tensor]) -> None:
        self.axes, self.before = axes, tensors
        self.tensors = {name: self.tensor(tensor) for name, tensor in tensors.items()}

    def tensor(self, tensor: Tensor) -> Tensor:
        """A tensor over the shorter axes."""
        places = tensor.places and self.axes.get(tensor.places, tensor.places)
        about = tensor.about and self.tensor(tensor.about)
        return replace(tensor, axes=tuple(self.axes.get(a, a) for a in tensor.axes), places=places, about=about)

    def index(self, index: Index) -> Index:
        """An index over the shorter axes."""
        return Index(index.name, self.axes[index.axis]) if index.axis in self.axes else index

    def equation(self, equation: Equation) -> Equation:
        """The equation over the shorter axes."""
        indices = tuple(map(self.index, equation.indices))
        return replace(
            equation, target=self.tensor(equation.target), indices=indices, expression=self.of(equation.expression)
        )

    def of(self, expression: Expr) -> Expr:
        """The expression over the shorter axes."""
        if not self.axes:
            return expression
        if isinstance(expression, Index):
            return self.index(expression)
        if not expression.args:
            return expression
        if isinstance(expression, ExprWithLimits):
            indices = [self.index(limit[0]) for limit in expression.limits]
            limits = [(i, Integer(i.axis.start), i.axis.stop) for i in indices]
            return expression.func(self.of(expression.function), *limits)
        if isinstance(expression, Indexed):
            axes = self.before[expression.base.label.name].axes if expression.base.label.name in self.before else ()
            places = (self._place(i, axis) for i, axis in zip(expression.indices, axes, strict=True)) if axes else ()
            return expression.func(expression.base, *places)
        if isinstance(expression, KroneckerDelta):
            axis = next((i.axis for i in sorted(expression.atoms(Index), key=str) if i.axis in self.axes), None)
            return expression.func(*(self._place(i, axis) for i in expression.args))
        return expression.func(*(self.of(a) for a in expression.args))

    def _place(self, place: Expr, axis: Axis | None) -> Expr:
        """A place on an axis; one that is near its end stays as near."""
        short = self.axes.get(axis) if axis is not None else None
        form = affine(place)
        if axis is not None and short is not None and form is not None and 2 * form.constant > axis.extent:
            place += short.extent - axis.extent
        return self.of(place)

    def forward(self, forward: ForwardPass) -> ForwardPass:
        """A forward pass over the shorter axes."""
        return replace(
            forward,
            equations=tuple(map(self.equation, forward.equations)),
            inputs=tuple(map(self.tensor, forward.inputs)),
            parameters=tuple(map(self.tensor, forward.parameters)),
            promises=tuple(replace(p, tensor=self.tensor(p.tensor)) for p in forward.promises),
        )
