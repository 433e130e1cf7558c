"""The numbers of a worked example: given by the user or drawn at random.

They come from a TOML file or from a seed alone. In the input samples are rows; the arrays
returned have samples as columns, as the generated module expects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Symbol

from derive.arrays.matrix import Array as Stored
from derive.calculus.index import Tensor
from derive.calculus.program import Program
from derive.calculus.promises import SumsToOne
from derive.catalogue.losses import TARGETS
from derive.text.errors import SpecError
from derive.text.known import unknown
from derive.text.toml_file import read_toml
from derive.text.user_text import kind, shown, shown_path
from derive.worked.entries import Entries, counted, entries_of, number, plain

Array = NDArray[np.float64]

MAX_SAMPLES = 100
MAX_PARAMETERS = 2_000
MAX_STEPS = 20
MAX_ROUNDS = 100_000
MAX_SEED = 2**32 - 1
DIGITS = (2, 12)

#: Default values.
LEARNING_RATE = 0.5
SAMPLES_DRAWN = 2

#: The decimals of drawn numbers, few enough to follow the calculation by hand.
DECIMALS = 2

#: The tolerance for the sum of a sample's targets, as in the generated module.
SUM_TOLERANCE = 1e-9

SETTINGS = ("learning_rate", "steps", "rounds", "digits", "seed", "fixed")


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Start:
    """The start of a worked example; ``drawn`` names the arrays drawn from the seed.

    ``X`` is (inputs, samples), ``Y`` is (outputs, samples); ``parameters`` maps names to
    two-dimensional arrays, as the generated module takes them.
    """

    X: Array
    Y: Array
    parameters: dict[str, Array]
    drawn: tuple[str, ...]
    learning_rate: float
    steps: int
    rounds: int
    digits: int
    seed: int
    fixed: tuple[str, ...]


def settled(
    given: Numbers, program: Program, promises: Iterable[SumsToOne], module: Any, targets: str = "real"
) -> Start:
    """Check the numbers against a network and draw missing arrays.

    ``module`` is the generated module, executed, ``targets`` one of ``losses.TARGETS``. Raises
    SpecError, naming the file and the place in it.
    """
    try:
        return _settled(given.values, program, tuple(promises), module, targets)
    except SpecError as error:
        raise SpecError(f"{given.where}: {error}" if given.where else str(error)) from None


def _settled(
    values: Mapping[str, Any], program: Program, promises: tuple[SumsToOne, ...], module: Any, targets: str
) -> Start:
    names = ["X", "Y", *(p.name for p in program.parameters)]
    _check_keys(values, names)
    settings = _settings(values, program)
    shapes = _Shapes(program)
    known = {n: entries_of(n, plain(values[n])) for n in names if n in values}
    sizes = shapes.sizes(known)
    if sum(shapes.count(p, sizes) for p in program.parameters) > MAX_PARAMETERS:
        raise SpecError(f"a worked example shows every number, up to {MAX_PARAMETERS} parameters: use smaller layers")
    arrays = {n: shapes.array(n, entries, sizes) for n, entries in known.items()}
    drawn = tuple(n for n in names if n not in arrays)
    arrays = _with_drawn(arrays, _Drawing(shapes, sizes, settings["seed"], module, promises, targets), names)
    _check_targets(arrays, promises, program.inputs[1])
    _check_kind(arrays["Y"], targets)
    data = arrays.pop("X"), arrays.pop("Y")
    return Start(*data, arrays, drawn, **settings)


# The keys.


def _check_keys(values: Mapping[str, Any], names: list[str]) -> None:
    known = [*names, *SETTINGS]
    for key in values:
        if key not in known:
            raise SpecError(unknown("key", key, [*SETTINGS, *names]))


def _settings(values: Mapping[str, Any], program: Program) -> dict[str, Any]:
    steps = _whole("steps", values.get("steps", 1), 1, MAX_STEPS)
    rounds = _whole("rounds", values.get("rounds", steps), 1, MAX_ROUNDS)
    if rounds < steps:
        raise SpecError(f"rounds is {rounds}, fewer than the {steps} steps that are shown: give at least {steps}")
    return {
        "learning_rate": _rate(values.get("learning_rate", LEARNING_RATE)),
        "steps": steps,
        "rounds": rounds,
        "digits": _whole("digits", values.get("digits", 6), *DIGITS),
        "seed": _whole("seed", values.get("seed", 1), 0, MAX_SEED),
        "fixed": _fixed(values.get("fixed", ()), [p.name for p in program.parameters]),
    }


def _whole(key: str, value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError(f"{key} is {kind(value)}, {shown(value)}, where a whole number is expected")
    if not least <= value <= most:
        raise SpecError(f"{key} is {shown(value)}, but is at least {least} and at most {most}")
    return value


def _rate(value: object) -> float:
    rate = number("learning_rate", value)
    if rate < 0:
        raise SpecError(f"learning_rate is {shown(value)}, but is not negative: the update already goes downhill")
    return rate


def _fixed(value: object, names: list[str]) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        example = f'["{names[-1]}"]'
        raise SpecError(f"fixed is {kind(value)}, {shown(value)}, where names such as {example} are expected")
    for entry in value:
        if entry not in names:
            raise SpecError(f"fixed names {shown(entry)}, which is no parameter: known are {', '.join(names)}")
    if set(value) == set(names):
        raise SpecError("fixed names every parameter, so nothing would be learned: leave one out")
    return tuple(n for n in names if n in value)


# The shapes.


class _Shapes:
    """The required shape of each array, once symbolic widths are known."""

    def __init__(self, program: Program) -> None:
        x, y = program.inputs
        self.tensors: dict[str, Tensor] = {"X": x, "Y": y, **{p.name: p for p in program.parameters}}
        self.extents = program.extents

    def side(self, name: str, axis: int) -> Expr:
        return Stored(self.tensors[name]).shape[axis]

    def count(self, parameter: Tensor, sizes: Mapping[Symbol, int]) -> int:
        rows, columns = Stored(parameter).shape
        return int((rows * columns).xreplace(sizes))

    def is_data(self, name: str) -> bool:
        return name in ("X", "Y")

    def sizes(self, known: Mapping[str, Entries]) -> dict[Symbol, int]:
        """Infer the symbolic widths from the given arrays."""
        sizes: dict[Symbol, int] = {}
        for name, entries in known.items():
            for side, length in self._lengths(name, entries):
                for symbol in side.free_symbols & set(self.extents):
                    sizes.setdefault(symbol, int(length - (side - symbol)))
        missing = [s.name for s in self.extents if sizes.get(s, 0) < 1]
        if missing:
            raise SpecError(
                f"the width {missing[0]} is symbolic, and a worked example needs numbers: give whole numbers as "
                "widths, or arrays from which they can be read"
            )
        return sizes

    def _lengths(self, name: str, entries: Entries) -> Iterator[tuple[Expr, int]]:
        """The sides of the stored array whose lengths follow from the given entries."""
        count, width = entries.shape
        rows, columns = self.side(name, 0), self.side(name, 1)
        if self.is_data(name):
            if entries.depth != 1 or rows != 1:
                yield rows, width
        elif entries.depth == 2:
            yield rows, count
            yield columns, width
        elif entries.depth == 1:
            yield (rows, width) if columns == 1 else (columns, width)

    def array(self, name: str, entries: Entries, sizes: Mapping[Symbol, int]) -> Array:
        """Return the array as the generated module takes it: samples as columns, biases as a column."""
        return self._data(name, entries, sizes) if self.is_data(name) else self._parameter(name, entries, sizes)

    def _data(self, name: str, entries: Entries, sizes: Mapping[Symbol, int]) -> Array:
        width = int(self.side(name, 0).xreplace(sizes))
        values = np.array(entries.rows)
        if entries.depth < 2 and width == 1:
            values = values.reshape(-1, 1)
        if values.shape[1] != width:
            unit = "input" if name == "X" else "output"
            hint = "; samples are rows here" if entries.depth == 2 and values.shape[0] == width else ""
            given = f"{counted(values.shape[1], 'number')} for each sample"
            raise SpecError(f"{name} has {given}, but the network has {counted(width, unit)}{hint}")
        if values.shape[0] > MAX_SAMPLES:
            raise SpecError(f"{name} has {values.shape[0]} samples; a worked example shows up to {MAX_SAMPLES}")
        return np.ascontiguousarray(values.T)

    def _parameter(self, name: str, entries: Entries, sizes: Mapping[Symbol, int]) -> Array:
        rows, columns = (int(self.side(name, axis).xreplace(sizes)) for axis in (0, 1))
        values = np.array(entries.rows)
        vector = len(self.tensors[name].axes) == 1
        if vector and entries.depth == 0:
            return np.full((rows, columns), values[0, 0])
        if entries.depth < 2 and values.size == max(rows, columns) == rows * columns:
            return values.reshape(rows, columns)
        if entries.depth == 2 and values.shape == (rows, columns):
            return values
        raise SpecError(f"{name} is {_given(entries)}, where {_expected(rows, columns, vector)} are expected")


def _given(entries: Entries) -> str:
    rows, columns = entries.shape
    if entries.depth == 2:
        return f"{counted(rows, 'row')} of {counted(columns, 'number')}"
    return "one number" if entries.depth == 0 else f"a list of {counted(columns, 'number')}"


def _expected(rows: int, columns: int, vector: bool) -> str:
    if vector:
        return f"{counted(max(rows, columns), 'number')}, one for each unit (or one number for all of them),"
    return f"{counted(rows, 'row')} of {counted(columns, 'number')} (a row for each unit that a weight leads to)"


def _check_targets(arrays: Mapping[str, Array], promises: tuple[SumsToOne, ...], target: Tensor) -> None:
    inputs, targets = arrays["X"].shape[1], arrays["Y"].shape[1]
    if inputs != targets:
        raise SpecError(f"X has {counted(inputs, 'sample')} and Y has {targets}: give both as many")
    if any(promise.tensor.name == target.name for promise in promises):
        for position, total in enumerate(arrays["Y"].sum(axis=0), 1):
            if abs(total - 1) > SUM_TOLERANCE:
                raise SpecError(
                    f"Y: sample {position} sums to {total:.6g}, but the targets of each sample must sum to 1 over "
                    "the classes (one 1 and the rest 0, or probabilities)"
                )


def _check_kind(values: Array, targets: str) -> None:
    """Raise SpecError for targets outside the domain of the loss."""
    fits = {
        "unit": (values >= 0) & (values <= 1),
        "classes": values >= 0,
        "signs": np.abs(values) == 1,
        "counts": values >= 0,
    }
    for unit, sample in np.argwhere(~fits.get(targets, np.isfinite(values))):
        given = f"Y: sample {sample + 1} holds {values[unit, sample]:g}"
        raise SpecError(f"{given}, but the targets of this loss are {TARGETS[targets]}")


# What is drawn.


@dataclass(frozen=True)
class _Drawing:
    """Draws arrays from a seed; each depends only on the seed and its own position."""

    shapes: _Shapes
    sizes: Mapping[Symbol, int]
    seed: int
    module: Any
    promises: tuple[SumsToOne, ...]
    targets: str

    def parameter(self, name: str, place: int) -> Array:
        """Draw a parameter as the module initialises it, rounded; zero parameters are drawn, too."""
        widths = {s.name: n for s, n in self.sizes.items()}
        start: Array = self.module.initial_parameters(self.seed, **widths)[name]
        spread = self._generator(place).uniform(-0.5, 0.5, start.shape)
        return _rounded(np.where(start == 0, spread, start))

    def data(self, name: str, place: int, samples: int) -> Array:
        width = int(self.shapes.side(name, 0).xreplace(self.sizes))
        generator = self._generator(place)
        if name == "X":
            return _rounded(generator.normal(0, 1, (width, samples)))
        if any(p.tensor.name == self.shapes.tensors["Y"].name for p in self.promises):
            return np.eye(width)[:, generator.integers(0, width, samples)]
        if self.targets == "signs":
            return generator.choice([-1.0, 1.0], (width, samples))
        if self.targets == "counts":
            return generator.integers(0, 6, (width, samples)).astype(np.float64)
        return _rounded(generator.uniform(0, 1, (width, samples)))

    def _generator(self, place: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, place))


def _with_drawn(arrays: Mapping[str, Array], drawing: _Drawing, names: list[str]) -> dict[str, Array]:
    """All arrays in the order of ``names``: those given, the others drawn."""
    samples = next((arrays[n].shape[1] for n in ("X", "Y") if n in arrays), SAMPLES_DRAWN)
    full: dict[str, Array] = {}
    for place, name in enumerate(names):
        if name in arrays:
            full[name] = arrays[name]
        elif name in ("X", "Y"):
            full[name] = drawing.data(name, place, samples)
        else:
            full[name] = drawing.parameter(name, place)
    return full


def _rounded(values: Array) -> Array:
    return np.round(values, DECIMALS) + 0.0  # no negative zeros
