"""The derivative of a tensor as further equations of the forward pass, by the chain rule from what is read to it.

The derivative of each tensor on the way is a tensor of its own. Its equation adds up the local derivatives of one
equation, each times the derivative of what that equation reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from sympy import Expr, Indexed, Integer

from derive.calculus.chain_rule import LocalDerivative, local_derivative, shortened
from derive.calculus.deltas import contract, tidy
from derive.calculus.extremes import Selected
from derive.calculus.index import SAMPLE_AXIS, Axis, Equation, Index, IndexSupply, Tensor, put, symbols_read
from derive.calculus.products import ProductOfOthers
from derive.calculus.recurrence import Recurrence, ordered
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
        for part in ordered(self._towards(tensor)):
            equations = part.equations if isinstance(part, Recurrence) else (part,)
            new = [e for e in equations if e.target.name not in self.known]
            recurs = isinstance(part, Recurrence) and any(self._read(e, leads) for e in equations)
            for sampled in (True, False):
                own = {e.target.name: self._slope(e, names, sampled) for e in new} if recurs else {}
                stated = [s for e in new for s in self._stated(e, {**leads, **own}, names, short)]
                slopes = {s.target.name: s.target for s in stated}
                if not recurs or any(_reads_samples(s, slopes) for s in stated):
                    break  # else the derivatives are the same for all samples
            leads |= {e.target.name: slopes[names[e.target.name]] for e in new if names[e.target.name] in slopes}
            found += stated
        if tensor.name not in leads:
            raise StatementError(f"{tensor.name} does not depend on {self.wrt.name}: it has no derivative to state")
        return tuple(found)

    def _stated(
        self, equation: Equation, leads: Mapping[str, Tensor], names: Mapping[str, str], short: ShortForms
    ) -> list[Equation]:
        """The equation of the derivative of what an equation computes; none if it is 0."""
        places = self.supply.several(_units(self.wrt))
        edges = [self._edge(equation, name, short) for name in self._read(equation, leads)]
        value = tidy(sum((self._term(edge, places, leads) for edge in edges), Integer(0)))
        target = equation.target
        if value == 0 and target.name not in leads:
            return []
        _refuse_selections(value, target)
        slope = leads.get(target.name) or self._slope(equation, names)
        samples = [i for i in equation.indices if i.axis.sample and SAMPLE_AXIS in slope.axes]
        indices = (*(i for i in equation.indices if not i.axis.sample), *places, *samples)
        return [Equation(slope, indices, value, SLOPE)]

    def _slope(self, equation: Equation, names: Mapping[str, str], sampled: bool = True) -> Tensor:
        """The tensor of the derivative of what an equation computes."""
        axes = [i.axis for i in equation.indices]
        own, samples = [a for a in axes if not a.sample], [a for a in axes if a.sample and sampled]
        return Tensor(names[equation.target.name], Role.PLAIN.value, (*own, *_units(self.wrt), *samples))

    def _towards(self, tensor: Tensor) -> list[Equation]:
        """The equations of a tensor and of all that it is computed from, in order."""
        reads = {e.target.name: symbols_read(e.expression) for e in self.equations}
        needed, new = set[str](), {tensor.name}
        while new:
            needed |= new
            new = {name for found in new for name in reads.get(found, ())} - needed
        return [e for e in self.equations if e.target.name in needed]

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
        samples = tuple(i for i in edge.wrt_indices if i.axis.sample and i.axis in leads[edge.wrt.name].axes)
        product = edge.value * leads[edge.wrt.name][(*units, *places, *samples)]
        return contract(product, self.supply, units, ranges)


def _units(tensor: Tensor) -> tuple[Axis, ...]:
    return tuple(axis for axis in tensor.axes if not axis.sample)


def _reads_samples(equation: Equation, own: Collection[str]) -> bool:
    """Whether an equation reads samples of anything but its ``own`` tensors."""
    entries = (e for e in equation.expression.atoms(Indexed) if e.base.label.name not in own)
    return any(isinstance(i, Index) and i.axis.sample for e in entries for i in e.indices)


def _refuse_selections(value: Expr, target: Tensor) -> None:
    """Raise StatementError for a derivative that no equation can state."""
    for node, what in ((Selected, "a maximum or minimum over an index"), (ProductOfOthers, "a product over an index")):
        if value.has(node):
            raise StatementError(f"the equation of {target.name} has {what}, whose derivative is no equation so far")
