"""The data of a program in code and in sentences: arguments, shapes, and what their numbers may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from sympy import Expr, Symbol

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.drawn import Drawn, drawn_of
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Axis, Tensor
from derive.calculus.program import Program
from derive.calculus.promises import Mask, NotNegative, Positive, Probabilities, Promise, SumsToOne, Weights
from derive.calculus.roles import Role
from derive.record import record
from derive.targets.names import CodeNames
from derive.targets.numpy.code import python_number, quoted
from derive.targets.numpy.formula_printer import scalar
from derive.targets.numpy.function_bodies import dict_code

#: The kinds of the runtime by the promises about a tensor, the first that fits.
_PROMISED: tuple[tuple[tuple[type[Promise], ...], str], ...] = (
    ((SumsToOne, Positive), "shares"),
    ((SumsToOne,), "classes"),
    ((Mask,), "mask"),
    ((Probabilities,), "chances"),
    ((Positive,), "positive"),
    ((Weights,), "weights"),
    ((NotNegative,), "factors"),
)
#: What numbers of a kind are.
KINDS = {
    "real": "any finite numbers",
    "unit": "numbers from 0 to 1",
    "classes": "one-hot rows, or shares that sum to 1; classes count from 0",
    "signs": "-1 or +1",
    "counts": "numbers that are not negative",
    "positive": "positive numbers",
    "chances": "numbers between 0 and 1",
    "shares": "positive numbers that sum to 1",
    "mask": "0 or 1",
    "weights": "numbers that are not negative, and not all 0",
    "factors": "numbers that are not negative",
}


@record
class Data:
    """The inputs and the targets of a program; ``target_kind`` is one of ``loss.TARGETS``."""

    program: ArrayProgram
    codes: CodeNames
    promises: tuple[Promise, ...]
    target_kind: str

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        """The inputs that users give."""
        return tuple(t for t in self.passed if t.role != Role.RANDOM)

    @cached_property
    def random(self) -> dict[str, Drawn]:
        """The distributions of what is random, by name."""
        return drawn_of(self.promises, self.program.inputs)

    @cached_property
    def passed(self) -> tuple[Tensor, ...]:
        """What the forward pass takes: the inputs, and then what is random."""
        return tuple(t for t in self.program.inputs if not t.is_compared)

    @cached_property
    def targets(self) -> tuple[Tensor, ...]:
        """The targets."""
        return tuple(t for t in self.program.inputs if t.role == Role.TARGET)

    @cached_property
    def masks(self) -> tuple[Tensor, ...]:
        """What says which targets are known, in the order of the targets; empty if all are."""
        return tuple(t for t in self.program.inputs if t.role == Role.KNOWN)

    @cached_property
    def weight(self) -> Tensor | None:
        """The weights of the samples; None without any."""
        return next((t for t in self.program.inputs if t.role == Role.SAMPLE_WEIGHT), None)

    @property
    def is_plain(self) -> bool:
        """Whether there are one input and one target, both matrices of units and samples."""
        one_each = len(self.inputs) == len(self.targets) == 1 and self.inputs[0].name not in self.kinds
        return one_each and all(map(_is_matrix, (*self.inputs, *self.targets)))

    @property
    def is_pair(self) -> bool:
        """Whether that is all: neither weights nor masks come with the data."""
        return self.is_plain and len(self.program.inputs) == 2

    @cached_property
    def kinds(self) -> dict[str, str]:
        """What the numbers of data and of parameters are, where they are not any real numbers."""
        by_loss = {t.name: self.target_kind for t in self.targets if self.target_kind not in ("real", "classes")}
        promises = [p for p in self.promises if not isinstance(p, Drawn)]
        made = {p.tensor.name: [q for q in promises if q.tensor == p.tensor] for p in promises}
        return by_loss | {name: _kind(promises) for name, promises in made.items()}

    @property
    def kind(self) -> str:
        """The kind of the target; real if there is not one."""
        return self.kinds.get(self.targets[0].name, "real") if len(self.targets) == 1 else "real"

    # Code.

    def names(self, tensors: Iterable[Tensor]) -> str:
        """The names of data in code, as the beginning of further arguments."""
        return "".join(f"{self.codes.tensors[t.name]}, " for t in tensors)

    def arguments(self, tensors: Iterable[Tensor]) -> str:
        """The same with their types."""
        return "".join(f"{self.codes.tensors[t.name]}: Array, " for t in tensors)

    def facts(self) -> dict[str, str]:
        """The arguments of the runtime's ``Network`` about the data, as code."""
        kinds = {name: kind for name, kind in self.kinds.items() if [name] != [t.name for t in self.targets]}
        over = {
            promise.tensor.name: place
            for promise in self.promises
            if isinstance(promise, SumsToOne) and (place := _stored_place(promise.tensor, promise.axis))
        }
        numbered = [t for t in self.program.inputs if t.places is not None]
        found = {"data": dict_code((t.name, self._shape(t)) for t in self.program.inputs)}
        found |= {"inputs": str(len(self.passed))} if len(self.passed) != 1 else {}
        found |= {"targets_end": str(len(self.passed) + len(self.targets))} if self.masks or self.weight else {}
        found |= {"random": dict_code((n, _law(law)) for n, law in self.random.items())} if self.random else {}
        found |= {"places": dict_code((t.name, self._places(t.places)) for t in numbered)} if numbered else {}
        found |= {"kinds": dict_code((name, quoted(kind)) for name, kind in kinds.items())} if kinds else {}
        found |= {"over": dict_code(over.items())} if over else {}
        return found | ({"targets": quoted(self.kind)} if self.kind != "real" else {})

    def random_shape(self, name: str, axes: Mapping[str, int | None]) -> str:
        """The shape of a random tensor for the samples of the inputs; ``axes`` are their axes, if not the last ones."""
        sampled = (t for t in self.inputs if any(axis.sample for axis in t.axes))
        counts = (f"{self.codes.tensors[t.name]}.shape[{axes.get(t.name, 1)}]" for t in sampled)
        samples, sides = next(counts, "1"), mx.Array(self.program.tensors[name]).shape
        return f"({', '.join(samples if side == SAMPLES else self.extent(side) for side in sides)})"

    def _shape(self, tensor: Tensor) -> str:
        """The stored shape for the runtime: None is the axis of the samples, and a matrix by its rows."""
        if _is_matrix(tensor):
            return self.width(tensor.axes[0].extent)
        sides = (None if side == SAMPLE_AXIS.extent else side for side in mx.Array(tensor).shape)
        return f"({', '.join('None' if side is None else self.width(side) for side in sides)})"

    def _places(self, axis: Axis | None) -> str:
        assert axis is not None
        return f"({self.width(axis.extent)}, {axis.start})"

    def width(self, extent: Expr) -> str:
        """An extent for the runtime, which reads "n + 1"."""
        more, named = extent.as_coeff_Add()
        return quoted(f"{self.extent(named)}{f' + {more}' if more else ''}") if named else str(more)

    def extent(self, extent: Expr) -> str:
        """An extent as code."""
        return scalar(self.codes.in_code(extent)).text

    # Sentences.

    @property
    def stored(self) -> str:
        """The shapes of the data as they are stored."""
        shapes = [f"{self.codes.tensors[t.name]} is {self.stored_shape(t)}" for t in self.program.inputs]
        if not shapes:
            return "No data are given."
        sampled = any(axis.sample for tensor in self.program.inputs for axis in tensor.axes)
        columns = all(map(_is_matrix, self.program.inputs))
        beginning = "Samples are columns: " if columns else "Of m samples, " if sampled else "As arrays, "
        return " ".join([f"{beginning}{', '.join(shapes)}.", *self.drawn])

    @property
    def drawn(self) -> list[str]:
        """A sentence about each random tensor."""
        said = []
        for name, law in self.random.items():
            numbers = [python_number(number).text for number in law.numbers]
            what = f"{law.words.format(*numbers)} in a step of training"
            said.append(f"{self.codes.tensors[name]} is random, {what}, and {numbers[0]}, the mean, in a prediction.")
        return said

    @property
    def passed_shapes(self) -> str:
        """The shapes of the output and of the inputs."""
        inputs = "; ".join(f"{self.codes.tensors[t.name]}, {self.stored_shape(t)}" for t in self.passed)
        return f"the output, {self.stored_shape(self.program.prediction)}{f', for inputs {inputs}' if inputs else ''}"

    def stored_shape(self, tensor: Tensor) -> str:
        """The shape of a stored array, with ``m`` samples."""
        return f"({', '.join(self.extent(side) for side in mx.Array(tensor).shape)})"

    def by_rows(self, tensors: Iterable[Tensor]) -> str:
        """What is given for the inputs, or for the targets, with samples as rows."""
        told = [f"{t.name}, {self._described(t)}" for t in tensors]
        if not told:
            return "left out"
        return told[0] if len(told) == 1 else f"a dict with {'; '.join(told)}"

    def by_arguments(self, outputs: Iterable[Tensor]) -> str:
        """What is given for each input as an argument of its own, and what is returned for the outputs."""
        told = [f"{self.codes.tensors[t.name]} is {self._described(t)}" for t in self.inputs]
        return f"{'; '.join(told) or 'There are no inputs'}. The outputs are {self.by_rows(outputs)}."

    def _described(self, tensor: Tensor) -> str:
        whole = "" if any(axis.sample for axis in tensor.axes) else ", the same for all samples"
        numbers = KINDS[self.kinds[tensor.name]] if tensor.name in self.kinds else ""
        if tensor.places is not None:
            last = self.extent(tensor.places.stop)
            numbers = f"integers from {tensor.places.start} to {last}"
        return f"{self.rows_shape(tensor)}{whole}{f': {numbers}' if numbers else ''}"

    def rows_shape(self, tensor: Tensor) -> str:
        """The shape of an array with samples as rows; of a result without samples, the stored one."""
        if not tensor.is_data and not any(axis.sample for axis in tensor.axes):
            return self.stored_shape(tensor)
        sides = [self.extent(axis.extent) for axis in tensor.axes if not axis.sample]
        if any(axis.sample for axis in tensor.axes):
            sides.insert(0, "samples")
        return f"({', '.join(sides)}{',' * (len(sides) == 1)})" if sides else "a number"


def _law(law: Drawn) -> str:
    """A distribution for the runtime."""
    return f"({', '.join([quoted(law.name), *(python_number(number).text for number in law.numbers)])})"


def _kind(promises: list[Promise]) -> str:
    """The kind of numbers that keep some promises."""
    fits = (kind for wanted, kind in _PROMISED if all(any(isinstance(p, w) for p in promises) for w in wanted))
    return next(fits)


def _is_matrix(tensor: Tensor) -> bool:
    return [axis.sample for axis in tensor.axes] == [False, True] and tensor.places is None


def _stored_place(tensor: Tensor, axis: int) -> int:
    """The place among the stored axes of one of the axes in the equations."""
    before = sum(not other.sample for other in tensor.axes[:axis])
    sampled = any(other.sample for other in tensor.axes)
    return sampled + before if len(tensor.axes) > 2 else axis


def sample_axes(tensors: Iterable[Tensor]) -> Iterator[tuple[str, int | None]]:
    """The stored axis of the samples (None: there is none) of those tensors of which it is not the last."""
    for tensor in tensors:
        samples = [axis.sample for axis in tensor.stored_axes]
        if samples not in ([True], [False, True]):
            yield tensor.name, 0 if any(samples) else None


def unknown_widths(program: Program) -> set[Symbol]:
    """The symbolic widths that no parameter has: they come with the data."""
    known = {s for p in program.parameters for axis in p.axes for s in axis.extent.free_symbols}
    return set(program.extents) - known
