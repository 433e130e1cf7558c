"""The derivative of a tensor as further equations of the forward pass, by the chain rule from what is read to it.

The derivative of each tensor on the way is a tensor of its own. Its equation adds up the local derivatives of one
equation, each times the derivative of what that equation reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sympy import Expr, Integer

from derive.calculus.chain_rule import LocalDerivative, local_derivative, shortened
from derive.calculus.deltas import contract, tidy
from derive.calculus.extremes import Selected
from derive.calculus.index import Axis, Equation, Index, IndexSupply, Tensor, put, symbols_read
from derive.calculus.products import ProductOfOthers
from derive.calculus.roles import Role
from derive.calculus.short_forms import ShortForms
from derive.record import record
from derive.text.errors import StatementError

#: The note of the equation of a derivative.
SLOPE = "derivative"


@record
class Tangents:
    """The derivatives with respect to ``wrt`` of the tensors that the ``equations`` compute, in the same sample.

    ``tensors`` are all tensors by name, ``known`` the derivatives that equations state already, by the names of what
    is differentiated.
    """

    equations: tuple[Equation, ...]
    wrt: Tensor
    tensors: Mapping[str, Tensor]
    known: Mapping[str, Tensor]
    supply: IndexSupply

    def of(self, tensor: Tensor, names: Mapping[str, str]) -> tuple[Equation, ...]:
        """The equations that the derivative of a tensor needs, in order; ``names`` has the names of derivatives.

        Raises StatementError if the tensor does not depend on ``wrt``, or on other samples of it.
        """
        leads, found = dict(self.known), list[Equation]()
        short = ShortForms(self.equations)
        for equation in self._towards(tensor):
            target = equation.target
            if target.name in leads:
                continue
            places = self.supply.several(_units(self.wrt))
            edges = [self._edge(equation, name, short) for name in self._read(equation, leads)]
            value = tidy(sum((self._term(edge, places, leads) for edge in edges), Integer(0)))
            if value != 0:
                _refuse_selections(value, target)
                samples = [i for i in equation.indices if i.axis.sample]
                indices = (*(i for i in equation.indices if not i.axis.sample), *places, *samples)
                slope = Tensor(names[target.name], Role.PLAIN.value, tuple(i.axis for i in indices))
                leads[target.name] = slope
                found.append(Equation(slope, indices, value, SLOPE))
        if tensor.name not in leads:
            raise StatementError(f"{tensor.name} does not depend on {self.wrt.name}: it has no derivative to state")
        return tuple(found)

    def _towards(self, tensor: Tensor) -> Iterator[Equation]:
        """The equations of a tensor and of all that it is computed from, in order."""
        needed, kept = {tensor.name}, list[Equation]()
        for equation in reversed(self.equations):
            if equation.target.name in needed:
                needed |= {*symbols_read(equation.expression)}
                kept.append(equation)
        return reversed(kept)

    def _read(self, equation: Equation, leads: Iterable[str]) -> list[str]:
        return [name for name in symbols_read(equation.expression) if name in leads or name == self.wrt.name]

    def _edge(self, equation: Equation, name: str, short: ShortForms) -> LocalDerivative:
        """A local derivative in the same sample."""
        ranges = {name: t.axes for name, t in self.tensors.items()}
        edge = shortened(local_derivative(equation, self.tensors[name], self.supply, ranges), short)
        same = {right: left for left, right in edge.same_sample.items()}
        if edge.value != 0 and any(i.axis.sample and i not in same for i in edge.wrt_indices):
            raise StatementError(
                f"the equation of {equation.target.name} combines samples of {name}: a derivative with respect to "
                f"{self.wrt.name} is that of the same sample"
            )
        indices = tuple(same.get(i, i) for i in edge.wrt_indices)
        return replace(edge, wrt_indices=indices, value=edge.value.xreplace(same))

    def _term(self, edge: LocalDerivative, places: tuple[Index, ...], leads: Mapping[str, Tensor]) -> Expr:
        """A local derivative times the derivative of what is read, summed over the entries of that."""
        units = tuple(i for i in edge.wrt_indices if not i.axis.sample)
        ranges = {name: t.axes for name, t in (*self.tensors.items(), *((t.name, t) for t in leads.values()))}
        if edge.wrt == self.wrt:
            own = put(edge.value, dict(zip(units, places, strict=True)))
            return contract(own, self.supply, ranges=ranges)
        samples = tuple(i for i in edge.wrt_indices if i.axis.sample)
        product = edge.value * leads[edge.wrt.name][(*units, *places, *samples)]
        return contract(product, self.supply, units, ranges)


def _units(tensor: Tensor) -> tuple[Axis, ...]:
    return tuple(axis for axis in tensor.axes if not axis.sample)


def _refuse_selections(value: Expr, target: Tensor) -> None:
    """Raise StatementError for a derivative that no equation can state."""
    for node, what in ((Selected, "a maximum or minimum over an index"), (ProductOfOthers, "a product over an index")):
        if value.has(node):
            raise StatementError(f"the equation of {target.name} has {what}, whose derivative is no equation so far")
