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

    ``learned`` are the parameters that equations after the outputs read, such as those of a penalty, ``held`` those
    that they take for constants.
    """

    forward: ForwardPass
    outputs: tuple[Tensor, ...]
    before: tuple[Equation, ...]
    after: tuple[Equation, ...]
    learned: tuple[Tensor, ...]
    held: tuple[Tensor, ...] = ()

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
            inputs=(*forward.inputs, *(replace(t, role=Role.INPUT.value, layer=None) for t in self.held), *given),
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
    reading = {edge.wrt.name for edges in chains.edges.values() for edge in edges}
    predicted = [t for t in forward.predictions if t.name in reading and t.name in chains.edges]
    last = [
        e.target
        for e in forward.equations
        if e.target in {edge.wrt for edge in chains.edges[forward.error.target.name]}
    ]
    names = dict.fromkeys(at or (_linear(t, forward, chains) for t in predicted or last))
    computed = {e.target.name: e for e in forward.equations[:-1]}
    unknown = [name for name in names if name not in computed or name not in chains.edges]
    if unknown:
        raise StatementError(
            f"{unknown[0]} is no tensor between the parameters and the error: cut the equations at some of "
            f"{listed(name for name in computed if name in chains.edges)}"
        )
    before = needed(forward.equations, names)
    known = {e.target.name for e in before}
    after = tuple(e for e in needed(forward.equations, [forward.error.target.name]) if e.target.name not in known)
    read = {name for e in after for name in symbols_read(e.expression)}
    names |= dict.fromkeys(e.target.name for e in before if e.target.name in read and e.target.name in chains.edges)
    outputs = tuple(e.target for e in before if e.target.name in names)
    kept = tuple(e for e in before if e.target.name in read and e.target.name not in names)
    after = (*kept, *after)
    moving = {edge.wrt.name for e in after for edge in chains.edges.get(e.target.name, ())}
    beside = [t for t in forward.parameters if t.name in {n for e in after for n in symbols_read(e.expression)}]
    learned, held = (tuple(t for t in beside if (t.name in moving) == flag) for flag in (True, False))
    return Cut(forward, outputs, before, after, learned, held)


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
    taken, letter = {*forward.tensors, *forward.constants}, DIRECTIONS[0]
    ends, moving = [*wanted], ways(chains, wanted)
    leads = {
        p.name: replace(p, name=_new(f"{letter}_{p.name}", taken), role=Role.INPUT.value, layer=None, about=p)
        for p in forward.parameters
        if p.name in moving
    }
    directions = (*leads.values(),)
    found, leads = tangent_equations(forward, chains, leads, [t.name for t in ends], taken)
    names, ends = [t.name for t in ends], [leads[t.name] for t in ends]
    given = tuple(replace(t, role=Role.INPUT.value, layer=None) for t in forward.parameters)
    slopes, error = weighed(forward, dict(zip(names, ends, strict=True)), taken)
    own = [replace(t, role=Role.INPUT.value) for t in forward.inputs]
    data = {t.name: t for t in (*own, *given)}
    kept = needed(forward.equations, [*names, *(name for e in found for name in symbols_read(e.expression))])
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


def turned(parts: Cut, chains: Chains) -> ForwardPass:
    """The forward pass whose error is Σ u ⊙ q, with given numbers u, one for each entry of the outputs q.

    Its parameters are those that the outputs depend on, and its backward pass is Jᵀ u.
    """
    forward, names = parts.forward, [t.name for t in parts.outputs]
    moving, read = ways(chains, parts.outputs), {n for e in parts.before for n in symbols_read(e.expression)}
    slopes, error = weighed(
        forward, dict(zip(names, parts.outputs, strict=True)), {*forward.tensors, *forward.constants}
    )
    data = {t.name: replace(t, role=Role.INPUT.value) for t in forward.inputs if t.name in read}
    return replace(
        forward,
        equations=(*parts.before, error),
        inputs=(*data.values(), *slopes),
        parameters=tuple(t for t in forward.parameters if t.name in moving),
        promises=tuple(
            replace(p, tensor=data.get(p.tensor.name, p.tensor)) for p in forward.promises if p.tensor.name in read
        ),
        outputs=tuple(names),
        starts={},
        running=(),
        sought=(),
    )


def tangent_equations(
    forward: ForwardPass, chains: Chains, leads: Mapping[str, Tensor], names: Collection[str], taken: set[str]
) -> tuple[list[Equation], dict[str, Tensor]]:
    """The equations of the derivatives of tensors with these names along directions.

    ``leads`` are the directions, by the names of what moves along them; returned with them are the derivatives. Their
    names are added to ``taken``.
    """
    found, way = {**leads}, [e for e in needed(forward.equations, names) if e.target.name in chains.edges]
    for target in (e.target for e in way):
        found[target.name] = Tensor(_new(f"{target.name}_{DIRECTIONS[0]}", taken), Role.PLAIN.value, target.axes)
    ranges = {**forward.ranges, **{t.name: t.axes for t in found.values()}}
    return [_tangent(e, chains, found, ranges, forward) for e in way], found


def ways(chains: Chains, ends: Iterable[Tensor]) -> set[str]:
    """The names of the tensors from which a chain leads to one of the ``ends``, and of these."""
    found, waiting = set[str](), [t.name for t in ends]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [edge.wrt.name for edge in chains.edges.get(name, ())]
    return found


def weighed(forward: ForwardPass, ends: Mapping[str, Tensor], taken: set[str]) -> tuple[tuple[Tensor, ...], Equation]:
    """Given numbers u, one for each entry of the ``ends``, and the sum of these entries times them.

    The ``ends`` are by the names after which the numbers are called.
    """
    slopes, terms = list[Tensor](), list[Expr]()
    for name, end in ends.items():
        slope, indices = Tensor(_new(f"u_{name}", taken), Role.TARGET.value, end.axes, about=end), forward.supply
        slopes.append(slope)
        at = indices.several(end.axes)
        terms.append(total(slope[at] * end[at], *at) if at else slope[()] * end[()])
    return tuple(slopes), Equation(Tensor(_new("S", taken), Role.ERROR.value), (), Add(*terms), "error")


def _new(name: str, taken: set[str]) -> str:
    """The name, with underscores if it is taken, which it then is."""
    found = free(name, taken)
    taken.add(found)
    return found


def needed(equations: Iterable[Equation], names: Iterable[str]) -> tuple[Equation, ...]:
    """The equations that tensors with these names are computed by, in order."""
    computed = {e.target.name: e for e in equations}
    found, waiting = set[str](), [*names]
    while waiting:
        name = waiting.pop()
        if name in computed and name not in found:
            found.add(name)
            waiting += symbols_read(computed[name].expression)
    return tuple(e for name, e in computed.items() if name in found)


def _tangent(
    equation: Equation, chains: Chains, leads: Mapping[str, Tensor], ranges: Ranges, forward: ForwardPass
) -> Equation:
    """The sum over what an equation reads of its local derivative times the derivative of that along the directions."""
    value: Expr = Integer(0)
    for edge in chains.edges[equation.target.name]:
        product = edge.value * leads[edge.wrt.name][edge.wrt_indices]
        value += contract(product, forward.supply, edge.wrt_indices, ranges)
    return Equation(leads[equation.target.name], equation.indices, stated(tidy(value)), TANGENT)
