"""How well outputs predict numbers, as shares of what a constant prediction misses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from derive.targets.numpy.runtime.values import Array


def _r2(targets: Array, outputs: Array) -> float:
    """R^2, the mean over the columns."""
    return _less_missed(targets, outputs, targets.mean(axis=0), np.square)


def _d2_pinball(targets: Array, outputs: Array, shares: Sequence[float]) -> float:
    """D^2 of the pinball loss: the mean over the quantiles, which follow each other."""
    count, found = targets.shape[1], []
    for number, share in enumerate(shares):
        columns = outputs[:, number * count : (number + 1) * count]

        def missed(d: Array, share: float = share) -> Array:
            return np.maximum(share * d, (share - 1) * d)

        best = np.quantile(targets, share, axis=0)
        found.append(_less_missed(targets, columns, best, missed))
    return float(np.mean(found))


def _less_missed(
    targets: Array, outputs: Array, best: Array, missed: Callable[[Array], Array]
) -> float:
    lost = np.sum(missed(targets - outputs), axis=0)
    return _share(lost, np.sum(missed(targets - best), axis=0))


def _d2_deviance(targets: Array, outputs: Array, power: float) -> float:
    """D^2 of the deviance of a power, the mean over the columns."""
    mean = np.broadcast_to(targets.mean(axis=0), targets.shape)
    with np.errstate(all="ignore"):  # a mean of 0 is that of targets that are all 0
        lost, most = (_deviance(targets, o, power) for o in (outputs, mean))
    return _share(lost, np.where(mean[0] == 0, 0.0, most))


def _deviance(targets: Array, outputs: Array, power: float) -> Array:
    """Half the sum of the deviances of each column."""
    ratio = np.where(targets == 0, 1.0, targets / outputs)
    if power == 2:
        terms = ratio - 1 - np.log(ratio)
    elif power == 1:
        terms = targets * np.log(ratio) - targets + outputs
    else:
        one, two = 1 - power, 2 - power
        terms = targets**two / (one * two) - targets * outputs**one / one
        terms += outputs**two / two
    found: Array = np.sum(terms, axis=0)
    return found


def _mean_cosine(targets: Array, outputs: Array) -> float:
    """The mean over the samples of the cosine of targets and outputs; 0 for zeros."""
    lengths = np.linalg.norm(targets, axis=1) * np.linalg.norm(outputs, axis=1)
    products = np.sum(targets * outputs, axis=1)
    return float(np.mean(products / np.where(lengths == 0, 1, lengths)))


def _share(lost: Array, most: Array) -> float:
    """The mean of 1 - lost / most; where most is 0, 1 if nothing is lost, else 0."""
    alike = np.where(lost == 0, 1.0, 0.0)
    explained = 1 - lost / np.where(most == 0, 1, most)
    return float(np.mean(np.where(most == 0, alike, explained)))
