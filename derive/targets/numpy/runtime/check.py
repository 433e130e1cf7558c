"""The check of gradients and of steps."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from derive.targets.numpy.runtime.data import _at, _Datum, _width
from derive.targets.numpy.runtime.network import FAILURES, FUNCTIONS, Network
from derive.targets.numpy.runtime.steps import Steps, _Fast
from derive.targets.numpy.runtime.values import (
    Array,
    Parameters,
    Seed,
    _checked_rate,
    _copied,
    _generator,
    _positive_integer,
)

#: How data of a kind are drawn for an example.
_DRAWN: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "real": lambda draw, shape: draw.normal(0, 1, shape),
    "unit": lambda draw, shape: draw.uniform(0, 1, shape),
    "signs": lambda draw, shape: draw.choice([-1.0, 1.0], shape),
    "counts": lambda draw, shape: draw.integers(0, 6, shape).astype(np.float64),
    "mask": lambda draw, shape: (draw.uniform(0, 1, shape) < 0.75).astype(np.float64),
    "positive": lambda draw, shape: draw.uniform(0.5, 1.5, shape),
    "chances": lambda draw, shape: draw.uniform(0.1, 0.9, shape),
}


def draw_example(network: Network, samples: int = 7, seed: int = 0) -> tuple[Any, ...]:
    """Random parameters (biases too), inputs and targets, to check gradients with.

    Parameters and inputs are smaller where the error or all its slopes would be out of
    range.
    """
    samples, generator = _positive_integer(samples, "samples"), _generator(seed)
    widths = {name: 3 + number for number, name in enumerate(network.widths)}
    parameters = network.checked_initial_parameters(seed, **widths)
    network.check_parameters(parameters)
    for name, value in parameters.items():
        value += generator.normal(0, 0.1, value.shape)
        if name in network.kinds:
            how = network.kinds[name], network.over.get(name, 0)
            value[...] = _of_kind(*how, value.shape, generator)
    sizes = network.sizes(parameters)
    data = [_drawn(datum, samples, sizes, generator) for datum in network.data.all]
    for scale in (1.0, 1e-2, 1e-4):
        drawn = network.scaled(parameters, scale)
        smaller = network.data.scaled(data, scale)
        with np.errstate(all="ignore"):
            error = network.measured(drawn, *smaller)
            slopes = network.differentiated(drawn, *smaller)
            if math.isfinite(error) and any(map(np.any, slopes.values())):
                return drawn, *smaller
    return parameters, *data


def _drawn(
    datum: _Datum, samples: int, sizes: dict[str, int], generator: np.random.Generator
) -> Array:
    """Random data; a width that no parameter has gets a number of its own."""
    for extent in datum.shape:
        if isinstance(extent, str):
            sizes.setdefault(_width(extent)[0], 3 + len(sizes))
    shape = tuple(samples if e is None else _at(e, sizes) for e in datum.shape)
    if datum.places is not None:
        extent, start = datum.places
        return start + generator.integers(0, _at(extent, sizes), shape)
    kind = "unit" if datum.target and datum.kind == "real" else datum.kind
    found = _of_kind(kind, datum.over, shape, generator)
    if kind == "mask":  # whatever it is summed over, something is left
        for axis, extent in enumerate(datum.shape):
            if extent is not None:
                np.moveaxis(found, axis, 0)[0] = 1
    return found


def _of_kind(
    kind: str, over: int, shape: tuple[int, ...], generator: np.random.Generator
) -> Array:
    """Random numbers of a kind; those of an axis sum to 1 if they are shares."""
    if kind == "classes":
        others = shape[:over] + shape[over + 1 :]
        one_hot = np.eye(shape[over])[generator.integers(0, shape[over], others)]
        return np.ascontiguousarray(np.moveaxis(one_hot, -1, over))
    found = _DRAWN["positive" if kind == "shares" else kind](generator, shape)
    return found / np.sum(found, over, keepdims=True) if kind == "shares" else found


def compare_gradients(
    network: Network,
    parameters: Parameters,
    *data: ArrayLike,
    entries: int | None = None,
    seed: Seed = 0,
) -> dict[str, tuple[float, float]]:
    """The worst difference of each gradient from two ways to measure it.

    These are the complex step and central differences. Both differences are relative
    to the largest entry of that gradient. Where that from the complex step is more than
    1e-12, it is relative to at least the rounding of these sums, which is measured.
    That from central differences, which cannot resolve a slope far smaller than the
    others or than the error, is relative to at least a thousandth of these (where they
    all are 0 but for rounding, to a hundredth of the largest number on the way there).
    `entries` limits how many entries of each parameter are checked one by one
    (drawn from `seed`); one random direction through all of them is checked in any
    case. A central difference across a kink of a function, or over more than the error
    is straight, measures no slope, and is left out. All is computed in float64. Raises
    what `gradients` does.
    """
    return gradient_report(network, parameters, *data, entries=entries, seed=seed)[0]


def gradient_report(
    network: Network,
    parameters: Parameters,
    *data: ArrayLike,
    entries: int | None = None,
    seed: Seed = 0,
) -> tuple[dict[str, tuple[float, float]], int, int]:
    """What `compare_gradients` finds; how many central differences were left out."""
    network.check_parameters(parameters)
    wide = {name: value.astype(np.float64) for name, value in parameters.items()}
    stored = network.stored(wide, data)
    if entries is not None:
        entries = _positive_integer(entries, "entries", least=0)
    slopes, generator = _Slopes(network, wide, stored), _generator(seed)
    found = {name: slopes.worst(name, entries, generator) for name in slopes.exact}
    return found, slopes.left_out, slopes.measured


def resolved(
    network: Network, parameters: Parameters, data: Sequence[Array], slopes: Parameters
) -> float:
    """The smallest slope that central differences resolve beside the others."""
    values = network.values(parameters, data)
    error = float(network.error(parameters, *data, values))
    largest = max(abs(error), *map(_largest, slopes.values()))
    terms = max(map(_largest, values.values()), default=0.0)
    return 1e-3 * largest if largest > 1e-9 * terms else 1e-2 * terms


def _largest(values: Array) -> float:
    return float(np.max(np.abs(values)))


class _Slopes:
    """The gradients at a point beside the slopes of the error that are measured."""

    def __init__(
        self, network: Network, parameters: Parameters, data: Sequence[Array]
    ) -> None:
        """Compute the gradients at a point."""
        self.network, self.parameters, self.data = network, parameters, data
        self.exact = network.differentiated(parameters, *data)
        self.resolved = resolved(network, parameters, data, self.exact)
        self.left_out = self.measured = 0

    def worst(
        self, name: str, entries: int | None, generator: np.random.Generator
    ) -> tuple[float, float]:
        """How far a gradient is from the complex step and from central differences."""
        gradient, worst = self.exact[name], [0.0, 0.0]
        largest = max(float(np.max(np.abs(gradient))), 1e-290)
        coarse = max(largest, self.resolved)
        for direction in _directions(gradient.shape, entries, generator):
            slope = float(np.sum(gradient * direction))
            length = float(np.sqrt(np.sum(direction**2)))
            measured = self.slopes(name, direction)
            if len(measured) == 2 and abs(measured[1] - slope) > 1e-6 * coarse * length:
                # A step twice as wide changes what comes of rounding or of a kink.
                wide = self.central(name, direction, 2e-6)
                steady = abs(wide - measured[1]) < 0.1 * abs(measured[1] - slope)
                measured = measured[: 2 if steady else 1]
            self.measured += 1
            self.left_out += len(measured) < 2
            for kind, found in enumerate(measured):
                off = abs(found - slope) / length
                scale = coarse if kind else largest
                if off > 1e-12 * largest and not kind:
                    # Rounding may leave more than that of a sum that cancels.
                    rounding = self.rounding(name, direction, found)
                    scale = max(largest, 1e13 * rounding)
                off /= scale
                worst[kind] = off if not off <= worst[kind] else worst[kind]
        return worst[0], worst[1]

    def slopes(
        self, name: str, direction: Array, parameters: Parameters | None = None
    ) -> list[float]:
        """The error's slope along a direction, by complex step and central differences.

        The second is left out where a kink lies between its two points, both are where
        it lies at the point itself: what the slope is there is a choice.
        """
        small, tiny = 1e-6, 1e-20
        start = self.parameters if parameters is None else parameters
        moved = (_moved(start, name, s * direction) for s in (0, small, -small))
        here, up, down = (self.sides(at) for at in moved)
        if any(np.any((a == 0) & (b != 0)) for a, b in zip(here, up, strict=True)):
            return []
        found = [self.error(_moved(start, name, tiny * 1j * direction)).imag / tiny]
        if any(not np.array_equal(b, c) for b, c in zip(up, down, strict=True)):
            return found
        return [*found, self.central(name, direction, small, start)]

    def sides(self, parameters: Parameters) -> list[Array]:
        """On which side of each kink of a function its argument lies: -1, 0 or 1."""
        return sides_of_kinks(self.network, parameters, *self.data)

    def error(self, parameters: Parameters) -> complex:
        """The error, of complex parameters too."""
        values = self.network.values(parameters, self.data)
        return complex(self.network.error(parameters, *self.data, values))

    def central(
        self,
        name: str,
        direction: Array,
        step: float,
        parameters: Parameters | None = None,
    ) -> float:
        """The central difference of the error along a direction."""
        start = self.parameters if parameters is None else parameters
        above, below = (
            self.error(_moved(start, name, sign * step * direction)) for sign in (1, -1)
        )
        return (above - below).real / (2 * step)

    def rounding(self, name: str, direction: Array, slope: float) -> float:
        """How far a gradient and a slope change with the rounding of their terms.

        The parameters are moved, and after the forward pass its tensors: where one
        rounds to 1, say, no change of the parameters shows in it. It is measured up to
        32 times, until a tenth of their distance is explained.
        """
        gradient = self.exact[name]
        length, worst = float(np.sqrt(np.sum(direction**2))), 0.0
        off = abs(float(np.sum(gradient * direction)) - slope) / length
        for seed in range(32):
            if off <= 10 * worst:
                break
            draw = np.random.default_rng(seed)
            moved = _rounded(self.parameters, draw)
            values = _rounded(self.network.values(moved, self.data), draw)
            again = self.network.gradients(moved, *self.data, values)[name]
            turned = direction * (1 + 2.0**-46 * draw.uniform(-1, 1))
            measured = self.slopes(name, turned, moved)[0]
            far = float(np.max(np.abs(again - gradient)))
            worst = max(worst, far, abs(measured - slope) / length)
        return worst


def _rounded(arrays: Parameters, draw: np.random.Generator) -> Parameters:
    """Arrays that differ by rounding: by up to 64 units in the last place."""
    return {
        name: value * (1 + 2.0**-46 * draw.uniform(-1, 1, np.shape(value)))
        for name, value in arrays.items()
    }


def sides_of_kinks(
    network: Network, parameters: Parameters, *data: Array
) -> list[Array]:
    """On which side of each kink of a function its argument lies: -1, 0 or 1."""
    values = network.values(parameters, data) if network.has_kinks else {}
    return network.kinks(parameters, *data, values)


def _moved(parameters: Parameters, name: str, step: Array) -> Parameters:
    """The parameters with one of them changed."""
    return {**parameters, name: parameters[name] + step}


def _directions(
    shape: tuple[int, ...], entries: int | None, generator: np.random.Generator
) -> list[Array]:
    """One random direction, at least 1 in some entry, and those of single entries."""
    size = math.prod(shape)
    chosen = np.arange(size)
    if entries is not None and entries < size:
        chosen = np.sort(generator.choice(size, entries, replace=False))
    drawn = generator.standard_normal(shape)
    directions = [drawn / min(1.0, np.max(np.abs(drawn)))]
    for position in chosen:
        direction = np.zeros(size)
        direction[position] = 1
        directions.append(direction.reshape(shape))
    return directions


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
    rows = network.data.turned(network.stored(parameters, data))
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
        errors = steps.run(steps.arranged(rows), batches, rate)
        steps.store(second, kept)
        found = _together(second, kept, errors)
        signs = np.random.default_rng(0)
        nudged = {
            name: value * (1 + 2.0**-52 * signs.choice([-1, 1], value.shape))
            for name, value in self.parameters.items()
        }
        moved = self.stepped(nudged, batches, rate)
        data = self.network.data.turned(self.rows)
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
        turned, chosen = self.network.data.turned, self.network.data.chosen
        errors = [
            self.network.step(now, kept, turned(chosen(self.rows, batch)), rate)
            for batch in batches
        ]
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


def report(network: Network, steps: Steps | None) -> int:
    """Check the gradients on random data and print the worst relative differences.

    Returns 0 if they are right, and 1 if they are not, or cannot be checked.
    """
    try:
        return _report(network, steps)
    except (*FAILURES, ArithmeticError, NameError) as wrong:
        frames = traceback.extract_tb(wrong.__traceback__)
        lines = [frame.lineno for frame in frames if frame.name in FUNCTIONS]
        where = f" ({network.file}, line {lines[-1]})" if lines else ""
        what = f"{type(wrong).__name__}: {wrong}{where}"
        print(f"The gradients cannot be checked: {what}")
        return 1


def _report(network: Network, steps: Steps | None) -> int:
    drawn = draw_example(network)
    # of a large network, some entries, and a direction through all of them
    large = sum(value.size for value in drawn[0].values()) > 10_000
    entries = 64 if large else None
    found, left_out, slopes = gradient_report(network, *drawn, entries=entries)
    print("parameter   complex step   central differences")
    for name, (complex_step, central) in found.items():
        print(f"{name:<11} {complex_step:<14.1e} {central:.1e}")
    right = all(c <= 1e-12 and d <= 1e-6 for c, d in found.values())
    print("The gradients are right." if right else "The gradients are WRONG.")
    if left_out:
        print(f"{left_out} of {slopes} central differences were left out: they would")
        print("cross a kink, or they are not resolved.")
    if steps is None:
        return 0 if right else 1
    changed = steps.change(network)
    if changed:
        print(f"{network.file} {changed}: there is no second rendering to compare.")
        return 0 if right else 1
    apart = compare_steps(network, steps, *drawn)
    agree = apart <= 1e-12
    print(f"The two renderings {'agree' if agree else 'do NOT agree'}: {apart:.1e}.")
    return 0 if right and agree else 1
