"""Distributions of what is drawn anew in each step of training. Anywhere else it has its mean.

A random tensor is an input to the chain rule: gradients take it as it is. It therefore is no ``Mask``, even if it has
only zeros and ones: a prediction reads its mean in the same equations, and m**2 = m does not hold for the mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from derive.calculus.index import Tensor
from derive.calculus.promises import Mask, Promise
from derive.calculus.roles import Role


@dataclass(frozen=True)
class Drawn(Promise):
    """What is known of a random tensor: its entries are drawn independently of each other, with these ``numbers``."""

    numbers: tuple[Fraction, ...] = ()

    #: How a text calls the distribution, and its numbers.
    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    example: ClassVar[str]
    #: What an entry is, with holes for the numbers.
    words: ClassVar[str]

    @property
    def mean(self) -> Fraction:
        """The mean of an entry."""
        return self.numbers[0]

    @property
    def refusal(self) -> str:
        """Why there is no such distribution, and what would be right; empty if there is."""
        raise NotImplementedError


@dataclass(frozen=True)
class Bernoulli(Drawn):
    """1 with a probability, and otherwise 0."""

    name = "bernoulli"
    needs = ("the probability of 1",)
    example = "bernoulli(0.5)"
    words = "1 with the probability {}, otherwise 0"

    @property
    def refusal(self) -> str:
        """Why there is no such distribution: with the probability 0, there would be nothing to draw."""
        return "" if 0 < self.numbers[0] <= 1 else "the probability of 1 must be above 0, and 1 at most"

    def kept(self, drawn: Any) -> Any:
        """Zeros and ones, with a one in each row along each axis."""
        return Mask(self.tensor).kept(drawn)

    def broken(self, values: Any) -> Any:
        """Whether an entry is neither 0 nor 1."""
        return Mask(self.tensor).broken(values)

    @property
    def wanted(self) -> str:
        """What an entry must be."""
        return "be 0 or 1"


@dataclass(frozen=True)
class Normal(Drawn):
    """Normally distributed, with a mean and a standard deviation."""

    name = "normal"
    needs = ("the mean", "the standard deviation")
    example = "normal(0, 0.1)"
    words = "normally distributed with the mean {} and the standard deviation {}"

    @property
    def refusal(self) -> str:
        """Why there is no such distribution."""
        return "" if self.numbers[1] >= 0 else "the standard deviation must be at least 0"

    def kept(self, drawn: Any) -> Any:
        """Numbers within two standard deviations of the mean."""
        mean, deviation = map(float, self.numbers)
        return mean + deviation * (4 * drawn - 2)

    @property
    def wanted(self) -> str:
        """What an entry must be."""
        return "be a number"


#: The distributions by their names in a text.
DISTRIBUTIONS: dict[str, type[Drawn]] = {kind.name: kind for kind in (Bernoulli, Normal)}


def drawn_of(promises: Iterable[Promise], tensors: Iterable[Tensor]) -> dict[str, Drawn]:
    """The distribution of each random tensor, by its name, in the order of the ``tensors``."""
    known = {p.tensor.name: p for p in promises if isinstance(p, Drawn)}
    return {t.name: known[t.name] for t in tensors if t.role == Role.RANDOM}
