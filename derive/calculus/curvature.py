"""Products with the Jacobian, and the Gauss-Newton matrix, from the local derivatives of a derivation.

The Jacobian J has the derivatives of the outputs with respect to the parameters. J v multiplies the local derivatives
from the parameters on (forward mode), Jᵀ u from the outputs on (backward mode). The Gauss-Newton matrix is Jᵀ H J, with
the second derivatives H of the error with respect to the outputs (N. N. Schraudolph, Fast curvature matrix-vector
products for second-order gradient descent, 2002). At the outputs the equations are cut in two: no equation after them
reads what is before them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from sympy import Add, Expr, Integer

from derive.calculus.again import DIRECTIONS, free, stated
from derive.calculus.chain_rule import Chains
from derive.calculus.deltas import Ranges, contract, tidy
from derive.calculus.forward import ForwardPass
from derive.calculus.index import Equation, Tensor, symbols_read, total
from derive.calculus.properties import values_of
from derive.calculus.roles import Role
from derive.record import record
from derive.text.errors import StatementError
from derive.text.user_text import listed

#: What is found.
GAUSS_NEWTON, JACOBIAN = "gauss_newton_product", "jacobian_product"
#: The note of the equation of a derivative along a direction.
TANGENT = "tangent"
#: The note of the equation that predicts a given output.
COPY = "copy"


@record
class Cut:
    """The equations of a forward pass before and after its ``outputs``.

    ``learned`` are the parameters that equations after the outputs read, such as those of a penalty.
    """

    forward: ForwardPass
    outputs: tuple[Tensor, ...]
    before: tuple[Equation, ...]
    after: tuple[Equation, ...]
    learned: tuple[Tensor, ...]

    @property
    def of_outputs(self) -> ForwardPass:
        """The error as a function of the outputs, which are given, and of the parameters that it reads itself."""
        forward = self.forward
        given = tuple(replace(t, role=Role.INPUT.value, layer=None) for t in self.outputs)
        copied = replace(
            given[0], name=free("predicted", {*forward.tensors, *forward.constants}), role=Role.PLAIN.value
        )
        indices = forward.supply.several(copied.axes)
        return replace(
            forward,
            equations=(Equation(copied, indices, given[0][indices], COPY), *self.after),
            inputs=(*forward.inputs, *given),
            parameters=self.learned,
            promises=tuple(p for p in forward.promises if p.tensor in (*forward.inputs, *self.learned)),
            outputs=(copied.name,),
            starts={},
            running=(),
            sought=tuple(t.name for t in given),
        )


def cut(forward: ForwardPass, chains: Chains, at: Collection[str] = ()) -> Cut:
    """Cut a forward pass at its predictions, or at the tensors with the names ``at``.

    Predictions that are probabilities are cut where these are computed from: the derivatives there are simple. Tensors
    that depend on parameters and are read on both sides are outputs, too. Raises StatementError for a name that
    is none of a tensor that depends on parameters.
    """
    names = dict.fromkeys(at or (_linear(t, forward, chains) for t in forward.predictions))
    computed = {e.target.name: e for e in forward.equations[:-1]}
    unknown = [name for name in names if name not in computed or name not in chains.edges]
    if unknown:
        raise StatementError(
            f"{unknown[0]} is no tensor between the parameters and the error: cut the equations at some of "
            f"{listed(name for name in computed if name in chains.edges)}"
        )
    before = _needed(forward, names)
    needed = {e.target.name for e in before}
    after = tuple(e for e in forward.equations if e.target.name not in needed)
    read = {name for e in after for name in symbols_read(e.expression)}
    names |= dict.fromkeys(e.target.name for e in before if e.target.name in read and e.target.name in chains.edges)
    outputs = tuple(e.target for e in before if e.target.name in names)
    kept = tuple(e for e in before if e.target.name in read and e.target.name not in names)
    learned = tuple(t for t in forward.parameters if t.name in read)
    return Cut(forward, outputs, before, (*kept, *after), learned)


def _linear(prediction: Tensor, forward: ForwardPass, chains: Chains) -> str:
    """The name of a prediction, or of the tensor that its equation makes probabilities of."""
    equation = next(e for e in forward.equations if e.target == prediction)
    found, read = values_of(equation), [edge.wrt for edge in chains.edges.get(prediction.name, ())]
    shares = found is not None and found.are_probabilities and len(read) == 1 and read[0] not in forward.parameters
    return read[0].name if shares else prediction.name


def tangents(forward: ForwardPass, chains: Chains, wanted: Iterable[Tensor]) -> ForwardPass:
    """The forward pass of the parameters as data, with the derivative of each tensor along given directions v.

    Its outputs are the derivatives of the ``wanted`` tensors, J v; its backward pass is Jᵀ u with respect to v.
    """
    taken, letter, leads = {*forward.tensors, *forward.constants}, DIRECTIONS[0], dict[str, Tensor]()
    for parameter in forward.parameters:
        name = free(f"{letter}_{parameter.name}", taken)
        taken.add(name)
        leads[parameter.name] = replace(parameter, name=name, role=Role.INPUT.value, layer=None, about=parameter)
    ends = [*wanted]
    way = [e for e in _needed(forward, [t.name for t in ends]) if e.target.name in chains.edges]
    for equation in way:
        name = free(f"{equation.target.name}_{letter}", taken)
        taken.add(name)
        leads[equation.target.name] = Tensor(name, Role.PLAIN.value, equation.target.axes)
    ranges = {**forward.ranges, **{t.name: t.axes for t in leads.values()}}
    found = [_tangent(e, chains, leads, ranges, forward) for e in way]
    names, ends = [t.name for t in ends], [leads[t.name] for t in ends]
    given = tuple(replace(t, role=Role.INPUT.value, layer=None) for t in forward.parameters)
    directions = tuple(leads[t.name] for t in forward.parameters)
    slopes = tuple(
        Tensor(free(f"u_{name}", taken), Role.TARGET.value, t.axes, about=t)
        for name, t in zip(names, ends, strict=True)
    )
    terms = []
    for slope, end in zip(slopes, ends, strict=True):
        indices = forward.supply.several(end.axes)
        terms.append(total(slope[indices] * end[indices], *indices) if indices else slope[()] * end[()])
    error = Equation(Tensor(free("S", taken), Role.ERROR.value), (), Add(*terms), "error")
    own = [replace(t, role=Role.INPUT.value) for t in forward.inputs]
    data = {t.name: t for t in (*own, *given)}
    kept = _needed(forward, [*names, *(name for e in found for name in symbols_read(e.expression))])
    read = {name for e in (*kept, *found) for name in symbols_read(e.expression)}
    return replace(
        forward,
        equations=(*kept, *found, error),
        inputs=(*(t for t in (*own, *given) if t.name in read), *directions, *slopes),
        parameters=(),
        promises=tuple(replace(p, tensor=data[p.tensor.name]) for p in forward.promises if p.tensor.name in read),
        outputs=tuple(t.name for t in ends),
        starts={},
        running=(),
        sought=tuple(t.name for t in directions),
    )


def _needed(forward: ForwardPass, names: Iterable[str]) -> tuple[Equation, ...]:
    """The equations that tensors with these names are computed by, in order."""
    computed = {e.target.name: e for e in forward.equations}
    needed, waiting = set[str](), [*names]
    while waiting:
        name = waiting.pop()
        if name in computed and name not in needed:
            needed.add(name)
            waiting += symbols_read(computed[name].expression)
    return tuple(e for e in forward.equations if e.target.name in needed)


def _tangent(
    equation: Equation, chains: Chains, leads: Mapping[str, Tensor], ranges: Ranges, forward: ForwardPass
) -> Equation:
    """The sum over what an equation reads of its local derivative times the derivative of that along the directions."""
    value: Expr = Integer(0)
    for edge in chains.edges[equation.target.name]:
        product = edge.value * leads[edge.wrt.name][edge.wrt_indices]
        value += contract(product, forward.supply, edge.wrt_indices, ranges)
    return Equation(leads[equation.target.name], equation.indices, stated(tidy(value)), TANGENT)
