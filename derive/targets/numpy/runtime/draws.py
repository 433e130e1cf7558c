"""What is drawn anew in each step of training, and its mean, which it has elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from derive.targets.numpy.runtime.values import Array

#: A distribution: its name, and its numbers.
_Law = tuple[Any, ...]
#: How the distributions are drawn from.
_LAWS: dict[str, Callable[..., Array]] = {
    "bernoulli": lambda draw, shape, share: draw.random(shape) < share,
    "normal": lambda draw, shape, mean, deviation: draw.normal(mean, deviation, shape),
}


def _entries(
    law: _Law, shape: tuple[int, ...], dtype: Any, draw: np.random.Generator | None
) -> Array:
    """Entries that are drawn; or their mean, the first number of each distribution."""
    name, *numbers = law
    if draw is None:
        return np.full(shape, numbers[0], dtype)
    return _LAWS[name](draw, shape, *numbers).astype(dtype)
