"""Activations: one entry with one forward formula each; derivatives are derived.

To add an activation, add an entry to ``ACTIVATIONS``. Its options are symbols in the formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from sympy import Abs, Expr, Piecewise, Rational, Symbol, erf, exp, factor_terms, log, pi, sqrt, tanh

from derive.calculus.functions import X, check_formula, elementwise
from derive.calculus.index import SAMPLE_AXIS, Axis, Equation, IndexSupply, Tensor, total
from derive.calculus.properties import Values, values, values_of
from derive.record import record
from derive.text.entry_text import Option, base_name, entry_text, number_text, parse_entry


@record
class Activation:
    """A function from pre-activations to activations.

    ``formula`` is an expression in ``X`` for an elementwise function. ``vector``
    defines a function that mixes the units of a layer, in terms of the entries,
    the unit's index and a fresh index over the same units. Each of ``options`` is
    a symbol in the formula; ``text`` is the name with the chosen values. ``spelling`` is the
    name in papers if it differs, ``synonyms`` are names of the same function elsewhere.
    """

    name: str
    summary: str
    formula: Expr | None = None
    vector: Callable[[Callable[[Expr], Expr], Expr, Expr], Expr] | None = None
    options: tuple[Option, ...] = ()
    synonyms: tuple[str, ...] = ()
    text: str = ""
    spelling: str = ""

    def __post_init__(self) -> None:
        if self.formula is not None:
            check_formula(self.formula, f"the activation {self.name}")

    @property
    def elementwise(self) -> bool:
        """Whether each unit depends only on its own pre-activation."""
        return self.formula is not None

    @property
    def values(self) -> Values | None:
        """The property that all values share, proved from the formula, or None."""
        if self.formula is not None:
            return values(self.formula)
        axes = (Axis(Symbol("n", integer=True, positive=True)), SAMPLE_AXIS)
        a, z = Tensor("a", "activation", axes), Tensor("z", "preactivation", axes)
        return values_of(self.equation(a, z, IndexSupply()))

    def applied(self, title: str) -> Any:
        """The function of an activation with a formula; ``title`` is its name in code."""
        return elementwise(title, self.formula, label=self.text or self.name)

    def equation(self, a: Tensor, z: Tensor, supply: IndexSupply, title: str = "") -> Equation:
        """State ``a = f(z)`` in index form; ``a`` and ``z`` are (units, samples).

        ``title`` is the name of f in code, by default the activation's name.
        """
        indices = supply.several(a.axes)
        unit, *rest = indices
        if self.formula is not None:
            value = self.applied(title or self.name)(z[indices])
        else:
            assert self.vector is not None
            value = self.vector(lambda i: z[(i, *rest)], unit, supply.fresh(z.axes[0]))
        return Equation(a, indices, value, "activation")


def activation(text: str) -> Activation:
    """Return the entry named by a text such as ``elu(alpha=1.4)``, with its options substituted.

    Raises SpecError for an unknown name or an invalid option.

    >>> activation("leaky_relu(slope=1/4)").formula
    Piecewise((x, x > 0), (x/4, True))
    """
    name, values = parse_entry("activation", "activations", text, ACTIVATIONS)
    entry = ACTIVATIONS[name]
    if entry.formula is None:
        return entry
    return replace(entry, formula=_filled(entry.formula, values), text=entry_text(name, values, entry.options))


def _filled(formula: Expr, values: dict[str, Fraction]) -> Expr:
    """Substitute the options into the formula, and factor out a number common to all terms of a case."""
    numbers = {Symbol(name): Rational(value) for name, value in values.items()}
    if not formula.free_symbols & set(numbers):
        return formula
    filled = formula.xreplace(numbers)
    return Piecewise(*((factor_terms(v), c) for v, c in filled.args)) if isinstance(filled, Piecewise) else filled


def titles(texts: Iterable[str]) -> dict[str, str]:
    """Return the name in code of each activation of a network, with options only if names would clash.

    >>> titles(["elu", "elu(alpha=1.4)", "leaky_relu(slope=1/3)"])
    {'elu': 'elu', 'elu(alpha=1.4)': 'elu_alpha_1_4', 'leaky_relu(slope=1/3)': 'leaky_relu'}
    """
    distinct = list(dict.fromkeys(texts))
    names = [base_name(text) for text in distinct]
    return {t: n if names.count(n) == 1 else _spelled(t) for t, n in zip(distinct, names, strict=True)}


def _spelled(text: str) -> str:
    """Turn a text with options into a Python identifier."""
    name, values = parse_entry("activation", "activations", text, ACTIVATIONS)
    said = [(o.name, values[o.name]) for o in ACTIVATIONS[name].options if values[o.name] != o.default]
    signs = str.maketrans({".": "_", "-": "_minus_", "/": "_over_"})
    return "_".join([name, *(f"{option}_{number_text(value).translate(signs)}" for option, value in said)])


def _softmax(z: Callable[[Expr], Expr], k: Expr, j: Expr) -> Expr:
    return exp(z(k)) / total(exp(z(j)), j)


_ALPHA, _SLOPE = Symbol("alpha"), Symbol("slope")

#: The scale and scale * alpha that preserve mean 0 and variance 1 (Klambauer et al. 2017).
_SCALE, _SCALED_ALPHA = Rational("1.05070098735548049"), Rational("1.75809934084737686")

ACTIVATIONS = {
    entry.name: entry
    for entry in (
        Activation("identity", "the pre-activation itself", formula=X, synonyms=("linear",)),
        Activation("sigmoid", "between 0 and 1", formula=1 / (1 + exp(-X)), synonyms=("logistic",)),
        Activation("tanh", "between -1 and 1", formula=tanh(X)),
        Activation("softsign", "between -1 and 1; approaches them more slowly than tanh", formula=X / (1 + Abs(X))),
        Activation(
            "hard_tanh",
            "linear between -1 and 1; its derivative at -1 and 1 is taken as 0",
            formula=Piecewise((-1, X <= -1), (X, X < 1), (1, True)),
            spelling="HardTanh",
        ),
        Activation(
            "relu",
            "0 below 0; its derivative at 0 is taken as 0",
            formula=Piecewise((X, X > 0), (0, True)),
            spelling="ReLU",
        ),
        Activation(
            "relu6",
            "ReLU up to 6; its derivative at 0 and 6 is taken as 0",
            formula=Piecewise((0, X <= 0), (X, X < 6), (6, True)),
            spelling="ReLU6",
        ),
        Activation(
            "leaky_relu",
            "ReLU with a small slope below 0; its derivative at 0 is taken as that below 0",
            formula=Piecewise((X, X > 0), (_SLOPE * X, True)),
            options=(Option("slope", Fraction(1, 100), "derivative below 0", least=0, below=1),),
            spelling="LeakyReLU",
        ),
        Activation(
            "elu",
            "exponential below 0; if alpha is not 1, its derivative at 0 is taken as alpha (Clevert et al. 2015)",
            formula=Piecewise((X, X > 0), (_ALPHA * (exp(X) - 1), True)),
            # not celu, which differs if alpha is not 1
            options=(Option("alpha", 1, "its limit at minus infinity is -alpha", above=0),),
            spelling="ELU",
        ),
        Activation(
            "selu",
            "ELU that keeps mean 0 and variance 1 (Klambauer et al. 2017)",
            formula=Piecewise((_SCALE * X, X > 0), (factor_terms(_SCALED_ALPHA * (exp(X) - 1)), True)),
            spelling="SELU",
        ),
        Activation("softplus", "a smooth ReLU", formula=log(1 + exp(X))),
        Activation(
            "gelu",
            "x times the normal distribution function at x (Hendrycks and Gimpel 2016)",
            formula=X * (1 + erf(X / sqrt(2))) / 2,
            spelling="GELU",
        ),
        Activation(
            "gelu_tanh",
            "GELU, approximated with tanh (Hendrycks and Gimpel 2016)",
            formula=X * (1 + tanh(sqrt(2 / pi) * (X + Rational("0.044715") * X**3))) / 2,
            spelling="GELUTanh",
        ),
        Activation("silu", "x times sigmoid(x)", formula=X / (1 + exp(-X)), synonyms=("swish",), spelling="SiLU"),
        Activation(
            "mish", "x times the tanh of softplus (Misra 2019)", formula=X * tanh(log(1 + exp(X))), spelling="Mish"
        ),
        Activation("exponential", "positive and unbounded, for counts", formula=exp(X)),
        Activation(
            "softmax",
            "positive, sums to 1 over the units; output layer only",
            vector=_softmax,
        ),
    )
}
