"""Weight initialisations: one entry with one formula for the variance each.

To add an initialisation, add an entry to ``INITIALISATIONS``.
"""

from __future__ import annotations

from collections.abc import Callable

from sympy import Expr, Integer, Symbol

from derive.calculus.reading_order import fraction
from derive.record import record

#: The numbers of inputs and of units of a layer.
INPUTS = Symbol("inputs", integer=True, positive=True)
UNITS = Symbol("units", integer=True, positive=True)


@record
class Initialisation:
    """Weight initialisation of a layer; biases start at 0.

    ``kind`` is ``uniform`` or ``normal``, both with mean 0 and the ``variance(inputs, units)``
    of a layer, or ``orthogonal``, or ``zeros``. ``source`` is its publication, ``synonyms``
    are its names elsewhere.
    """

    name: str
    what: str
    source: str
    kind: str
    variance: Callable[[Expr, Expr], Expr] | None = None
    synonyms: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Its purpose and its source."""
        return f"{self.what} ({self.source})" if self.source else self.what

    @property
    def phrase(self) -> str:
        """A description that follows the words ``weights are``."""
        words = {"zeros": "zero", "orthogonal": "random and orthogonal"}
        said = words.get(self.kind, f"drawn from a {self.kind} distribution")
        return f"{said} ({self.source})" if self.source else said

    @property
    def spread(self) -> tuple[Expr, Expr]:
        """Numerator and denominator of the variance in terms of ``INPUTS`` and ``UNITS``; 0 and 1 without one."""
        return (Integer(0), Integer(1)) if self.variance is None else fraction(self.variance(INPUTS, UNITS))


def _glorot(inputs: Expr, units: Expr) -> Expr:
    return 2 / (inputs + units)


def _he(inputs: Expr, units: Expr) -> Expr:
    return 2 / inputs


def _lecun(inputs: Expr, units: Expr) -> Expr:
    return 1 / inputs


def _spread(
    name: str, summary: str, source: str, variance: Callable[[Expr, Expr], Expr], *others: str
) -> list[Initialisation]:
    """Return an entry for each of the two distributions; ``others`` are synonyms."""
    return [
        Initialisation(f"{name}_{kind}", summary, source, kind, variance, tuple(f"{o}_{kind}" for o in others))
        for kind in ("uniform", "normal")
    ]


INITIALISATIONS = {
    entry.name: entry
    for entry in (
        *_spread("glorot", "for tanh and sigmoid", "Glorot and Bengio 2010", _glorot, "xavier"),
        *_spread("he", "for ReLU and similar activations", "He et al. 2015", _he, "kaiming"),
        *_spread("lecun", "for inputs of unit variance, and for SELU", "LeCun et al. 1998", _lecun),
        Initialisation(
            "orthogonal",
            "rows, or columns if these are fewer, of length 1 at right angles",
            "Saxe, McClelland and Ganguli 2014",
            "orthogonal",
        ),
        Initialisation("zeros", "all weights 0, for a single layer: hidden units would stay equal", "", "zeros"),
    )
}
