"""Optimizers: one entry with its elementwise update equations each.

To add an optimizer, add an entry to ``OPTIMIZERS``: its state arrays for each parameter
with their update rules, and the update rule of the parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from sympy import Expr, sqrt

from derive.calculus.index import Tensor
from derive.record import record
from derive.text.entry_text import Option

#: The learning rate, a scalar given at every step.
LEARNING_RATE = Tensor("learning rate", "learning_rate")

#: Scalars by name: the options of an entry, and the numbers that it computes once per step.
Numbers = Mapping[str, Expr]


@record
class Kept:
    """A state array for each parameter, with the parameter's shape, that starts at 0.

    ``after(before, g, eta, n)`` is its new value; ``role`` identifies it in notations and in code.
    """

    role: str
    after: Callable[[Expr, Expr, Expr, Numbers], Expr]


@record
class Once:
    """A number computed once per step, ``value(t, n)``, where ``t`` is the number of the step, from 1."""

    name: str
    value: Callable[[Expr, Numbers], Expr]


@record
class Optimizer:
    """An optimizer; ``step(w, g, eta, kept, n)`` is an entry of the parameter after one step.

    ``g`` is the entry of the gradient, ``eta`` the learning rate, ``kept`` maps roles to the updated
    state arrays, ``n`` holds the options and the numbers of ``once``. ``source`` is the publication of
    the equations, ``note`` compares other implementations, ``synonyms`` are their names for it. ``spelling`` is
    its name in papers if it differs, ``rate`` the learning rate of examples that give none.
    """

    name: str
    what: str
    source: str
    step: Callable[[Expr, Expr, Expr, Numbers, Numbers], Expr]
    kept: tuple[Kept, ...] = ()
    once: tuple[Once, ...] = ()
    options: tuple[Option, ...] = ()
    note: str = ""
    synonyms: tuple[str, ...] = ()
    spelling: str = ""
    rate: float = 0.001

    @property
    def title(self) -> str:
        """Its name in documents."""
        return self.spelling or self.name

    @property
    def summary(self) -> str:
        """Its description, its source, and a comparison with other implementations."""
        return f"{self.what} ({self.source}){f'; {self.note}' if self.note else ''}"

    @property
    def is_plain(self) -> bool:
        """Whether a step depends only on the current gradient."""
        return not self.kept and not self.once


def _share(name: str, default: Fraction | str, meaning: str) -> Option:
    """An option in [0, 1), also after rounding to a float."""
    return Option(name, Fraction(default), meaning, least=0, most=Fraction(999_999_999_999, 1_000_000_000_000))


def _epsilon(default: str) -> Option:
    """The option that is added to a root to avoid division by zero, even in float32."""
    return Option(
        "epsilon", Fraction(default), "added to the root, against division by 0", least=Fraction("1e-30"), most=1
    )


def _velocity(v: Expr, g: Expr, eta: Expr, n: Numbers) -> Expr:
    return n["mu"] * v - eta * g


def _mean(u: Expr, g: Expr, eta: Expr, n: Numbers) -> Expr:
    return n["beta1"] * u + (1 - n["beta1"]) * g


def _mean_square(v: Expr, g: Expr, eta: Expr, n: Numbers) -> Expr:
    return n["beta2"] * v + (1 - n["beta2"]) * g**2


def _adam_step(kept: Numbers, n: Numbers) -> Expr:
    mean, square = kept["mean"] / n["correction1"], kept["mean_square"] / n["correction2"]
    return mean / (sqrt(square) + n["epsilon"])


_MU = _share("mu", "0.9", "fraction of a step that is kept in the next one")
_MOMENTS = (Kept("mean", _mean), Kept("mean_square", _mean_square))
_CORRECTIONS = (
    Once("correction1", lambda t, n: 1 - n["beta1"] ** t),
    Once("correction2", lambda t, n: 1 - n["beta2"] ** t),
)
_BETAS = (
    _share("beta1", "0.9", "decay rate of the first moment"),
    _share("beta2", "0.999", "decay rate of the second moment"),
)

OPTIMIZERS = {
    entry.name: entry
    for entry in (
        Optimizer(
            "sgd", "gradient descent", "Cauchy 1847", lambda w, g, eta, kept, n: w - eta * g, spelling="SGD", rate=0.5
        ),
        Optimizer(
            "momentum",
            "a step keeps a fraction of the step before it",
            "Polyak 1964, as in Rumelhart, Hinton and Williams 1986",
            lambda w, g, eta, kept, n: w + kept["velocity"],
            kept=(Kept("velocity", _velocity),),
            options=(_MU,),
            note="Keras and scikit-learn compute the same; PyTorch multiplies by the rate last, which differs only "
            "while the rate changes",
            rate=0.1,
        ),
        Optimizer(
            "nesterov",
            "momentum with the gradient taken at the point where the step leads",
            "Nesterov 1983, as in Sutskever et al. 2013",
            lambda w, g, eta, kept, n: w + n["mu"] * kept["velocity"] - eta * g,
            kept=(Kept("velocity", _velocity),),
            options=(_MU,),
            note="the parameters are those at which the gradient is taken, as in Keras, PyTorch and scikit-learn",
            spelling="Nesterov momentum",
            rate=0.1,
        ),
        Optimizer(
            "adagrad",
            "divides each entry of the gradient by the root of the sum of its squares",
            "Duchi, Hazan and Singer 2011",
            lambda w, g, eta, kept, n: w - eta * g / (sqrt(kept["square_sum"]) + n["epsilon"]),
            kept=(Kept("square_sum", lambda s, g, eta, n: s + g**2),),
            options=(_epsilon("1e-10"),),
            note="ε stands outside the root, as in PyTorch; Keras has it inside, and starts the sum at 0.1",
            spelling="AdaGrad",
            rate=0.01,
        ),
        Optimizer(
            "rmsprop",
            "divides each entry of the gradient by the root of the running mean of its squares",
            "Tieleman and Hinton 2012",
            lambda w, g, eta, kept, n: w - eta * g / (sqrt(kept["mean_square"]) + n["epsilon"]),
            kept=(Kept("mean_square", lambda v, g, eta, n: n["rho"] * v + (1 - n["rho"]) * g**2),),
            options=(_share("rho", "0.9", "decay rate of the second moment"), _epsilon("1e-8")),
            note="ε stands outside the root, as in PyTorch, whose rho is 0.99; Keras has it inside",
            spelling="RMSprop",
        ),
        Optimizer(
            "adam",
            "running means of the gradients and of their squares, corrected for their start at 0",
            "Kingma and Ba 2015",
            lambda w, g, eta, kept, n: w - eta * _adam_step(kept, n),
            kept=_MOMENTS,
            once=_CORRECTIONS,
            options=(*_BETAS, _epsilon("1e-8")),
            note="ε stands outside the root of the corrected mean, as in PyTorch; Keras adds it before the correction",
            spelling="Adam",
        ),
        Optimizer(
            "adamw",
            "Adam with decoupled weight decay, which the running means do not see",
            "Loshchilov and Hutter 2019",
            lambda w, g, eta, kept, n: w - eta * (_adam_step(kept, n) + n["weight_decay"] * w),
            kept=_MOMENTS,
            once=_CORRECTIONS,
            options=(
                *_BETAS,
                _epsilon("1e-8"),
                Option(
                    "weight_decay",
                    Fraction("0.01"),
                    "strength of the weight decay, of all parameters, biases too",
                    least=0,
                ),
            ),
            note="ε as in Adam; the weight decay is multiplied by the learning rate and includes biases, as in PyTorch",
            spelling="AdamW",
        ),
    )
}
