"""Print every statement of a program as loops over its indices, with Python's `sum`: slow and easy to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Symbol

from derive.calculus.index import Axis, Tensor
from derive.calculus.program import Assign, Program
from derive.calculus.recurrence import Recurrence, ordered
from derive.targets.loops.printer import Loop, LoopPrinter

Array = NDArray[Any]
STEP = "    "
#: The first place of the largest entry of a dict, or of the smallest for the sign -1.
PLACE_OF = (
    "",
    "",
    "def place_of(entries, sign):",
    STEP + "return max(entries, key=lambda place: sign * entries[place])",
)


def source(program: Program, stages: tuple[str, ...]) -> str:
    """Return a module with the function ``run``; each line that computes an equation ends with its number.

    ``run(values, sizes)`` adds the result of each equation to ``values``: a tensor is a dict from indices, counted
    as in the equations, to numbers. ``sizes`` maps the names of the widths, and ``m``, to numbers.
    """
    printer = _Printer(program.tensors)
    lines = [line for part in parts(program.stage(*stages)) for line in printer.statements(part)]
    head = ["import math", "", "", "def sign(x):", STEP + "return (x > 0) - (x < 0)", *PLACE_OF, *printer.functions]
    return "\n".join([*head, "", "", "def run(values, sizes):", *lines]) + "\n"


def parts(statements: Iterable[Assign]) -> Iterator[tuple[Recurrence | None, list[Assign]]]:
    """The statements one by one, and those of a recurrence together."""
    by_name = {s.target.name: s for s in statements}
    for part in ordered([s.equation for s in by_name.values()]):
        if isinstance(part, Recurrence):
            yield part, [by_name[e.target.name] for e in part.equations]
        else:
            yield None, [by_name[part.target.name]]


def evaluate(
    program: Program,
    values: Mapping[str, Array],
    sizes: Mapping[str, int],
    stages: tuple[str, ...] = ("forward", "error", "factor", "gradient"),
) -> dict[str, Array]:
    """Run the loops on arrays with one axis for each axis of a tensor, like ``calculus.evaluate.interpret``."""
    names: dict[str, Any] = {}
    exec(compile(source(program, stages), "loops", "exec"), names)
    tensors = program.tensors
    known: dict[str, dict[tuple[int, ...], float]] = {n: {(): float(c)} for n, c in program.constants.items()}
    known |= {name: _entries(tensors[name], array) for name, array in values.items()}
    names["run"](known, sizes)
    return {name: _array(tensors[name], entries) for name, entries in known.items() if name in tensors}


def _entries(tensor: Tensor, array: Array) -> dict[tuple[int, ...], float]:
    return {_moved(place, tensor, 1): float(value) for place, value in np.ndenumerate(array)}


def _array(tensor: Tensor, entries: Mapping[tuple[int, ...], float]) -> Array:
    places = {_moved(place, tensor, -1): value for place, value in entries.items()}
    found = np.empty([1 + max(side) for side in zip(*places, strict=True)])
    for place, value in places.items():
        found[place] = value
    return found


def _moved(place: tuple[int, ...], tensor: Tensor, way: int) -> tuple[int, ...]:
    """Convert an array index to the counting of the equations (``way`` 1), or back (-1)."""
    return tuple(n + way * axis.start for n, axis in zip(place, tensor.axes, strict=True))


class _Printer(LoopPrinter):
    """Prints Python. A tensor is a dict from tuples of indices to numbers."""

    library = "math"
    outside = frozenset({"abs", "max", "min", "sign"})
    pi, e, nan = "math.pi", "math.e", "math.nan"
    both, either = "and", "or"

    def statements(self, part: tuple[Recurrence | None, list[Assign]]) -> Iterator[str]:
        """Loops that compute a statement, or those of a recurrence, for each place of its axis."""
        recurrence, statements = part
        for statement in statements:
            yield f"{STEP}values[{statement.target.name!r}] = {{}}"
        if recurrence is None:
            yield from self._entries(statements[0], {}, STEP)
            return
        places = f"range({self.first(recurrence.axis)}, {self.after(recurrence.axis)})"
        yield f"{STEP}for i0 in {f'reversed({places})' if recurrence.backward else places}:"
        for statement in statements:
            yield from self._entries(statement, {recurrence.index(statement.equation): "i0"}, 2 * STEP)

    def _entries(self, statement: Assign, scope: dict[Symbol, str], step: str) -> Iterator[str]:
        name = statement.target.name
        for index in (i for i in statement.equation.indices if i not in scope):
            scope[index] = f"i{len(scope)}"
            yield f"{step}for {self._in_range(scope[index], index.axis)}:"
            step += STEP
        value = self.code(statement.equation.expression, scope)
        place = self.entry(name, [scope[i] for i in statement.equation.indices])
        yield f"{step}{place} = {value}  # ({statement.number})"

    def _in_range(self, name: str, axis: Axis) -> str:
        return f"{name} in range({self.first(axis)}, {self.after(axis)})"

    def entry(self, name: str, indices: Sequence[str]) -> str:
        """An entry of a dict."""
        return f"values[{name!r}][({''.join(f'{index}, ' for index in indices)})]"

    def entry_or_zero(self, name: str, indices: Sequence[str]) -> str:
        """An entry of a dict, or 0."""
        return f"values[{name!r}].get(({''.join(f'{index}, ' for index in indices)}), 0)"

    def product(self, body: str, loops: Sequence[Loop], but: Sequence[str]) -> str:
        """The ``prod`` of a generator."""
        names, places = ("".join(f"{name}, " for name in row) for row in ([name for name, _ in loops], but))
        return f"math.prod({body} {self._loops(loops)}{f' if ({names}) != ({places})' if but else ''})"

    def extreme(self, sign: int, body: str, loops: Sequence[Loop]) -> str:
        """The ``max`` or ``min`` of a generator."""
        return f"{'max' if sign > 0 else 'min'}({body} {self._loops(loops)})"

    def is_place(self, sign: int, body: str, loops: Sequence[Loop], places: Sequence[str]) -> str:
        """A comparison with the key of the first extreme value of a dict."""
        keys = "".join(f"{name}, " for name, _ in loops)
        wanted = "".join(f"{place}, " for place in places)
        return f"place_of({{({keys}): {body} {self._loops(loops)}}}, {sign}) == ({wanted})"

    def _loops(self, loops: Sequence[Loop]) -> str:
        return " ".join(f"for {self._in_range(*loop)}" for loop in loops)

    def choice(self, condition: str, value: str, other: str) -> str:
        """A conditional expression."""
        return f"({value} if {condition} else {other})"

    def equal(self, left: str, right: str) -> str:
        """A comparison."""
        return f"{left} == {right}"

    def total(self, body: str, loops: Sequence[Loop]) -> str:
        """The ``sum`` of a generator."""
        return f"sum({body} {self._loops(loops)})"

    def definition(self, name: str, arguments: Sequence[str], value: str, title: str) -> list[str]:
        """A function of one line."""
        return ["", "", f"def {name}({', '.join(arguments)}):  # {title}", f"{STEP}return {value}"]
