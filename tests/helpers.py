"""Helpers for tests of the mathematics: networks stated by hand, and reference values without a derivation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from sympy import Expr, Integer, Symbol

from derive.api import Derivation, derive
from derive.calculus.chain_rule import chains
from derive.calculus.evaluate import Arithmetic, interpret
from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Axis, Tensor, total
from derive.calculus.program import Program, assemble
from derive.calculus.shared_factors import shared_factors
from derive.learning.descent import Descent
from derive.paper.notation import NOTATIONS
from derive.statement.network import Network
from derive.statement.quantities import Entries
from derive.statement.statement import Statement
from derive.targets.numpy.package import Rendered

Array = np.ndarray[Any, Any]
Values = dict[str, Array]

TINY = 1e-20


@functools.cache
def derivation(
    layers: Any,
    activation: Any = "sigmoid",
    loss: str = "mse",
    bias: str = "separate",
    notation: str = "psi",
    **learning: Any,
) -> Derivation:
    """Return the cached derivation of a network; ``learning`` holds the optimizer and its options."""
    return derive(Network(layers, activation, loss, bias, notation, **learning))


@functools.cache
def module_of(*arguments: Any, **options: Any) -> ModuleType:
    """The generated module of a network, as ``derivation`` takes it."""
    return load(derivation(*arguments, **options).numpy())


def load(source: str) -> ModuleType:
    """Execute the source of a generated module."""
    module = ModuleType("trainer")
    exec(compile(source, "trainer.py", "exec"), module.__dict__)
    return module


def altered(rendered: Rendered, *changes: str) -> Rendered:
    """The same with pieces of the text replaced that is checked: old, new, old, new."""
    changed, source = replace(rendered), rendered.linked
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in source
        source = source.replace(old, new)
    changed.__dict__["linked"] = source
    return changed


def forwarded(module: Any, parameters: Any, x: Array) -> dict[str, Array]:
    """Every tensor of a forward pass, without checks."""
    values: dict[str, Array] = {}
    module.NETWORK.forward(parameters, x, values)
    return values


def runner(module: Any, parameters: Any, state: Any, samples: int) -> Any:
    """Return the object that takes the steps of ``fit``: the second rendering, if there is one."""
    if module.Trainer.steps is None:
        plain = module._Plain(module.NETWORK, parameters, state, samples)
        plain.load(parameters, state)
        return plain
    return module._Fast(module.FAST_STEPS, module.NETWORK, parameters, state, samples)


def axis(extent: int | str) -> Axis:
    """Return an axis of units with a numeric or named extent."""
    named = isinstance(extent, str)
    return Axis(Symbol(extent, integer=True, positive=True) if named else Integer(extent))


def define(
    s: Statement,
    name: str,
    axes: tuple[Axis, ...],
    formula: Callable[..., Expr],
    role: str | None = None,
    layer: int | None = None,
) -> Entries:
    """``name[indices] = formula(*indices)``, with an index for each axis, the samples too; in a role, if any."""
    indices = s.supply.several(axes)
    made = s.define(name, indices, formula(*indices))
    return made if role is None and layer is None else in_role(s, made, role, layer)


def in_role(s: Statement, made: Entries, role: str | None, layer: int | None = None) -> Entries:
    """The tensor defined last, with the role and the layer that it has in a ``Network``."""
    stated = replace(made.tensor, role=role or made.tensor.role, layer=layer)
    s._equations[-1] = replace(s._equations[-1], target=stated, note=role or "")
    return Entries(stated, made.sizes)


def of_layer(s: Statement, layer: int, name: str, *axes: Axis) -> Entries:
    """A parameter of a layer."""
    made = s.parameter(name, *axes)
    s._parameters[-1] = replace(made.tensor, layer=layer)
    return Entries(s._parameters[-1], made.sizes)


def summed(s: Statement, over: Axis, body: Callable[[Expr], Expr]) -> Expr:
    """The sum of ``body(index)`` over an axis."""
    index = s.supply.fresh(over)
    return total(body(index), index)


def dense(s: Statement, name: str, w: Entries, a: Entries, b: Entries | None = None, **kind: Any) -> Entries:
    """``w a + b`` for every sample."""

    def formula(i: Expr, u: Expr) -> Expr:
        value = summed(s, w.axes[1], lambda j: w[i, j] * a[j, u])
        return value if b is None else value + b[i,]

    return define(s, name, (w.axes[0], SAMPLE_AXIS), formula, **kind)


def apply(s: Statement, name: str, function: str, z: Entries, **kind: Any) -> Entries:
    """An activation of the catalogue, entry by entry."""
    return define(s, name, z.axes, lambda *i: s.apply(function, z[i]), **kind)


def squares(s: Statement, y: Entries, guess: Entries, scale: Expr = 1 / SAMPLES) -> Expr:
    """``scale`` times the summed squares of the differences."""
    unit, sample = s.supply.several(y.axes)
    return scale * total((y[unit, sample] - guess[unit, sample]) ** 2, unit, sample)


def closed(s: Statement, error: Expr, **options: Any) -> ForwardPass:
    """State the error, and return the forward pass with these fields."""
    s.error(error)
    return replace(s.forward_pass(), **options)


def index_form(forward: ForwardPass, notation: str = "psi") -> Program:
    """Return the program in index form, without lifting it."""
    found = chains(forward)
    return assemble(found, shared_factors(found), Descent(), NOTATIONS[notation].scale)


def random_values(tensors: Iterable[Tensor], sizes: Mapping[str, int], seed: int = 0) -> Values:
    """Standard normal numbers for each tensor; targets sum to one down each column."""
    generator = np.random.default_rng(seed)
    values = {}
    for tensor in tensors:
        values[tensor.name] = generator.normal(size=shape_of(tensor, sizes))
        if tensor.role == "target":
            raw = generator.uniform(0.1, 1, size=shape_of(tensor, sizes))
            values[tensor.name] = raw / raw.sum(axis=0)
    return values


def shape_of(tensor: Tensor, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """A tensor's shape, one entry per axis, in numbers."""
    named = [{s: sizes[s.name] for s in a.extent.free_symbols} for a in tensor.axes]
    return tuple(int(a.extent.subs(n)) for a, n in zip(tensor.axes, named, strict=True))


def given_and_learned(program: Program, m: int, seed: int = 0, **widths: int) -> tuple[Values, dict[str, int]]:
    """Random inputs and parameters for a program, and the sizes they go with."""
    sizes = {"m": m, **widths}
    return random_values((*program.inputs, *program.parameters), sizes, seed), sizes


def interpreted(program: Program, values: Values, sizes: Mapping[str, int], **options: Any) -> Values:
    """Every tensor of the index form, as arrays of complex numbers."""
    start = {name: value.astype(object) for name, value in values.items()}
    return interpret(program, start, sizes, **options)


def real(array: Array) -> Array:
    """The real parts of an array of the interpreter, as floats."""
    return np.vectorize(lambda v: float(v.real), otypes=[float])(array)


def complex_step(program: Program, values: Values, sizes: Mapping[str, int], name: str) -> Array:
    """The derivative of the error with respect to each entry of a tensor that is given or learned."""
    slopes = np.empty(values[name].shape)
    for position in np.ndindex(slopes.shape):
        moved = {n: v.astype(complex) for n, v in values.items()}
        moved[name][position] += TINY * 1j
        end = interpret(program, moved, sizes, Arithmetic(), ("forward", "error"))["E"]
        slopes[position] = end[()].imag / TINY
    return slopes


def stored(tensor: Tensor, value: Array) -> Array:
    """Entries as the generated module stores them: two-dimensional, a vector as a column."""
    if value.ndim == 2:
        return value.copy()
    across = bool(tensor.axes) and tensor.axes[0].sample
    return value.reshape((1, -1) if across else (-1, 1)).copy()


def off(found: Array, expected: Array) -> float:
    """The largest difference, relative to the largest entry expected."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{found.shape} is not {expected.shape}"
    return float(np.max(np.abs(found - expected)) / max(float(np.max(np.abs(expected))), 1e-290))
