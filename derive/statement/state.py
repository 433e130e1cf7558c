"""The forward equations of a network: the only stage that states equations; all others derive them."""

from __future__ import annotations

from sympy import Integer, Symbol

from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLE_AXIS, Axis, Equation, IndexSupply, Tensor
from derive.catalogue.activations import activation, titles
from derive.catalogue.biases import BIASES
from derive.catalogue.losses import loss
from derive.learning.l2_penalty import penalised
from derive.statement.keys import exactly
from derive.statement.network import Network


def state(network: Network) -> ForwardPass:
    """Return the forward equations of a network."""
    if network.is_composed:
        return network.composed.forward_pass()
    supply = IndexSupply()
    axes = [Axis(_extent(width)) for width in network.layers]
    x = Tensor("X", "input", (axes[0], SAMPLE_AXIS), 0)
    y = Tensor("Y", "target", (axes[-1], SAMPLE_AXIS))
    equations: list[Equation] = []
    parameters: list[Tensor] = []
    a, last = x, len(axes) - 1
    called = titles(network.activation)
    for layer, (axis, text) in enumerate(zip(axes[1:], network.activation, strict=True), start=1):
        dense = BIASES[network.bias].build(layer, axis, a, supply)
        a = Tensor(f"a{layer}", "prediction" if layer == last else "activation", dense.z.axes, layer)
        equations += [*dense.equations, activation(text).equation(a, dense.z, supply, called[text])]
        parameters += dense.parameters
    chosen = loss(network.loss)
    equations.append(chosen.equation(Tensor("E", "error"), y, a, supply))
    stated, constants = penalised(equations, parameters, exactly(network.l2), supply)
    return ForwardPass(stated, (x, y), tuple(parameters), supply, chosen.promises(y), constants)


def _extent(width: int | str) -> Integer | Symbol:
    return Integer(width) if isinstance(width, int) else Symbol(width, integer=True, positive=True)
