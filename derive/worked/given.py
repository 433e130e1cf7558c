"""The numbers of a worked example: given by the user or drawn at random.

They come from a TOML file or from a seed alone. In the input samples are rows; the arrays
returned have samples as columns, or as the first of three or more axes, as the generated module expects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sympy import Symbol

from derive.calculus.index import SAMPLES, Tensor
from derive.calculus.program import Program
from derive.calculus.promises import Promise, SumsToOne
from derive.calculus.roles import Role
from derive.catalogue.loss import TARGETS
from derive.record import record
from derive.targets.named import in_axes
from derive.text.errors import SpecError
from derive.text.known import unknown
from derive.text.toml_file import read_toml
from derive.text.user_text import kind, shown, shown_path
from derive.worked.drawn import Drawing, with_drawn
from derive.worked.entries import counted, entries_of, number, plain
from derive.worked.shapes import Shapes

if TYPE_CHECKING:
    from derive.targets.registry import Runnable

Array = NDArray[np.float64]

MAX_PARAMETERS = 2_000
MAX_STEPS = 20
MAX_ROUNDS = 100_000
MAX_SEED = 2**32 - 1
DIGITS = (2, 12)

#: The tolerance for the sum of a sample's targets, as in the generated module.
SUM_TOLERANCE = 1e-9

SETTINGS = ("learning_rate", "steps", "rounds", "digits", "seed", "fixed")


@record
class Numbers:
    """The raw keys and values of a file of numbers; ``where`` names the file in errors.

    ``X`` and ``Y`` are the data with samples as rows; parameters have their names in the
    generated module. The settings are ``learning_rate``, ``steps`` (updates shown), ``rounds``
    (total updates), ``digits`` (significant digits printed), ``seed`` and ``fixed`` (parameters that
    are not updated). Missing arrays are drawn from the seed, 1 by default.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    @classmethod
    def from_toml(cls, path: str | Path) -> Numbers:
        """Read a file. Raises SpecError with the file, and the line and column if it is not TOML."""
        return cls(read_toml(path), shown_path(path))


def numbers(given: str | int | Path) -> Numbers:
    """Parse the value of ``--numbers``: a seed (``7`` or ``seed:7``) or a TOML file.

    >>> numbers("seed:7").values
    {'seed': 7}
    """
    text = shown(given) if isinstance(given, int) else str(given)
    seed = re.fullmatch(r"(seed:)?\s*([0-9]{1,20})", text)
    if seed and not isinstance(given, Path):
        return Numbers({"seed": int(seed[2])})
    if text.startswith("seed:") or isinstance(given, int):
        raise SpecError(
            f"the numbers are {shown(text)}, but a seed is a whole number of at most 20 digits, such as seed:7"
        )
    return Numbers.from_toml(text)


@record
class Start:
    """The start of a worked example; ``drawn`` names the arrays drawn from the seed.

    ``data`` and ``parameters`` map names to arrays, as the generated module takes them: samples are columns, or the
    first axis of three or more.
    """

    data: dict[str, Array]
    samples: int
    parameters: dict[str, Array]
    drawn: tuple[str, ...]
    learning_rate: float
    steps: int
    rounds: int
    digits: int
    seed: int
    fixed: tuple[str, ...]


def settled(given: Numbers, derivation: Runnable) -> Start:
    """Check the numbers against a network and draw missing arrays.

    Raises SpecError, naming the file and the place in it.
    """
    try:
        return _settled(given.values, derivation)
    except SpecError as error:
        raise SpecError(f"{given.where}: {error}" if given.where else str(error)) from None


def _settled(values: Mapping[str, Any], derivation: Runnable) -> Start:
    program, promises, targets = derivation.program, derivation.forward.promises, derivation.targets
    names = [t.name for t in (*program.inputs, *program.parameters)]
    _check_keys(values, names)
    settings = _settings(values, derivation)
    shapes = Shapes(program)
    known = {n: entries_of(n, plain(values[n]), len(shapes.sides(n))) for n in names if n in values}
    sizes = shapes.sizes(known)
    _check_size(program, shapes, sizes)
    arrays = {n: shapes.array(n, entries, sizes) for n, entries in known.items()}
    drawn = tuple(n for n in names if n not in arrays)
    module = derivation.numpy_target.module
    arrays = with_drawn(arrays, Drawing(shapes, sizes, settings["seed"], module, promises, targets), names)
    samples = _count_samples(arrays, shapes)
    _check_promises({n: in_axes(t, arrays[n]) for n, t in shapes.tensors.items()}, promises)
    compared = [t for t in program.inputs if t.role == Role.TARGET]
    for tensor in program.inputs:
        if tensor.places is not None:
            arrays[tensor.name] = _places(arrays[tensor.name], tensor, sizes)
        elif len(compared) == 1 and tensor in compared:
            _check_kind(arrays[tensor.name], targets, tensor.name)
    data = {name: arrays.pop(name) for name in shapes.data}
    return Start(data, samples, arrays, drawn, **settings)


def _check_size(program: Program, shapes: Shapes, sizes: Mapping[Symbol, int]) -> None:
    """Raise SpecError if there are too many parameters, or entries of an array of one sample."""
    if sum(shapes.count(p, sizes) for p in program.parameters) > MAX_PARAMETERS:
        raise SpecError(f"a worked example shows every number, up to {MAX_PARAMETERS} parameters: use smaller layers")
    for tensor in program.tensors.values():
        count = shapes.count(tensor, {**sizes, SAMPLES: 1}) if len(tensor.axes) > 2 else 0
        if count > MAX_PARAMETERS:
            raise SpecError(
                f"a worked example shows arrays of up to {MAX_PARAMETERS} numbers, and {tensor.name} has {count}: "
                "use smaller sizes"
            )


# The keys.


def _check_keys(values: Mapping[str, Any], names: list[str]) -> None:
    known = [*names, *SETTINGS]
    for key in values:
        if key not in known:
            raise SpecError(unknown("key", key, [*SETTINGS, *names]))


def _settings(values: Mapping[str, Any], derivation: Runnable) -> dict[str, Any]:
    steps = _whole("steps", values.get("steps", 1), 1, MAX_STEPS)
    rounds = _whole("rounds", values.get("rounds", steps), 1, MAX_ROUNDS)
    if rounds < steps:
        raise SpecError(f"rounds is {rounds}, fewer than the {steps} steps that are shown: give at least {steps}")
    return {
        "learning_rate": _rate(values.get("learning_rate", derivation.descent.optimizer.rate)),
        "steps": steps,
        "rounds": rounds,
        "digits": _whole("digits", values.get("digits", 6), *DIGITS),
        "seed": _whole("seed", values.get("seed", 1), 0, MAX_SEED),
        "fixed": _fixed(values.get("fixed", ()), [p.name for p in derivation.program.parameters]),
    }


def _whole(key: str, value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError(f"{key} is {kind(value)}, {shown(value)}, where a whole number is expected")
    if not least <= value <= most:
        raise SpecError(f"{key} is {shown(value)}, but must be at least {least} and at most {most}")
    return value


def _rate(value: object) -> float:
    rate = number("learning_rate", value)
    if rate < 0:
        raise SpecError(f"learning_rate is {shown(value)}, but must be at least 0")
    return rate


def _fixed(value: object, names: list[str]) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        example = f'["{names[-1]}"]'
        raise SpecError(f"fixed is {kind(value)}, {shown(value)}, where names such as {example} are expected")
    for entry in value:
        if entry not in names:
            raise SpecError(f"fixed names {shown(entry)}, which is not a parameter: known are {', '.join(names)}")
    if names and set(value) == set(names):
        raise SpecError("fixed names every parameter, so nothing would be learned: leave one out")
    return tuple(n for n in names if n in value)


def _count_samples(arrays: Mapping[str, Array], shapes: Shapes) -> int:
    """The number of samples, which must be the same for all data that have samples; 1 if none have."""
    counts = {name: shapes.samples(name, arrays[name]) for name in shapes.data if shapes.by_sample(name)}
    if not counts:
        return 1
    first, *others = counts
    for other in others:
        if counts[other] != counts[first]:
            raise SpecError(
                f"{first} has {counted(counts[first], 'sample')} and {other} has {counts[other]}: give the same number "
                "for both"
            )
    return counts[first]


def _check_promises(arrays: Mapping[str, Array], promises: tuple[Promise, ...]) -> None:
    for promise in promises:
        name, values = promise.tensor.name, arrays[promise.tensor.name]
        if isinstance(promise, SumsToOne) and promise.axis == 0 and promise.tensor.role == Role.TARGET:
            for place, total in np.ndenumerate(values.sum(axis=0)):
                position = place[-1] + 1 if place else 1
                if abs(total - 1) > SUM_TOLERANCE:
                    raise SpecError(
                        f"{name}: sample {position} sums to {total:.6g}, but the targets of each sample must sum to 1 "
                        "over the classes (one 1 and the rest 0, or probabilities)"
                    )
        for value in values[np.broadcast_to(promise.broken(values), values.shape)][:1]:
            raise SpecError(f"{name} has the entry {value:g}, but its entries are promised to {promise.wanted}")


def _places(values: Array, tensor: Tensor, sizes: Mapping[Symbol, int]) -> Any:
    """Entries that number the places of an axis, as integers."""
    assert tensor.places is not None
    first, last = tensor.places.start, int(tensor.places.stop.xreplace(sizes))
    expected = f"whole numbers from {first} to {last} are expected"
    for value in values[(values % 1 != 0) | (values < first) | (values > last)][:1]:
        raise SpecError(f"{tensor.name} has the entry {value:g}, where {expected}")
    return values.astype(int)


def _check_kind(values: Array, targets: str, name: str) -> None:
    """Raise SpecError for targets outside the domain of the loss."""
    fits = {
        "unit": (values >= 0) & (values <= 1),
        "classes": values >= 0,
        "signs": np.abs(values) == 1,
        "counts": values >= 0,
        "positive": values > 0,
    }
    for place in map(tuple, np.argwhere(~fits.get(targets, np.isfinite(values)))):
        sample = place[0 if len(place) > 2 else 1]
        given = f"{name}: sample {sample + 1} holds {values[place]:g}"
        raise SpecError(f"{given}, but the targets of this loss are {TARGETS[targets]}")
