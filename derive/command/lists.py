"""The content of `derive list`: every catalogue, each entry with its formula.

Formulas are taken from the forward pass of a small example layer, and printed like
any other equation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import singledispatch

from sympy import Integer, Symbol

from derive.calculus.index import SAMPLE_AXIS, Axis, Equation, IndexSupply, Tensor
from derive.calculus.program import constant
from derive.calculus.roles import Role
from derive.catalogue.activations import Activation
from derive.catalogue.biases import Bias
from derive.catalogue.loss import Loss
from derive.learning.clippings import Clipping
from derive.learning.constraints import Constraint
from derive.learning.descent import RATE, STEP, Descent
from derive.learning.initialisations import INPUTS, UNITS, Initialisation
from derive.learning.optimizers import LEARNING_RATE, Optimizer
from derive.learning.schedules import Schedule
from derive.paper.boxes import Typesetter
from derive.paper.characters import LETTERS
from derive.paper.notation import PSI, Notation
from derive.paper.page import Page
from derive.paper.text import text
from derive.statement.language.layers import Layer
from derive.statement.network import Network
from derive.text.entry_text import Option

_OUTPUTS = Axis(Symbol("K", integer=True, positive=True))


@singledispatch
def formula(entry: object) -> str:
    """Return the formula of a catalogue entry on one line of Unicode text; of a layer, its call in a text."""
    raise NotImplementedError(f"no formula is known for {type(entry).__name__}")


@formula.register
def _(entry: Activation) -> str:
    if entry.formula is not None:
        return f"f(x) = {text(_page({}).formula(entry.formula))}"
    z = Tensor("z", "preactivation", (_OUTPUTS,))
    return _stated(entry.equation(Tensor("a", "activation", (_OUTPUTS,)), z, IndexSupply()), z)


@formula.register
def _(entry: Loss) -> str:
    axes = (_OUTPUTS, SAMPLE_AXIS)
    y, y_hat = Tensor("Y", "target", axes), Tensor("A", "prediction", axes)
    stated = _stated(entry.equation(Tensor("E", "error"), y, y_hat, IndexSupply()), y, y_hat)
    return stated if entry.function is None else f"{stated}, ℓ(x) = {text(_page({}).formula(entry.function))}"


@formula.register
def _(entry: Bias) -> str:
    stated = Network(("n", "h"), bias=entry.name).forward_pass()
    weighted = next(e for e in stated.equations if e.target.role == Role.PREACTIVATION)
    return _stated(weighted, *stated.tensors.values())


@formula.register
def _(entry: Layer) -> str:
    return entry.call


@formula.register
def _(entry: Optimizer) -> str:
    return ", ".join(_of_a_step(Descent(entry, _plain(entry.options)), (Axis(Integer(1)),)))


@formula.register
def _(entry: Clipping) -> str:
    stated = _of_a_step(Descent(limit=Fraction(1), clipping=entry), (Axis(Integer(1)),))
    return ", ".join(stated[:-1])  # without the step itself


@formula.register
def _(entry: Constraint) -> str:
    axes = _OUTPUTS, Axis(Symbol("n", integer=True, positive=True))
    return _of_a_step(Descent(constraint=entry, bounds=_plain(entry.options)), axes)[-1]


def _plain(options: Iterable[Option]) -> dict[str, Fraction]:
    return {option.name: Fraction(option.default or 0) for option in options}


def _of_a_step(descent: Descent, axes: tuple[Axis, ...]) -> list[str]:
    """The equations of a step of a weight."""
    w = Tensor("W", "weight", axes)
    slope = Tensor("dE_dW", "gradient", w.axes, about=w)
    stage = descent.updates([w], [slope], IndexSupply())
    numbers = map(constant, stage.constants)
    known = (w, slope, LEARNING_RATE, *stage.states, *numbers, *(e.target for e in stage.equations))
    return [_stated(e, *known, sign="←" if e.target.role == Role.UPDATED else "=") for e in stage.equations]


@formula.register
def _(entry: Schedule) -> str:
    n = {option.name: constant(option.name)[()] for option in entry.options if option.name != "warm_up"}
    value = LEARNING_RATE[()] * entry.multiplier(STEP[()], n)
    return _stated(Equation(RATE, (), value), LEARNING_RATE, STEP, *map(constant, n))


@formula.register
def _(entry: Initialisation) -> str:
    over, under = entry.spread
    if entry.variance is None:
        return {"zeros": "0", "orthogonal": "WᵀW = I or WWᵀ = I"}[entry.kind]
    return f"{entry.kind}, variance {over}/({' + '.join(s.name for s in (INPUTS, UNITS) if under.has(s))})"


@formula.register
def _(entry: Notation) -> str:
    roles = ("weight", "preactivation", "activation", "factor")
    page = replace(_page({}), notation=entry, typesetter=Typesetter(entry.times))
    tensors = [Tensor(r, r, (), 2, about=Tensor("z", "preactivation", (), 2)) for r in roles]
    shown = [text(page.symbol(t, whole=True)) for t in tensors]
    return f"{', '.join(shown)}; learning rate {LETTERS[entry.rate].text}"


def _page(tensors: Mapping[str, Tensor]) -> Page:
    return Page(Typesetter(PSI.times), PSI, tensors)


def _stated(equation: Equation, *tensors: Tensor, sign: str = "=") -> str:
    """Print an equation without the number of its example layer."""
    named = {t.name: t for t in (*tensors, equation.target)}
    page = _page({name: replace(t, layer=None) for name, t in named.items()}).lettered(equation)
    left = page.symbol(replace(equation.target, layer=None), equation.indices)
    return f"{text(left)} {sign} {text(page.entry(equation.expression))}"
