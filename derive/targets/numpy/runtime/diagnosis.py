"""Where a training is stuck: units that are off or saturated, small derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from derive.targets.numpy.runtime.values import Array, _copied

#: A unit is saturated if its output varies by less than this share of its argument.
_SATURATED = 0.01
#: How many samples are looked at after a `fit`: fewer, down to the second number, where
#: they and the parameters would have more products than the third.
_SAMPLES, _FEW_SAMPLES, _PRODUCTS = 200, 32, 10_000_000


class _Layer(NamedTuple):
    """What is found for a tensor of units: shares of them, the size of the derivative.

    constant    units whose output is the same for all samples, although the argument is
                not
    saturated   those whose output varies far less than the argument, the constant ones
                left out
    factor      the name of the derivative of the error with respect to the argument
    size        its root mean square; nan before there is a backward pass
    """

    name: str
    units: int
    constant: float
    saturated: float
    factor: str
    size: float


def _layers(trainer: Any, values: dict[str, Array]) -> Iterator[_Layer]:
    """The units of each tensor, after a forward pass and perhaps a backward pass."""
    network = trainer.network
    for name, argument, factor in trainer.units:
        if network.axes.get(name, -1) is None:
            continue
        spread, left = (
            np.ptp(values[n], axis=network.axes.get(n, -1)).ravel()
            for n in (argument, name)
        )
        varies = spread > 0
        constant = varies & (left == 0)
        saturated = varies & ~constant & (left < _SATURATED * spread)
        size = _size(values[factor]) if factor in values else np.nan
        shares = float(constant.mean()), float(saturated.mean())
        yield _Layer(name, len(varies), *shares, factor, size)


def _table(trainer: Any, data: Sequence[Array], rate: float) -> str:
    """The units of each layer, and how far a step changes each parameter."""
    network = trainer.network
    values = network.values(trainer.parameters, data)
    network.error(trainer.parameters, *data, values)
    slopes = network.gradients(trainer.parameters, *data, values)
    rows: list[tuple[str, ...]] = [
        ("units", "number", "constant", "saturated", "derivative", "its size")
    ]
    for layer in _layers(trainer, values):
        shares = (f"{100 * share:.0f} %" for share in (layer.constant, layer.saturated))
        rows.append(
            (layer.name, f"{layer.units}", *shares, layer.factor, f"{layer.size:.2g}")
        )
    values.clear()  # the step makes its own
    after = _copied(trainer.parameters)
    network.step(after, _copied(trainer.state), data, rate)
    changes: list[tuple[str, ...]] = [
        ("parameter", "number", "size", "gradient", "step / size")
    ]
    for name, gradient in slopes.items():
        value = trainer.parameters[name]
        size, slope, step = map(_size, (value, gradient, after[name] - value))
        ratio = f"{step / size:.2g}" if size else "-"
        changes.append((name, f"{value.size}", f"{size:.2g}", f"{slope:.2g}", ratio))
    return "\n\n".join(_aligned(part) for part in (rows, changes) if len(part) > 1)


def _size(array: Array) -> float:
    """The root mean square of the entries."""
    return float(np.sqrt(np.mean(np.square(array))))


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """The rows as text: the first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _concerns(
    trainer: Any, rows: Sequence[Array], first: float, epochs: int
) -> Iterator[tuple[str, str]]:
    """What is wrong after a training, and what to do: a key, and a sentence of each."""
    last = trainer.epoch_history[-1]
    scale = "standardise the inputs, or take a smaller learning_rate"
    if last > 100 * abs(first):
        yield "rose", f"the error rose from {first:.3g} to {last:.3g}: {scale}"
        return
    network = trainer.network
    learned = sum(value.size for value in trainer.parameters.values())
    count = max(_FEW_SAMPLES, min(_SAMPLES, _PRODUCTS // max(1, learned)))
    count = min(count, network.data.samples(rows))
    chosen = network.data.chosen(rows, slice(0, count))
    data = network.filled(trainer.parameters, chosen)
    values = network.values(trainer.parameters, data)
    error = float(network.error(trainer.parameters, *data, values))
    before = trainer.epoch_history[-2:-1]
    if not before or abs(before[0] - last) < 1e-4 * abs(last):
        network.gradients(trainer.parameters, *data, values)
    layers = list(_layers(trainer, values))
    dead = [layer for layer in layers if layer.constant == 1]
    if dead and count > 1:
        which = f"all units of {dead[0].name} have the same output for all samples"
        yield "constant", f"{which}, so nothing before them learns: {scale}"
    sizes = [layer.size for layer in layers]
    if not dead and sizes and max(sizes) < 1e-12 and abs(error) > 1e-6:
        what = (
            f"the derivatives of the error are below 1e-12 at an error of {error:.3g}"
        )
        yield "saturated", f"{what}: the outputs are saturated. {scale.capitalize()}"
    if dead or count < 4 or epochs < 20:
        return
    outputs = network.by_sample(network.output, values[network.output])
    targets = [datum.name for datum in network.data.targets]
    if network.data.plain and targets and outputs.shape == data[-1].T.shape:
        spread = np.std(data[-1].T, axis=0)
        least = 0.05 if trainer.n_steps_ >= 1000 else 1e-3
        if spread.any() and (np.std(outputs, axis=0) <= least * spread).all():
            what = "the outputs are almost the same for all samples"
            advice = "try another seed, more units, or another learning_rate"
            yield "alike", f"{what}, at an error of {error:.3g}: {advice}"


def _scales(inputs: Sequence[Array]) -> Iterator[tuple[str, str]]:
    """Whether the columns of the inputs differ much in scale."""
    for values in inputs:
        if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind != "f":
            continue
        with np.errstate(all="ignore"):
            spread = np.std(values[:1000], axis=0, dtype=np.float64)
        some = np.flatnonzero(np.isfinite(spread) & (spread > 0))
        if len(some) > 1:
            low, high = some[spread[some].argmin()], some[spread[some].argmax()]
            ratio = spread[high] / spread[low]
            if ratio >= 1e4:
                what = (
                    f"column {high} of the inputs varies {ratio:.0e} times as much as"
                )
                yield "scales", f"{what} column {low}: standardise the inputs"


def _say(trainer: Any, concerns: Iterator[tuple[str, str]]) -> None:
    """Warn of each thing once for a trainer."""
    for key, sentence in concerns:
        if key not in trainer.said:
            trainer.said.add(key)
            warnings.warn(sentence, stacklevel=5)
