"""Losses: one entry, one forward formula with its normalisation.

To add a loss, add an entry to ``LOSSES``: the error of one output of one
sample, and what the sum over outputs (K) and samples (m) is multiplied by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Expr, Rational, log

from derive.forward import SAMPLES, SumsToOne
from derive.index import Equation, IndexSupply, Tensor, total


@dataclass(frozen=True)
class Loss:
    """``E = scale(m, K) * sum over samples and outputs of term(y, y_hat)``.

    ``phrase`` names the loss in the middle of a sentence. ``needs`` are the output
    activations it is defined for (empty: any), and ``one_hot`` says that the targets of
    each sample must sum to 1, a fact that the derivation may use.
    """

    name: str
    phrase: str
    summary: str
    term: Callable[[Expr, Expr], Expr]
    scale: Callable[[Expr, Expr], Expr]
    needs: tuple[str, ...] = ()
    one_hot: bool = False

    def equation(self, error: Tensor, y: Tensor, y_hat: Tensor, supply: IndexSupply) -> Equation:
        """State the error in index form; ``y`` and ``y_hat`` are (outputs, samples)."""
        indices = supply.several(y.axes)
        outputs = y.axes[0].extent
        body = self.term(y[indices], y_hat[indices])
        value = self.scale(SAMPLES, outputs) * total(body, *indices)
        return Equation(error, (), value, "error")

    def promises(self, y: Tensor) -> tuple[SumsToOne, ...]:
        """What the derivation may assume about the targets."""
        return (SumsToOne(y),) if self.one_hot else ()


def _square(y: Expr, y_hat: Expr) -> Expr:
    return (y - y_hat) ** 2


def _bernoulli(y: Expr, y_hat: Expr) -> Expr:
    return y * log(y_hat) + (1 - y) * log(1 - y_hat)


def _categorical(y: Expr, y_hat: Expr) -> Expr:
    return y * log(y_hat)


LOSSES = {
    entry.name: entry
    for entry in (
        Loss("mse", "mean squared error", "mean of the squared errors", _square, lambda m, k: 1 / (m * k)),
        Loss(
            "half_mse",
            "half the squared error, averaged over the samples",
            "half the squared error, mean over the samples",
            _square,
            lambda m, k: 1 / (2 * m),
        ),
        Loss("sse", "sum of squared errors", "sum of the squared errors", _square, lambda m, k: Rational(1)),
        Loss(
            "half_sse",
            "half the sum of squared errors",
            "half the sum of the squared errors",
            _square,
            lambda m, k: Rational(1, 2),
        ),
        Loss(
            "binary_cross_entropy",
            "binary cross-entropy",
            "for outputs that are probabilities, each on its own",
            _bernoulli,
            lambda m, k: -1 / m,
            needs=("sigmoid",),
        ),
        Loss(
            "cross_entropy",
            "cross-entropy",
            "for outputs that are the probabilities of one of K classes",
            _categorical,
            lambda m, k: -1 / m,
            needs=("softmax",),
            one_hot=True,
        ),
    )
}
