"""NumPy code of a recurrence: a loop over the places of an axis, after what can be computed for all of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayAssign, formed
from derive.arrays.steps import Slice, Steps, steps_of
from derive.calculus.index import Equation, Tensor, symbols_read
from derive.calculus.recurrence import Recurrence
from derive.calculus.roles import Role
from derive.targets.numpy.code import Code, quoted, subscripted, together
from derive.targets.numpy.statements import Statements

#: The name of the number of steps before those of a call that goes on.
DONE = "done"


class LoopCode:
    """Prints a recurrence; ``given`` are its statements by the names of their tensors.

    The arrays of a recurrence are made before its loop, with further places at their ends that stay 0: these are what
    is read before the first place, as -1 and so on, and after the last one. A loop that ``goes_on`` begins with what is
    in ``state``, and leaves there what the next one begins with.
    """

    def __init__(
        self,
        statements: Statements,
        recurrence: Recurrence,
        given: Mapping[str, ArrayAssign],
        goes_on: bool = False,
        alone: bool = False,
    ) -> None:
        self.goes_on, self.alone = goes_on, alone
        self.statements, self.recurrence = statements, recurrence
        stated = [e.target for e in recurrence.equations if e.target.name in given]
        copies = [e.target for e in recurrence.equations if e.target.name not in given]
        self.numbers = {t.name: given[t.name].number for t in stated}
        self.numbers |= {t.name: self.numbers[stated[0].name] for t in copies}
        self.is_forward = all(given[t.name].stage == "forward" for t in stated)
        self.tensors: dict[str, Tensor] = {**statements.program.tensors, **{t.name: t for t in copies}}
        letters = statements.program.letters.get(recurrence.axis.name or recurrence.axis, ())
        self.step = statements.step_name(next(iter(letters), "t"))
        done = DONE if goes_on else ""
        self.steps: Steps = steps_of(recurrence, self.tensors, self.step, statements.given_name, done)
        self.tensors |= {e.target.name: e.target for e in self.steps.before}
        own = {t.name: t.name for t in (*copies, *(e.target for e in self.steps.before))}
        self.names = {**statements.codes.tensors, **own}
        slices = {s.name: self.names[s.of.name] for s in self.steps.slices if s.of}
        self.printer = statements.printer({**own, **slices})

    def before(self) -> list[ArrayAssign]:
        """What is computed before the loop, as statements."""
        return [ArrayAssign(self._number(e), "forward", e, formed(e, self.tensors)) for e in self.steps.before]

    def _number(self, equation: Equation) -> int:
        """The number of the equation of a step that reads what an equation before the loop computes."""
        name = equation.target.name
        readers = [e for e in (*self.steps.inside, *self.steps.before) if self._reads(e, name)]
        first = readers[0].target
        return self.numbers[first.of.name] if isinstance(first, Slice) and first.of else self._number(readers[0])

    def _reads(self, equation: Equation, name: str) -> bool:
        read = symbols_read(equation.expression)
        held = [s.of.name for s in self.steps.slices if s.of and s.name in read]
        return name in (*read, *held)

    def lines(self) -> Iterator[str]:
        """The lines of the loop."""
        targets = [e.target for e in self.recurrence.equations]
        yield from self._made()
        extent = self.statements.extent(self.recurrence.axis.extent)
        kept = [t for t in targets if self.goes_on and any(s.of == t and s.moved for s in self.steps.slices)]
        if kept:
            yield f"if {DONE}:"
        for tensor in kept:
            before = self._marks(tensor, f"-{self.recurrence.reach}:")
            yield f"    {self.names[tensor.name]}[{before}] = state[{quoted(tensor.name)}]"
        places = f"range({extent})"
        yield f"for {self.step} in {f'reversed({places})' if self.recurrence.backward else places}:"
        for equation, stated in zip(self.steps.inside, self.recurrence.equations, strict=True):
            parts, whole = self._parts_of(equation)
            number, name = self.numbers[stated.target.name], self.names[stated.target.name]
            marks = self._place(equation, stated)
            place = f"{name}{marks}"
            for left, code in (*parts, (place, whole)):
                yield f"    {left} = {code.text}  # ({number})"
            if stated.target.name in self.statements.program.stopped and not self.alone:
                yield f"    if {quoted(name)} in values:  # a check gives it"
                yield f"        {place} = values[{quoted(name)}]{marks}"
        if kept:
            last = f"range({extent} - {self.recurrence.reach}, {extent})"
            held = (f"{quoted(t.name)}: {self.names[t.name]}[{self._marks(t, last)}]" for t in kept)
            yield f"state |= {{{', '.join(held)}}}"
        yield from self._trimmed()

    def _made(self) -> Iterator[str]:
        """The lines that make the arrays."""
        by_shape: dict[tuple[tuple[str, ...], int], list[str]] = {}
        for target in (e.target for e in self.recurrence.equations):
            by_shape.setdefault((self._shape(target), self._position(target)), []).append(self.names[target.name])
        for (shape, at), names in by_shape.items():
            yield f"{', '.join(names)} = {self._zeros(len(names), shape, at)}"

    def _parts_of(self, equation: Equation) -> tuple[tuple[tuple[str, Code], ...], Code]:
        """The code of what an equation of a step needs twice, and of the equation."""
        read = tuple(self._tensor(name) for name in symbols_read(equation.expression) if self._is_tensor(name))
        return self.printer.in_parts(mx.Formula(equation, read), self.statements.codes.functions)

    def _place(self, equation: Equation, stated: Equation) -> str:
        """The subscripts of what an equation of a step computes, in the array of what is stated."""
        target = equation.target
        assert isinstance(target, Slice)
        marks = target.subscripts([":"] * len(target.axes))
        return subscripted("", marks[:1] if stated.target.is_column else marks)  # a number, or an array of one

    def _trimmed(self) -> Iterator[str]:
        """The lines that cut off the places at the ends."""
        if self.recurrence.reach:
            end = f":{self.statements.extent(self.recurrence.axis.extent)}"
            targets = [e.target for e in self.recurrence.equations]
            trimmed = ((self.names[t.name], self._marks(t, end)) for t in targets)
            yield from together([(name, f"{name}[{mark}]") for name, mark in trimmed])

    def _zeros(self, count: int, shape: tuple[str, ...], at: int) -> str:
        """Arrays of zeros, each place of the axis ``at`` in one piece of memory: a step reads and writes places."""
        several = [str(count)] if count > 1 else []
        sides = ", ".join([*several, shape[at], *shape[:at], *shape[at + 1 :]])
        zeros = f"np.zeros(({sides}), {self._kind()})"
        return f"np.moveaxis({zeros}, {len(several)}, {len(several) + at})" if at else zeros

    def _kind(self) -> str:
        """The type of the numbers: that of all that is read, since a complex step may be in any of it."""
        if not self.is_forward:
            return "np.result_type(*parameters.values(), *values.values())"
        program = self.statements.program
        real = (t for t in program.inputs if t.role == Role.INPUT and t.places is None)
        return f"np.result_type({', '.join(['*parameters.values()', *map(self.statements.name, real)])})"

    def _tensor(self, name: str) -> Tensor:
        return next((s for s in self.steps.slices if s.name == name), None) or self.tensors[name]

    def _is_tensor(self, name: str) -> bool:
        return name in self.tensors or any(s.name == name for s in self.steps.slices)

    def _position(self, tensor: Tensor) -> int:
        """Where an array has the ordered axis."""
        return tensor.stored_order.index(self.recurrence.places[tensor.name])

    def _marks(self, tensor: Tensor, mark: str) -> str:
        """Subscripts with a mark for the ordered axis."""
        return ", ".join([*[":"] * self._position(tensor), mark])

    def _shape(self, tensor: Tensor) -> tuple[str, ...]:
        """The shape of an array of the recurrence, with what is read outside."""
        sides = [self.statements.extent(side) for side in mx.Array(tensor).shape]
        at = self._position(tensor)
        if self.recurrence.reach:
            sides[at] = self.statements.extent(self.recurrence.axis.extent + self.recurrence.reach)
        return tuple(sides)
