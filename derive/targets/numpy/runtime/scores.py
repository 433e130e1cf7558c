"""How well outputs predict numbers, as shares of what a constant prediction misses.

Each entry of the targets counts as its share: the weight of its sample, 0 if missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from derive.targets.numpy.runtime.values import Array


def _r2(targets: Array, outputs: Array, share: Array) -> float:
    """R^2, the mean over the columns."""
    return _less_missed(targets, outputs, share, _mean(targets, share), np.square)


def _mean(targets: Array, share: Array) -> Array:
    """The mean of each column; 0 where nothing counts."""
    counted = np.maximum(np.sum(share, axis=0), 1e-300)
    found: Array = np.sum(share * targets, axis=0) / counted
    return found


def _d2_pinball(
    targets: Array, outputs: Array, share: Array, taus: Sequence[float]
) -> float:
    """D^2 of the pinball loss: the mean over the quantiles, which follow each other."""
    count, found = targets.shape[1], []
    for number, tau in enumerate(taus):
        columns = outputs[:, number * count : (number + 1) * count]

        def missed(d: Array, tau: float = tau) -> Array:
            return np.maximum(tau * d, (tau - 1) * d)

        each = zip(targets.T, share.T, strict=True)
        best = np.array([_quantile(*column, tau) for column in each])
        found.append(_less_missed(targets, columns, share, best, missed))
    return float(np.mean(found))


def _quantile(values: Array, share: Array, tau: float) -> float:
    """A quantile; with unequal shares, the first value at which they add up to it."""
    values, share = values[share > 0], share[share > 0]
    if not len(values):
        return 0.0
    if np.all(share == share[0]):
        return float(np.quantile(values, tau))
    order = np.argsort(values)
    sums = np.cumsum(share[order])
    place = np.searchsorted(sums, tau * sums[-1])
    return float(values[order][min(place, len(values) - 1)])


def _less_missed(
    targets: Array,
    outputs: Array,
    share: Array,
    best: Array,
    missed: Callable[[Array], Array],
) -> float:
    lost = np.sum(share * missed(targets - outputs), axis=0)
    return _share(lost, np.sum(share * missed(targets - best), axis=0))


def _d2_deviance(targets: Array, outputs: Array, share: Array, power: float) -> float:
    """D^2 of the deviance of a power, the mean over the columns."""
    mean = np.broadcast_to(_mean(targets, share), targets.shape)
    with np.errstate(all="ignore"):  # a mean of 0 is that of targets that are all 0
        lost, most = (_deviance(targets, o, share, power) for o in (outputs, mean))
    return _share(lost, np.where(mean[0] == 0, 0.0, most))


def _deviance(targets: Array, outputs: Array, share: Array, power: float) -> Array:
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
    found: Array = np.sum(np.where(share > 0, share * terms, 0), axis=0)
    return found


def _mean_cosine(targets: Array, outputs: Array, weights: Array) -> float:
    """The mean over the samples of the cosine of targets and outputs; 0 for zeros."""
    lengths = np.linalg.norm(targets, axis=1) * np.linalg.norm(outputs, axis=1)
    products = np.sum(targets * outputs, axis=1)
    cosines = products / np.where(lengths == 0, 1, lengths)
    return float(np.average(cosines, weights=weights))


def _share(lost: Array, most: Array) -> float:
    """The mean of 1 - lost / most; where most is 0, 1 if nothing is lost, else 0."""
    alike = np.where(lost == 0, 1.0, 0.0)
    explained = 1 - lost / np.where(most == 0, 1, most)
    return float(np.mean(np.where(most == 0, alike, explained)))
