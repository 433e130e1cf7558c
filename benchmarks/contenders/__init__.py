"""Who takes part in `benchmarks/trainer.py`: each a class that trains one case, in its own way.

    Contender(case, samples)    # ImportError if a library is absent, NotApplicable if it has no form for the case
    .run(steps)                 # train on batch after batch; returns how many steps were taken (fit: whole epochs)
    .parameters()               # [W1, b1, W2, ...], W of shape (to, from)

All start from `case.parameters()`, learn from `case.data(samples)` in the order of the rows, in
`case.dtype`, with plain gradient descent, and compute the error of every step. Those that are handed
batches get them cut out and laid out as they want them; only `fit` gathers its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from contenders import by_hand, floors, frameworks, ours, scalars, tuned
from contenders.cases import CASES, Array, Case, NotApplicable

__all__ = ["CASES", "FLOOR", "OURS", "RIVALS", "Array", "Case", "Contender", "Maker", "NotApplicable"]


class Contender(Protocol):
    """What is measured."""

    def run(self, steps: int) -> int: ...

    def parameters(self) -> list[Array]: ...


Maker = Callable[[Case, int], Contender]

OURS: dict[str, Maker] = {"ours: fit": ours.Fit, "ours: its steps": ours.Steps}

RIVALS: dict[str, Maker] = {
    "NumPy by hand": by_hand.ByHand,
    "NumPy tuned": tuned.tuned,
    "NumPy and SciPy tuned": tuned.with_scipy,
    "scalars": scalars.Scalars,
    "JAX jit": frameworks.Jax,
    "PyTorch eager": frameworks.Torch,
    "scikit-learn": frameworks.ScikitLearn,
}

FLOOR: Maker = floors.floor
