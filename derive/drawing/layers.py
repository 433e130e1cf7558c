"""Recognise layers of units from the forward equations alone.

A forward pass consists of plain layers if every weighted sum reads one weight and the
preceding tensor, every activation reads the preceding weighted sum, and the error reads
the last activation, the data and possibly a penalty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Mul, Sum

from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.functions import Elementwise
from derive.calculus.index import Equation, Index, Tensor, symbols_read
from derive.calculus.roles import Role
from derive.catalogue.activations import ACTIVATIONS
from derive.record import record
from derive.text.entry_text import printed

if TYPE_CHECKING:
    from derive.derived import Derived


@record
class Layer:
    """One weighted sum and its activation (None if the next layer reads the sum itself).

    ``source`` is the tensor that the sum reads; ``constant`` is its version with a unit that is
    always 1, if any. ``mixes`` says that the activation couples the units.
    """

    source: Tensor
    sum: Tensor
    weight: Tensor
    bias: Tensor | None = None
    constant: Tensor | None = None
    activation: Tensor | None = None
    function: str = ""
    mixes: bool = False

    @property
    def output(self) -> Tensor:
        """The output of the layer."""
        return self.activation or self.sum


def plain_layers(derivation: Derived) -> tuple[Layer, ...] | None:
    """Return the layers of a network of plain layers; None for anything else."""
    forward = derivation.forward
    tensors, parameters = forward.tensors, {p.name for p in forward.parameters}
    names = () if derivation.network is None else derivation.network.activation
    found: list[Layer] = []
    at, constant = 0, None
    equations = [e for e in forward.equations[:-1] if e.target.role != Role.PENALTY]
    while at < len(equations):
        source = found[-1].output if found else None
        if _has_constant_row(equations[at], source, tensors):
            constant, at = equations[at], at + 1
        layer = _weighted_sum(equations[at], tensors, parameters) if at < len(equations) else None
        if layer is None or not _follows(layer, constant, source):
            return None
        if constant is not None:
            layer = _with_constant(layer, constant, tensors)
        at, constant = at + 1, None
        if at < len(equations) and _tensors_read(equations[at].expression, tensors) == [layer.sum.name]:
            edges = derivation.chains.edges.get(equations[at].target.name, ())
            layer_or_none = _activated(layer, equations[at], edges, names[len(found)] if names else "")
            if layer_or_none is None:
                return None
            layer, at = layer_or_none, at + 1
        found.append(layer)
    return tuple(found) if _is_whole(found, derivation) else None


def _tensors_read(expression: Expr, tensors: Mapping[str, Tensor]) -> list[str]:
    """The tensors that an expression reads, without symbolic widths."""
    return [name for name in symbols_read(expression) if name in tensors]


def _has_constant_row(equation: Equation, source: Tensor | None, tensors: Mapping[str, Tensor]) -> bool:
    """Whether an equation only adds a row of ones on top of the tensor that it reads."""
    read = _tensors_read(equation.expression, tensors)
    first = equation.indices[0] if equation.indices else None
    if first is None or len(read) != 1 or not isinstance(equation.expression, Add):
        return False
    before = tensors[read[0]]
    if source is not None and before != source:
        return False
    one = KroneckerDelta(first, Integer(first.axis.start))
    rest = [t for t in equation.expression.args if t != one]
    longer = bool(before.axes) and (first.axis.extent - before.axes[0].extent) == 1
    return longer and len(rest) == len(equation.expression.args) - 1 == 1 and _is_copy(rest[0], equation.indices)


def _is_copy(term: Expr, indices: tuple[Index, ...]) -> bool:
    """Whether a term is sum over i of delta(row, i) a[i, ...]."""
    if not isinstance(term, Sum) or len(term.limits) != 1 or not isinstance(term.function, Mul):
        return False
    bound = term.limits[0][0]
    factors = term.function.args
    copied = [f for f in factors if isinstance(f, Indexed) and tuple(f.indices) == (bound, *indices[1:])]
    return len(factors) == 2 and len(copied) == 1 and KroneckerDelta(indices[0], bound) in factors


def _weighted_sum(equation: Equation, tensors: Mapping[str, Tensor], parameters: set[str]) -> Layer | None:
    """Match z[i, s] = sum over j of w[i, j] a[j, s] (+ b[i]) as a layer; None for anything else."""
    sums = [t for t in Add.make_args(equation.expression) if isinstance(t, Sum)]
    rest = [t for t in Add.make_args(equation.expression) if not isinstance(t, Sum)]
    if len(equation.indices) != 2 or len(sums) != 1 or len(rest) > 1:
        return None
    unit, sample = equation.indices
    pair = _product(sums[0], unit, sample, tensors)
    bias = _bias(rest, unit, tensors)
    if pair is None or (rest and (bias is None or bias.name not in parameters)):
        return None
    weight, source = pair
    return Layer(source, equation.target, weight, bias) if weight.name in parameters else None


def _product(term: Sum, unit: Index, sample: Index, tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor] | None:
    factors = Mul.make_args(term.function)
    if len(term.limits) != 1 or len(factors) != 2 or not all(isinstance(f, Indexed) for f in factors):
        return None
    bound = term.limits[0][0]
    by_place = {tuple(f.indices): tensors[f.base.label.name] for f in factors}
    weight, source = by_place.get((unit, bound)), by_place.get((bound, sample))
    whole = weight is not None and source is not None and sample.axis.sample and bound.axis == source.axes[0]
    return (weight, source) if whole and weight is not None and source is not None else None


def _bias(rest: list[Expr], unit: Index, tensors: Mapping[str, Tensor]) -> Tensor | None:
    if len(rest) != 1 or not isinstance(rest[0], Indexed) or tuple(rest[0].indices) != (unit,):
        return None
    return tensors[rest[0].base.label.name]


def _follows(layer: Layer, constant: Equation | None, source: Tensor | None) -> bool:
    """Whether a weighted sum reads the preceding tensor or, if it is the first one, an input."""
    if constant is not None:
        return layer.source == constant.target
    return layer.source == source if source is not None else layer.source.role == Role.INPUT


def _with_constant(layer: Layer, constant: Equation, tensors: Mapping[str, Tensor]) -> Layer:
    (name,) = _tensors_read(constant.expression, tensors)
    return Layer(tensors[name], layer.sum, layer.weight, layer.bias, layer.source)


def _activated(layer: Layer, equation: Equation, edges: tuple[LocalDerivative, ...], named: str) -> Layer | None:
    """Add the activation to the layer; None if it couples the samples or changes the shape."""
    if len(edges) != 1 or equation.target.axes != layer.sum.axes:
        return None
    (edge,) = edges
    tied = [edge.tied.get(i) == j for i, j in zip(edge.of_indices, edge.wrt_indices, strict=True)]
    if not tied[1]:
        return None
    value = equation.expression
    function = named or (type(value).label if isinstance(value, Elementwise) else "")
    parts = (layer.source, layer.sum, layer.weight, layer.bias, layer.constant)
    return Layer(*parts, equation.target, printed(function, ACTIVATIONS), mixes=not tied[0])


def _is_whole(layers: list[Layer], derivation: Derived) -> bool:
    """Whether the layers cover the whole network, and the error reads the output of the last one."""
    forward = derivation.forward
    used = [p for layer in layers for p in (layer.weight, layer.bias) if p is not None]
    data = {t.name for t in forward.tensors.values() if t.is_compared or t.role == Role.PENALTY}
    read = set(_tensors_read(forward.error.expression, forward.tensors)) - data
    once = len(set(used)) == len(used) == len(forward.parameters)
    return bool(layers) and once and read == {layers[-1].output.name}
