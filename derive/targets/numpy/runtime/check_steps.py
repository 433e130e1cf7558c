"""The check of steps: those of `fit` beside those of `update`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from derive.targets.numpy.runtime.check import _largest
from derive.targets.numpy.runtime.network import Network
from derive.targets.numpy.runtime.steps import Steps, _Fast
from derive.targets.numpy.runtime.values import (
    Array,
    Parameters,
    _checked_rate,
    _copied,
    _positive_integer,
)


def compare_steps(
    network: Network,
    faster: Steps | None,
    parameters: Parameters,
    *data: ArrayLike,
    steps: int = 5,
    learning_rate: float = 0.01,
    state: Parameters | None = None,
) -> float:
    """How far the steps of `Trainer.fit` are from those of `update`.

    Each takes a step with all samples, one with half of them, one with a single sample,
    and `steps` steps with a single sample each, at a learning rate so small that no
    difference grows. The difference of an array is relative to its largest entry, that
    of the errors also to the largest number of the forward pass. It is divided by the
    growth of a rounding error in the parameters. The first step starts from `state`, by
    default the initial one. Raises ValueError or TypeError as `update` does.
    """
    network.check_parameters(parameters)
    state = network.initial_state(parameters) if state is None else state
    network.check_state(parameters, state)
    parameters = {name: value.astype(np.float64) for name, value in parameters.items()}
    rows = network.data.counted(network.data.rows(network.stored(parameters, data)))
    rate, count = _checked_rate(learning_rate), _positive_integer(steps, "steps")
    if faster is None or faster.change(network):
        return 0.0  # fit takes its steps with update
    samples = np.arange(network.data.samples(rows))
    alone = np.resize(samples, (count, 1))
    compared = _Apart(network, faster, parameters, state, rows)
    with np.errstate(all="ignore"):
        after = compared.stepped(parameters, alone[:1], rate)
        change = max(_distance(after[n], value) for n, value in parameters.items())
        slow = rate * min(1.0, 1e-3 / change) if change > 0 else rate
        half = samples[None, : (len(samples) + 1) // 2]
        each = ((samples[None], rate), (half, rate), (alone[:1], rate), (alone, slow))
        return float(np.max([compared.worst(*how) for how in each]))


class _Apart(NamedTuple):
    """Two renderings of the same steps, from the same point."""

    network: Network
    faster: Steps
    parameters: Parameters
    state: Parameters
    rows: Sequence[Array]

    def worst(self, batches: Array, rate: float) -> float:
        """The worst difference between the two renderings after these steps."""
        stated = self.stepped(self.parameters, batches, rate)
        second, kept = _copied(self.parameters), _copied(self.state)
        steps = _Fast(self.faster, self.network, second, kept, batches.shape[1])
        rows = [np.ascontiguousarray(array) for array in self.rows]
        errors = steps.run(steps.arranged(rows), batches, rate, np.random.default_rng)
        steps.store(second, kept)
        found = _together(second, kept, errors)
        signs = np.random.default_rng(0)
        nudged = {
            name: value * (1 + 2.0**-52 * signs.choice([-1, 1], value.shape))
            for name, value in self.parameters.items()
        }
        moved = self.stepped(nudged, batches, rate)
        data = self.network.filled(self.parameters, self.rows)
        terms = max(map(_largest, self.network.values(self.parameters, data).values()))
        off = []
        for name, value in stated.items():
            least = terms if name == "the errors" else 1e-290
            grown = _distance(moved[name], value, least) / 2.0**-52
            off.append(_distance(found[name], value, least) / np.maximum(grown, 1))
        return float(np.max(off))

    def stepped(
        self, parameters: Parameters, batches: Array, rate: float
    ) -> Parameters:
        """What there is after a step by `update` for each batch."""
        now, kept = _copied(parameters), _copied(self.state)
        network, chosen = self.network, self.network.data.chosen
        errors = []
        for number, batch in enumerate(batches):
            draw = np.random.default_rng(number)
            data = network.filled(now, chosen(self.rows, batch), draw)
            errors.append(network.step(now, kept, data, rate))
        return _together(now, kept, errors)


def _together(parameters: Parameters, state: Parameters, errors: Any) -> Parameters:
    """All arrays that steps leave, each with a name of its own."""
    kept = {f"state {name}": value for name, value in state.items()}
    return {**parameters, **kept, "the errors": np.array(errors)}


def _distance(one: Array, other: Array, least: float = 1e-290) -> Any:
    """The largest difference, relative to the other's largest entry, or to `least`.

    Entries that are finite in neither array are not compared.
    """
    counted = np.isfinite(one) | np.isfinite(other)
    largest = np.max(np.abs(other), where=counted, initial=least)
    return np.max(np.abs(one - other), where=counted, initial=0.0) / largest
